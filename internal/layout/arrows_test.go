package layout

// arrows are the imports that ARCHITECTURE.md allows: who may import what of ours. A folder below
// one of these belongs to it; a new room gets a line here. "." is server.go.
func arrows() map[string][]string {
	return map[string][]string{
		".":            {"internal/cli"},
		"internal/cli": {"internal/server", "internal/sandbox", "internal/auth", "internal/config", "internal/database", "internal/point", "internal/charge", "internal/reconcile"},
		"internal/server": {"graph", "internal/web", "internal/console", "internal/iamport", "internal/portone", "internal/sandbox",
			"internal/storefront", "internal/feed", "internal/schedule", "internal/config", "internal/auth",
			"internal/middleware", "internal/ratelimit", "internal/gqlhttp", "internal/gqlguard", "internal/database",
			"internal/point", "internal/charge", "internal/reconcile"},
		"graph": {"internal/point", "internal/charge", "internal/reconcile", "internal/page", "internal/feed", "internal/auth",
			"internal/middleware", "internal/ratelimit", "internal/gqlhttp", "internal/gqlguard"},
		"internal/gqlhttp":  {"internal/gqlguard"},
		"internal/gqlguard": {},
		"internal/web":      {"internal/point", "internal/charge", "internal/middleware", "internal/ratelimit"},
		"internal/console":  {"internal/point", "internal/charge", "internal/reconcile", "internal/page", "internal/auth"},

		"internal/reconcile": {"internal/charge", "internal/point", "internal/page", "internal/database"},
		"internal/charge":    {"internal/point", "internal/page", "internal/database"},
		"internal/point":     {"internal/page", "internal/database"},
		"internal/page":      {},
		apierror:             {},

		"internal/iamport":    {"internal/point", "internal/charge"}, // it implements their Gateway
		"internal/portone":    {"internal/charge"},
		"internal/sandbox":    {}, // nothing of ours: it is there to test the others
		"internal/storefront": {},
		"internal/feed":       {"internal/point", "internal/page", "internal/ratelimit"},
		"internal/schedule":   {},
		"internal/auth":       {"internal/point"},
		"internal/middleware": {},
		"internal/ratelimit":  {},
		"internal/config":     {},
		"internal/database":   {"internal/ratelimit"},
		databasetest:          {"internal/database"},

		"internal/e2e":     {},
		"internal/torture": {},
		"internal/layout":  {},
		"internal/docs":    {},
		"bench":            {databasetest, "internal/auth", "internal/database", "internal/point", "internal/charge", "internal/reconcile"},
	}
}

// testArrows are what tests may import besides. A domain and the packages that map to it are tested
// against the pretend Iamport, through the real client.
func testArrows() map[string][]string {
	return map[string][]string{
		"internal/point":     {"internal/iamport", "internal/sandbox"},
		"internal/charge":    {"internal/iamport", "internal/sandbox"},
		"internal/reconcile": {"internal/iamport", "internal/sandbox"},
		"internal/iamport":   {"internal/sandbox"},
		"internal/web":       {"internal/iamport", "internal/sandbox"},
		"graph":              {"internal/iamport", "internal/sandbox"},
		// It runs the whole program, and reads its books.
		"internal/e2e": {"internal/cli", "internal/server", "internal/config", "internal/sandbox", "internal/point", "internal/charge", "internal/reconcile"},
		// It starts the program as a process, and reads its books.
		"internal/torture": {"internal/auth", "internal/database", "internal/sandbox", "internal/point", "internal/charge", "internal/reconcile"},
	}
}
