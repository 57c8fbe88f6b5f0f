package main

import (
	"net/http"
	"strings"
	"testing"

	"pointcharge/graph"
	"pointcharge/internal/config"
	testdb "pointcharge/internal/database/databasetest"
)

func TestTheSettingsDefaultsAreTheAPIs(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(environment{}.get)
	if err != nil {
		t.Fatal(err)
	}
	if got := limits(cfg.GraphQL); got != graph.DefaultLimits() {
		t.Errorf("settings %+v, API %+v", got, graph.DefaultLimits())
	}
}

func TestALimitIsASetting(t *testing.T) {
	t.Parallel()
	s := openShop(t, sandboxOn(testdb.URL(t, testdb.SQLite)).with(environment{"GRAPHQL_MAX_ALIASES": "1"}))
	a := s.send(http.MethodPost, s.url+"/graphql", `{"query":"{ a: __typename b: __typename }"}`)
	if !strings.Contains(a.text, "at most 1 aliases (GRAPHQL_MAX_ALIASES)") {
		t.Errorf("got %s", a.text)
	}
}
