package databasetest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
)

var errNoPostgres = errors.New("no PostgreSQL server binaries (postgres, initdb) found")

// StartPostgres creates a PostgreSQL cluster in dir, starts it on a Unix socket there and waits until it answers. The
// further args go to the postgres command, such as "-c", "fsync=off"; without any, what is committed is on disk.
//
// stop ends the server and removes dir. So does the end of this process, in whatever way it ends: SIGKILL, panic,
// os.Exit. As root, the server runs as the user postgres or nobody, because it refuses to run as root.
func StartPostgres(dir string, args ...string) (url string, stop func(), err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", nil, err
	}
	bin, err := postgresBinaries()
	if err != nil {
		return "", nil, err
	}
	server, err := createCluster(bin, dir)
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := server.start(args); err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	url = socketURL(dir)
	if err := answers(url); err != nil {
		err = fmt.Errorf("%w\n%s", err, server.log())
		server.stop()
		return "", nil, err
	}
	return url, server.stop, nil
}

func socketURL(dir string) string {
	query := url.Values{"host": {dir}}
	return "postgres://postgres@/postgres?" + query.Encode()
}

// answers waits until the server at url takes connections.
func answers(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, conn.Close(ctx)
	}, backoff.WithBackOff(backoff.NewConstantBackOff(20*time.Millisecond)))
	return err
}

func (s *server) log() []byte {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return []byte(err.Error())
	}
	return text
}

// postgresBinaries is the folder of initdb and postgres: the PATH's, or the newest version in the usual places.
func postgresBinaries() (string, error) {
	if postgres, err := exec.LookPath("postgres"); err == nil {
		if postgres, err = filepath.EvalSymlinks(postgres); err == nil && hasInitdb(filepath.Dir(postgres)) {
			return filepath.Dir(postgres), nil
		}
	}
	var found []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",          // Debian
		"/usr/pgsql-*/bin",                   // Red Hat, from postgresql.org
		"/opt/homebrew/opt/postgresql@*/bin", // Homebrew
		"/usr/local/opt/postgresql@*/bin",
	} {
		dirs, _ := filepath.Glob(pattern) // fails for a bad pattern only
		found = append(found, slices.DeleteFunc(dirs, func(dir string) bool { return !hasInitdb(dir) })...)
	}
	if len(found) == 0 {
		return "", errNoPostgres
	}
	return slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) }), nil
}

func hasInitdb(dir string) bool {
	_, err := exec.LookPath(filepath.Join(dir, "initdb"))
	return err == nil
}

// version is the major version in a folder's name: 15 of /usr/lib/postgresql/15/bin, and 9 of …/9.6/bin.
func version(dir string) int {
	n, _ := strconv.Atoi(regexp.MustCompile(`\d+`).FindString(dir))
	return n
}
