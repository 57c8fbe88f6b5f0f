package server

import (
	"testing"

	"pointcharge/graph"
	"pointcharge/internal/config"
)

func TestTheSettingsDefaultsAreTheAPIs(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	if got := graphLimits(cfg.GraphQL); got != graph.DefaultLimits() {
		t.Errorf("settings %+v, API %+v", got, graph.DefaultLimits())
	}
}
