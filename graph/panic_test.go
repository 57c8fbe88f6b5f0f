package graph_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"pointcharge/graph"
)

// panickingLog panics at a warning and keeps the other lines.
type panickingLog struct{ slog.Handler }

func (x panickingLog) Handle(ctx context.Context, line slog.Record) error {
	if line.Level == slog.LevelWarn {
		panic("the secret " + impSecret + strings.Repeat("!", 100_000))
	}
	return x.Handler.Handle(ctx, line)
}

// A document that is not trusted is reported before it is parsed, so the panic happens before any
// resolver.
func TestAPanicBeforeTheOperationIsMaskedAndLoggedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTrustedDocuments(true), func(_ *world, r *graph.Resolver) { r.Log = slog.New(panickingLog{r.Log.Handler()}) })
	w.wantMasked(w.ask("minji", "{ viewer { balance } }"))
	if length := w.log.text.Len(); length > 20_000 {
		t.Errorf("the log has %d bytes", length)
	}
	w.want(w.ask("minji", trustedQuery), "minji", "viewer", "id")
}
