package layout

// arrows are the imports allowed by ARCHITECTURE.md: importing folder → imported folders of this
// module. A folder below a listed folder belongs to the listed one; a new room gets a line here.
// "." is server.go.
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
		"internal/sandbox":    {}, // none of ours: the sandbox tests the other rooms
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
		// The shared world for tests of the domains, and of the rooms that map to the domains.
		domaintest: {databasetest, "internal/database", "internal/audit", "internal/point", "internal/charge", "internal/reconcile",
			"internal/iamport", "internal/sandbox"},

		longtest: {}, // the size of random tests; any test may import it

		"internal/e2e":                 {},
		"internal/torture":             {},
		"internal/torture/clockserver": {"internal/cli"},
		"internal/layout":              {},
		"internal/docs":                {},
		"bench":                        {databasetest, "internal/auth", "internal/database", "internal/audit", "internal/point", "internal/charge", "internal/reconcile"},
	}
}

// testArrows are additional imports allowed in tests. A domain and the packages that map to the
// domain are tested against the pretend Iamport, through the real client.
func testArrows() map[string][]string {
	return map[string][]string{
		"internal/point":     {domaintest, "internal/charge"}, // points to spend are charged first
		"internal/charge":    {domaintest, "internal/iamport", "internal/sandbox"},
		"internal/reconcile": {domaintest, "internal/iamport", "internal/sandbox"},
		"internal/iamport":   {"internal/sandbox"},
		"internal/feed":      {domaintest},
		"internal/web":       {domaintest, "internal/audit", "internal/iamport", "internal/sandbox"},
		"graph":              {domaintest, "internal/audit", "internal/iamport", "internal/sandbox"},
		// e2e runs the whole program, and reads the program's books.
		"internal/e2e": {domaintest, "internal/audit", "internal/cli", "internal/server", "internal/config", "internal/sandbox", "internal/point", "internal/charge", "internal/reconcile"},
		// torture starts the program as a process, and reads the program's books.
		"internal/torture": {domaintest, "internal/audit", "internal/auth", "internal/database", "internal/sandbox", "internal/point", "internal/charge", "internal/reconcile"},
	}
}
