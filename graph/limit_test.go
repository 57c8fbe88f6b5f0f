package graph_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"pointcharge/graph"
	"pointcharge/internal/apierror"
	"pointcharge/internal/auth"
	"pointcharge/internal/charge"
	"pointcharge/internal/database/databasetest"
	"pointcharge/internal/gqlguard"
	"pointcharge/internal/iamport"
)

// setTightLimits sets limits that a test reaches by hand.
func setTightLimits(_ *world, r *graph.Resolver) {
	r.Introspection = true
	r.Limits = gqlguard.Limits{Body: 4000, Tokens: 100, Name: 30, Depth: 4, Aliases: 3, Directives: 2, RootFields: 4, MutationFields: 2, Fields: 20, Cost: 70,
		Introspection: 300, Errors: 2}
}

func TestTheLimitOfABodyIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setTightLimits)
	head, tail := `{"query":"{ viewer { id } } #`, `"}`
	fits := head + strings.Repeat("x", 4000-len(head)-len(tail)) + tail
	if status, _, text := w.sendWithAccept("POST", "", "", fits); status != 200 {
		t.Errorf("%d bytes: %d %s", len(fits), status, text)
	}
	if status, _, text := w.sendWithAccept("POST", "", "", fits+" "); status != 413 || !strings.Contains(text, "at most 4000 bytes (GRAPHQL_MAX_BODY)") {
		t.Errorf("one byte more: %d %s", status, text)
	}
}

func TestErrorsOverTheLimitAreLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setTightLimits)
	for _, query := range []string{"{ viewer { a b c d } }", "{" + repeatNumbered(3, ` a#: chargeOrder(merchantUid: "?") { status }`) + "}"} {
		if r := w.ask("minji", query); len(r.Errors) != 2 {
			t.Errorf("%d errors, want 2: %s", len(r.Errors), r.text)
		}
	}
}

// withShortTimeout gives an operation 50 ms.
func withShortTimeout(gateway func(*world) charge.Gateway) setting {
	return func(w *world, r *graph.Resolver) {
		w.points.Gateway = gateway(w)
		r.Limits.Time = 50 * time.Millisecond
	}
}

const timeoutMessage = "An operation has at most 50ms (GRAPHQL_TIMEOUT). A change may have been made all the same."

func TestAnOperationEndsWithItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withShortTimeout(func(*world) charge.Gateway { return hangingGateway{} }))
	r := w.charge("minji", "imp_1")
	w.wantCode(r, apierror.InvalidArgument)
	if len(r.Errors) != 1 || r.Errors[0].Message != timeoutMessage {
		t.Errorf("it does not say why: %s", r.text)
	}
	if log := w.log.text.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "an operation took too long") {
		t.Errorf("the log says %s", log)
	}
}

// A statement that waits for a lock ends with its context, and each driver reports it in other
// words.
func TestATimeThatEndsInTheDatabaseIsTheOperations(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *gorm.DB) {
		w := newWorldOn(t, db, withShortTimeout(func(w *world) charge.Gateway { return w.points.Gateway }))
		tx := db.Begin()
		defer tx.Rollback()
		w.must(tx.Exec("UPDATE charge_products SET position = position").Error)
		r := w.askAs(w.token("boss", auth.RoleAdmin), strings.Replace(upsert, "p2", "p1", 1))
		if w.wantCode(r, apierror.InvalidArgument); len(w.log.errors()) > 0 || !strings.Contains(r.text, timeoutMessage) {
			t.Errorf("%s, and the log says %s", r.text, w.log.text.String())
		}
	})
}

func TestATimeThatEndsWithTheGatewaySaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withShortTimeout(func(w *world) charge.Gateway {
		hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // otherwise the server does not notice that the client has left
			<-r.Context().Done()
		}))
		w.Cleanup(hanging.Close)
		return iamport.New(iamport.Config{URL: hanging.URL, Key: "imp-key", Secret: impSecret})
	}))
	w.wantCode(w.charge("minji", "imp_1"), apierror.GatewayUnavailable)
}

func TestAnAnswerHasAtMostTenErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var b strings.Builder
	for i := range 20 {
		fmt.Fprintf(&b, `a%d: chargeOrder(merchantUid: "?") { status } `, i)
	}
	if r := w.ask("minji", "{ "+b.String()+"}"); len(r.Errors) != 10 {
		t.Errorf("%d errors, want 10", len(r.Errors))
	}
}
