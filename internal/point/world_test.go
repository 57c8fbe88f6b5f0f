package point_test

import (
	"testing"

	"gorm.io/gorm"

	"pointcharge/internal/domaintest"
)

// world is the shared one, with what only the tests of this room ask of it.
type world struct{ *domaintest.World }

// each runs test on both databases, and audits the books afterwards.
func each(t *testing.T, test func(w *world)) {
	t.Helper()
	domaintest.Each(t, func(w *domaintest.World) { test(&world{w}) })
}

func newWorld(t *testing.T, db *gorm.DB, mode string) *world {
	t.Helper()
	return &world{domaintest.NewWorld(t, db, mode)}
}
