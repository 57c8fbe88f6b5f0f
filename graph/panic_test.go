package graph_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"pointcharge/graph"
)

// explosives is a log that panics at a warning, and keeps the rest.
type explosives struct{ slog.Handler }

func (x explosives) Handle(ctx context.Context, line slog.Record) error {
	if line.Level == slog.LevelWarn {
		panic("the secret " + impSecret + strings.Repeat("!", 100_000))
	}
	return x.Handler.Handle(ctx, line)
}

// A document that is not trusted is reported before it is read: the panic is where no resolver has
// been reached.
func TestAPanicBeforeTheOperationIsMaskedAndLoggedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, trusting(true), func(_ *world, r *graph.Resolver) { r.Log = slog.New(explosives{r.Log.Handler()}) })
	w.wantMasked(w.ask("minji", "{ viewer { balance } }"))
	if length := w.log.text.Len(); length > 20_000 {
		t.Errorf("the log has %d bytes", length)
	}
	w.want(w.ask("minji", trustedQuery), "minji", "viewer", "id")
}
