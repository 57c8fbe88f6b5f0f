package layout

// arrows are the imports that ARCHITECTURE.md allows: who may import what of ours. A folder below
// one of these belongs to it; a new room gets a line here. "." is server.go.
func arrows() map[string][]string {
	return map[string][]string{
		".":            {"internal/cli"},
		"internal/cli": {"internal/server", "internal/sandbox", "internal/auth", "internal/config", "internal/database", "internal/audit", "internal/point", "internal/charge", "internal/reconcile"},
		"internal/server": {"graph", "internal/web", "internal/console", "internal/iamport", "internal/portone", "internal/sandbox",
			"internal/storefront", "internal/feed", "internal/schedule", "internal/config", "internal/auth", "internal/middleware",
			"internal/ratelimit", "internal/gqlhttp", "internal/gqlguard", "internal/database", "internal/audit",
			"internal/point", "internal/charge", "internal/reconcile"},
		"graph": {"internal/point", "internal/charge", "internal/reconcile", "internal/page", "internal/feed", "internal/auth",
			"internal/middleware", "internal/ratelimit", "internal/gqlhttp", "internal/gqlguard"},
		"internal/gqlhttp":  {"internal/gqlguard", "internal/ratelimit"},
		"internal/gqlguard": {"internal/ratelimit"},
		"internal/web":      {"internal/charge", "internal/point", "internal/middleware", "internal/ratelimit"},
		"internal/console":  {"internal/point", "internal/charge", "internal/reconcile", "internal/page", "internal/auth"},

		"internal/reconcile": {"internal/charge", "internal/point", "internal/database"},
		"internal/charge":    {"internal/point", "internal/page", "internal/audit", "internal/database"},
		"internal/point":     {"internal/page", "internal/audit", "internal/database"},
		"internal/page":      {},
		"internal/audit":     {},
		apierror:             {},

		"internal/iamport":    {"internal/charge", "internal/outgoing"}, // it implements charge.Gateway
		"internal/portone":    {"internal/charge"},
		"internal/sandbox":    {}, // nothing of ours: it is there to test the others
		"internal/storefront": {},
		"internal/feed":       {"internal/point", "internal/ratelimit"},
		"internal/schedule":   {},
		"internal/auth":       {"internal/outgoing", "internal/ratelimit"},
		"internal/outgoing":   {},
		"internal/middleware": {"internal/ratelimit"},
		"internal/ratelimit":  {},
		"internal/config":     {},
		"internal/database":   {"internal/ratelimit"},
		databasetest:          {"internal/database"},
		// The world that the tests of the domains, and of what maps to them, share.
		domaintest: {databasetest, "internal/database", "internal/audit", "internal/point", "internal/charge", "internal/reconcile",
			"internal/iamport", "internal/sandbox"},

		"internal/e2e":     {},
		"internal/torture": {},
		"internal/layout":  {},
		"internal/docs":    {},
		"bench":            {databasetest, "internal/auth", "internal/database", "internal/audit", "internal/point", "internal/charge", "internal/reconcile"},
	}
}

// testArrows are what tests may import besides. A domain and the packages that map to it are tested
// against the pretend Iamport, through the real client.
func testArrows() map[string][]string {
	return map[string][]string{
		"internal/point":     {domaintest, "internal/charge"}, // points to spend are charged first
		"internal/charge":    {domaintest, "internal/iamport", "internal/sandbox"},
		"internal/reconcile": {domaintest, "internal/iamport", "internal/sandbox"},
		"internal/iamport":   {"internal/sandbox"},
		"internal/feed":      {domaintest},
		"internal/web":       {domaintest, "internal/audit", "internal/iamport", "internal/sandbox"},
		"graph":              {domaintest, "internal/audit", "internal/iamport", "internal/sandbox"},
		// It runs the whole program, and reads its books.
		"internal/e2e": {domaintest, "internal/audit", "internal/cli", "internal/server", "internal/config", "internal/sandbox", "internal/point", "internal/charge", "internal/reconcile"},
		// It starts the program as a process, and reads its books.
		"internal/torture": {domaintest, "internal/audit", "internal/auth", "internal/database", "internal/sandbox", "internal/point", "internal/charge", "internal/reconcile"},
	}
}
