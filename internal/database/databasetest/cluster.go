package databasetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// cluster is a PostgreSQL server with a database for each test.
type cluster struct {
	url   string
	admin *sql.DB
	// A migrated database to copy; empty in an external server, which stays free of our templates.
	template string
}

// startClusterOnce is shared by all tests of a binary: starting a server takes seconds, creating a
// database milliseconds. The variable is a global because only a global lives as long as the
// binary, unless every package with databases had a TestMain.
var startClusterOnce = sync.OnceValues(startCluster)

func startCluster() (*cluster, error) {
	if url := os.Getenv("TEST_DATABASE_URL"); url != "" {
		return connectCluster(url)
	}
	if _, err := postgresBinaries(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(memoryFolder(), "pointcharge")
	if err != nil {
		return nil, err
	}
	// The tests never stop the cluster: the cluster notices the end of this process, whatever the
	// cause.
	url, _, err := StartPostgres(dir, fastSettings()...)
	if err != nil {
		return nil, err
	}
	c, err := connectCluster(url)
	if err != nil {
		return nil, err
	}
	return c, c.createTemplate()
}

// fastSettings gives up guarantees that only matter after a power failure, or on a second day.
func fastSettings() []string {
	var args []string
	for _, setting := range []string{
		"fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0",
		"autovacuum=off", "checkpoint_timeout=1h", "max_connections=400", "shared_buffers=64MB", "max_wal_size=128MB",
	} {
		args = append(args, "-c", setting)
	}
	return args
}

func connectCluster(url string) (*cluster, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	admin := stdlib.OpenDB(*config)
	admin.SetMaxOpenConns(4)
	return &cluster{url: url, admin: admin}, nil
}

func (c *cluster) createTemplate() error {
	ctx := context.Background()
	if err := c.createDatabase(ctx, "pointcharge_template"); err != nil {
		return err
	}
	if err := migrateURL(ctx, c.databaseURL("pointcharge_template")); err != nil {
		return err
	}
	c.template = "pointcharge_template"
	return nil
}

func (c *cluster) createDatabase(ctx context.Context, name string) error {
	statement := "CREATE DATABASE " + name
	if c.template != "" {
		statement += " TEMPLATE " + c.template
	}
	_, err := c.admin.ExecContext(ctx, statement)
	return err
}

// databaseURL returns the address of the named database in the cluster. The timeouts are longer
// than in production: on a busy test machine three seconds for a lock pass without any fault.
func (c *cluster) databaseURL(name string) string {
	address, err := url.Parse(c.url)
	if err != nil {
		panic(fmt.Sprintf("databasetest: TEST_DATABASE_URL must be postgres://…: %v", err))
	}
	address.Path = "/" + name
	query := address.Query()
	query.Set("lock_timeout", "60s")
	query.Set("statement_timeout", "60s")
	query.Set("connect_timeout", "60")
	address.RawQuery = query.Encode()
	return address.String()
}

// postgresURL returns the address of a migrated database with the lifetime of the test.
func postgresURL(t testing.TB) string {
	t.Helper()
	c := sharedCluster(t)
	url := c.createForTest(t)
	if c.template == "" {
		migrateDatabase(t, url)
	}
	return url
}

func emptyPostgresURL(t testing.TB) string {
	t.Helper()
	c := *sharedCluster(t)
	c.template = "template0"
	return c.createForTest(t)
}

func sharedCluster(t testing.TB) *cluster {
	t.Helper()
	c, err := startClusterOnce()
	if errors.Is(err, errNoPostgres) {
		skipOrFail(t)
	}
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	return c
}

func (c *cluster) createForTest(t testing.TB) string {
	t.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	if err := c.createDatabase(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The test's context has ended. FORCE, because a server under test may still hold
		// connections.
		if _, err := c.admin.ExecContext(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return c.databaseURL(name)
}
