//go:build unix

package databasetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// server is a cluster on disk and, once started, the processes that serve it.
type server struct {
	bin, dir string
	owner    *syscall.Credential // nil for ourselves
	watchdog *exec.Cmd
	alive    *os.File // the watchdog's standard input: closed when this process ends, whatever ends it
	ended    chan struct{}
	stopOnce sync.Once
}

// createCluster makes dir a folder that holds an empty cluster and belongs to who will serve it.
func createCluster(bin, dir string) (*server, error) {
	owner, err := serverOwner()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if owner != nil {
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			return nil, err
		}
	}
	s := &server{bin: bin, dir: dir, owner: owner, ended: make(chan struct{})}
	initdb := s.command(filepath.Join(bin, "initdb"), "--pgdata=data", "--username=postgres", "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if output, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, output)
	}
	return s, nil
}

// command runs in the cluster's folder, because its owner may not even look at ours.
func (s *server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner, Setsid: true} // out of reach of the terminal's Ctrl-C
	return cmd
}

// watch starts the server, restarts it after each signal that it reads, and, when its standard
// input ends, kills it and removes the folder. PostgreSQL cannot do that for us, and nobody else is
// left after a SIGKILL.
const watch = `
run() {
	"$@" >>log 2>&1 </dev/null &
	postgres=$!
}
run "$@"
while read -r signal; do
	kill -"$signal" $postgres
	wait $postgres
	run "$@"
done
kill -"$END" $postgres
wait $postgres
cd / && rm -rf "$DIR"
`

func (s *server) start(args []string) error {
	postgres := []string{"-D", "data", "-c", "listen_addresses=", "-c", "unix_socket_directories=" + s.dir}
	return s.run("QUIT", filepath.Join(s.bin, "postgres"), append(postgres, args...)...)
}

// run starts a program under the watchdog, which ends it with the signal end.
func (s *server) run(end, program string, args ...string) error {
	s.watchdog = s.command("/bin/sh", append([]string{"-c", watch, "watchdog", program}, args...)...)
	s.watchdog.Env = append(os.Environ(), "DIR="+s.dir, "END="+end)

	stdin, alive, err := os.Pipe()
	if err != nil {
		return err
	}
	defer stdin.Close()
	s.watchdog.Stdin, s.alive = stdin, alive
	if err := s.watchdog.Start(); err != nil {
		return errors.Join(err, alive.Close())
	}
	go func() {
		_ = s.watchdog.Wait()
		close(s.ended)
	}()
	return nil
}

// restart ends the server with a signal and starts it again. It returns at once.
func (s *server) restart(signal string) error {
	_, err := s.alive.WriteString(signal + "\n")
	return err
}

func (s *server) stop() {
	s.stopOnce.Do(func() { _ = s.alive.Close() })
	<-s.ended
}

// serverOwner is who runs the server: ourselves, or an unprivileged user if we are root.
func serverOwner() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(uidErr, gidErr)
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is no user postgres or nobody")
}
