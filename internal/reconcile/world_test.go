package reconcile_test

import (
	"net/http"
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/domaintest"
	"pointcharge/internal/sandbox"
)

// world is the shared one, with what only the tests of this room ask of it.
type world struct{ *domaintest.World }

// each runs test on both databases, and audits the books afterwards.
func each(t *testing.T, test func(w *world)) {
	t.Helper()
	domaintest.Each(t, func(w *domaintest.World) { test(&world{w}) })
}

// eachLive is each in live mode.
func eachLive(t *testing.T, test func(w *world)) {
	t.Helper()
	domaintest.EachLive(t, func(w *domaintest.World) { test(&world{w}) })
}

func eachBehindFront(t *testing.T, test func(w *world, f *domaintest.Front)) {
	t.Helper()
	domaintest.EachBehindFront(t, func(w *domaintest.World, f *domaintest.Front) { test(&world{w}, f) })
}

func newWorldBehind(t *testing.T, db *gorm.DB, mode string, gateway *sandbox.Sandbox, front http.Handler) *world {
	t.Helper()
	return &world{domaintest.NewWorldBehind(t, db, mode, gateway, front)}
}
