package database_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"pointcharge/internal/database"
)

// withoutPrivileges runs fn where file permissions count, also when the tests run as root. The
// thread has another user for file access only, and ends with the goroutine, as it stays locked.
func withoutPrivileges(t *testing.T, fn func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		fn()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		const nobody = 65534
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0); errno != 0 {
			t.Error(errno)
		}
		fn()
	}()
	<-done
}

// openFolder returns a folder that every user may enter and list, with that mode.
func openFolder(t *testing.T, mode os.FileMode) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sqlite") //nolint:usetesting // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestOpenSaysWhichSQLitePathIsNotWritable(t *testing.T) {
	t.Parallel()
	closed := openFolder(t, 0o555)
	readOnly := filepath.Join(openFolder(t, 0o777), "points.db")
	if err := os.WriteFile(readOnly, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(openFolder(t, 0o777), "plain")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for address, path := range map[string]string{
		"file:" + closed + "/points.db":      closed,
		"file:" + closed + "/data/points.db": closed + "/data",
		"file:" + readOnly:                   readOnly,
		"file:" + plain + "/points.db":       plain,
	} {
		withoutPrivileges(t, func() {
			_, err := database.Open(t.Context(), address, discardLog())
			if err == nil || !strings.Contains(err.Error(), path+" is not writable by user ") || strings.Contains(err.Error(), "memory") {
				t.Errorf("%s: %v", address, err)
			}
		})
	}
}
