//go:build !unix

package databasetest

import "errors"

// server is never started here: set TEST_DATABASE_URL to test on PostgreSQL.
type server struct{ dir string }

func createCluster(_, _ string) (*server, error) {
	return nil, errors.New("a throwaway PostgreSQL needs Unix; set TEST_DATABASE_URL instead")
}

func (s *server) start([]string) error { return nil }
func (s *server) restart(string) error { return nil }
func (s *server) stop()                {}
