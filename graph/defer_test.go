package graph_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"pointcharge/graph"
	"pointcharge/internal/apierror"
)

// An answer is sent in one piece, so deferred fields and their errors would be missing.
func TestNothingIsDeferred(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *world, r *graph.Resolver) { r.Introspection = true })
	const query = "{ viewer { ... @defer { id } } }"
	w.wantCode(w.ask("minji", query), apierror.InvalidArgument)
	w.wantCode(w.ask("minji", `mutation { createChargeOrder(productId: "p1") { ... @defer { merchantUid } } }`), apierror.InvalidArgument)
	w.newStreamServer().open(w.token("minji"), "subscription { viewerTransactionAdded { ... @defer { seq } } }", nil).wantRefusal(apierror.InvalidArgument)
	if r := w.askAs("", "{ __schema { directives { name } } }"); strings.Contains(r.text, `"defer"`) || !strings.Contains(r.text, `"skip"`) {
		t.Errorf("introspection shows %s", r.text)
	}
	w.url += "?query=" + url.QueryEscape(query)
	w.wantCode(w.send(http.MethodGet, w.token("minji"), "", ""), apierror.InvalidArgument)
}
