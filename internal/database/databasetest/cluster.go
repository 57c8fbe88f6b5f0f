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

// cluster is a PostgreSQL server in which each test gets a database.
type cluster struct {
	url      string
	admin    *sql.DB
	template string // a migrated database to copy; empty in a server that is not ours to litter
}

// startClusterOnce is shared by all tests of a binary: starting a server takes seconds, a database
// in it milliseconds. It is a global because nothing else lives as long as the binary, unless every
// package that uses databases had a TestMain.
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
	// Never stopped by us: the cluster notices when this process is gone, however it went.
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

// fastSettings gives up what only matters when the power fails, or on a second day.
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
	if err := c.create(ctx, "pointcharge_template"); err != nil {
		return err
	}
	if err := migrateURL(ctx, c.databaseURL("pointcharge_template")); err != nil {
		return err
	}
	c.template = "pointcharge_template"
	return nil
}

func (c *cluster) create(ctx context.Context, name string) error {
	statement := "CREATE DATABASE " + name
	if c.template != "" {
		statement += " TEMPLATE " + c.template
	}
	_, err := c.admin.ExecContext(ctx, statement)
	return err
}

// databaseURL is the address of the cluster's database with that name. Its waits are longer than
// production's: on a busy test machine three seconds for a lock are soon over, and nothing is wrong
// then.
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

// postgresURL is the address of a migrated database that lives as long as the test.
func postgresURL(t testing.TB) string {
	t.Helper()
	c := sharedCluster(t)
	url := c.createForTest(t)
	if c.template == "" {
		migrate(t, url)
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
	if err := c.create(t.Context(), name); err != nil {
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
