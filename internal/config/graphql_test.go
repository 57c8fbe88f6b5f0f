package config_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pointcharge/internal/config"
)

func TestLimitsOfTheAPIAreSettings(t *testing.T) {
	t.Parallel()
	c := load(t, environment{"GRAPHQL_MAX_COST": "500", "GRAPHQL_TIMEOUT": "1500ms", "GRAPHQL_HTTP_DRAFT": "true",
		"TRUSTED_DOCUMENTS": "documents.json", "TRUSTED_DOCUMENTS_MODE": "report"}).GraphQL
	if c.MaxCost != 500 || c.MaxBody != 65536 || c.Timeout != 1500*time.Millisecond || !c.HTTPDraft {
		t.Errorf("got %+v", c)
	}
	if c.TrustedDocuments != "documents.json" || c.TrustedDocumentsMode != config.Report {
		t.Errorf("got %+v", c)
	}
}

func TestLiveTrustsEveryDocumentUntilToldOtherwise(t *testing.T) {
	t.Parallel()
	c := load(t, live()).GraphQL
	if c.TrustedDocuments != "" || c.HTTPDraft {
		t.Errorf("got %+v", c)
	}
	if c = load(t, live().with(environment{"TRUSTED_DOCUMENTS": "f.json"})).GraphQL; c.TrustedDocumentsMode != config.Enforce {
		t.Errorf("a file alone is not enforced: %+v", c)
	}
}

// TestAModeOfTrustedDocumentsNeedsTheirFile: whoever writes enforce believes the API closed.
func TestAModeOfTrustedDocumentsNeedsTheirFile(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"enforce", "report"} {
		_, err := config.Load(live().with(environment{"TRUSTED_DOCUMENTS_MODE": mode}).get)
		if err == nil || !strings.HasPrefix(err.Error(), "TRUSTED_DOCUMENTS_MODE needs TRUSTED_DOCUMENTS") {
			t.Errorf("%s: %v", mode, err)
		}
		if c := load(t, live().with(environment{"TRUSTED_DOCUMENTS_MODE": mode, "TRUSTED_DOCUMENTS": "f.json"})); string(c.TrustedDocumentsMode) != mode {
			t.Errorf("%s with a file: %s", mode, c.TrustedDocumentsMode)
		}
	}
}

func TestMalformedGraphQLLimitsAreMistakes(t *testing.T) {
	t.Parallel()
	env := environment{"GRAPHQL_MAX_COST": "-1", "GRAPHQL_MAX_BODY": "1000001",
		"GRAPHQL_TIMEOUT": "31s", "TRUSTED_DOCUMENTS_MODE": "maybe"}
	want := []string{"GRAPHQL_MAX_BODY", "GRAPHQL_MAX_COST", "GRAPHQL_TIMEOUT", "TRUSTED_DOCUMENTS_MODE"}
	if got := slices.Compact(mistakeNames(t, env)); !slices.Equal(got, want) {
		t.Errorf("complaints about %q, want %q", got, want)
	}
	for _, none := range []string{"0", "many"} {
		for _, name := range []string{"GRAPHQL_MAX_BODY", "GRAPHQL_MAX_COST"} {
			if got := slices.Compact(mistakeNames(t, environment{name: none})); !slices.Equal(got, []string{name}) {
				t.Errorf("%s=%s: complaints about %q", name, none, got)
			}
		}
	}
}
