package server

import (
	"maps"
	"slices"
	"testing"

	"pointcharge/internal/charge"
	"pointcharge/internal/config"
)

// TestEveryWayToPayCanHaveAChannel: the configuration keeps a list of names of its own.
func TestEveryWayToPayCanHaveAChannel(t *testing.T) {
	t.Parallel()
	var env string
	for _, method := range charge.AllPayMethods() {
		env += string(method) + "=key-" + string(method) + ","
	}
	cfg, err := config.Load(func(name string) string { return map[string]string{"IAMPORT_CHANNELS": env}[name] })
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Collect(maps.Keys(channels(cfg)))
	if len(got) != len(charge.AllPayMethods()) || channels(cfg)[charge.PayByPayco] != "key-PAYCO" {
		t.Errorf("channels for %v", got)
	}
}
