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

// server is a cluster on disk and, once started, the cluster's processes.
type server struct {
	bin, dir string
	owner    *syscall.Credential // nil for ourselves
	watchdog *exec.Cmd
	// The watchdog's standard input: closed at the end of this process, whatever the cause.
	alive    *os.File
	ended    chan struct{}
	stopOnce sync.Once
}

// createCluster creates an empty cluster in the folder dir, owned by the server's user.
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
	initdb := s.newCommand(filepath.Join(bin, "initdb"), "--pgdata=data", "--username=postgres", "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if output, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, output)
	}
	return s, nil
}

// newCommand runs a program in the cluster's folder, because the server's user may not have access
// to our folder.
func (s *server) newCommand(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	// Out of reach of the terminal's Ctrl-C.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner, Setsid: true}
	return cmd
}

// watch starts the server, restarts the server after each signal on standard input, and, when
// standard input ends, kills the server and removes the folder. PostgreSQL has no such feature, and
// after a SIGKILL only a separate process can clean up.
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
	return s.runUnderWatchdog("QUIT", filepath.Join(s.bin, "postgres"), append(postgres, args...)...)
}

// runUnderWatchdog starts a program under the watchdog. The watchdog ends the program with the
// signal end.
func (s *server) runUnderWatchdog(end, program string, args ...string) error {
	s.watchdog = s.newCommand("/bin/sh", append([]string{"-c", watch, "watchdog", program}, args...)...)
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

// restart ends the server with a signal and starts the server again. The call returns at once.
func (s *server) restart(signal string) error {
	_, err := s.alive.WriteString(signal + "\n")
	return err
}

func (s *server) stop() {
	s.stopOnce.Do(func() { _ = s.alive.Close() })
	<-s.ended
}

// serverOwner returns the server's user: the present user, or an unprivileged user under root.
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
