package server

import (
	"testing"

	"pointcharge/internal/config"
	"pointcharge/internal/gqlguard"
)

func TestTheSettingsDefaultsAreTheAPIs(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	defaults := gqlguard.Limits{}.WithDefaults()
	want := gqlguard.Limits{Body: defaults.Body, Cost: defaults.Cost, Time: defaults.Time}
	if got := graphLimits(cfg.GraphQL); got != want {
		t.Errorf("settings %+v, API %+v", got, want)
	}
}
