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
	c := load(t, environment{"GRAPHQL_MAX_TOKENS": "500", "GRAPHQL_TIMEOUT": "1500ms", "GRAPHQL_HTTP_DRAFT": "true",
		"TRUSTED_DOCUMENTS": "documents.json", "TRUSTED_DOCUMENTS_MODE": "report"}).GraphQL
	if c.MaxTokens != 500 || c.MaxDepth != 12 || c.Timeout != 1500*time.Millisecond || !c.HTTPDraft {
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

func TestLimitsThatAreNoneAreMistakes(t *testing.T) {
	t.Parallel()
	env := environment{"GRAPHQL_MAX_DEPTH": "0", "GRAPHQL_MAX_COST": "-1", "GRAPHQL_MAX_ERRORS": "many", "GRAPHQL_MAX_BODY": "1000001",
		"GRAPHQL_TIMEOUT": "31s", "TRUSTED_DOCUMENTS_MODE": "maybe"}
	want := []string{"GRAPHQL_MAX_BODY", "GRAPHQL_MAX_DEPTH", "GRAPHQL_MAX_COST", "GRAPHQL_MAX_ERRORS", "GRAPHQL_TIMEOUT", "TRUSTED_DOCUMENTS_MODE"}
	if got := slices.Compact(mistakeNames(t, env)); !slices.Equal(got, want) {
		t.Errorf("complaints about %q, want %q", got, want)
	}
}
