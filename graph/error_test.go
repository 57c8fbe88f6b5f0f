package graph_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"pointcharge/graph"
	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
	"pointcharge/internal/iamport"
)

// unreachableGateway is the real client of a gateway that does not run: port 1 refuses every
// connection.
func unreachableGateway() charge.Gateway {
	return iamport.New(iamport.Config{URL: "http://127.0.0.1:1", Key: "imp-key", Secret: impSecret, RetryDelay: 1})
}

// panickingGateway panics in a look-up.
type panickingGateway struct{ charge.Gateway }

func (panickingGateway) Payment(context.Context, string) (charge.Payment, error) {
	panic("the secret " + impSecret)
}

func setPanickingGateway(w *world, _ *graph.Resolver) { w.points.Gateway = panickingGateway{} }

func TestAPanicIsMaskedAndLoggedOnceWithItsStack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setPanickingGateway)
	w.wantMasked(w.charge("minji", "imp_1"))
	if lines := w.log.errors(); !strings.Contains(lines[0], "panickingGateway.Payment") {
		t.Errorf("the log does not say where: %s", lines[0])
	}
	w.want(w.ask("minji", `{ viewer { id } }`), "minji", "viewer", "id")
}

// Each order looks up its product in a table that was changed.
func TestManyFieldsThatFailForOneReasonAreOneLineInTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 7 {
		w.order("minji")
	}
	w.must(w.db.Exec("ALTER TABLE charge_products RENAME COLUMN id TO number").Error)
	r := w.ask("minji", `{ viewer { chargeOrders { edges { node { product { id } } } } } }`)
	w.wantCode(r, apierror.Internal)
	if lines := w.log.errors(); len(r.Errors) != 7 || len(lines) != 1 {
		t.Errorf("%d errors, and the log says %q", len(r.Errors), lines)
	}
	w.ask("minji", `{ viewer { chargeOrders { edges { node { product { id } } } } } }`)
	if lines := w.log.errors(); len(lines) != 2 {
		t.Errorf("the next operation is not in the log: %q", lines)
	}
}

// failingGateway fails with another error every time.
type failingGateway struct {
	charge.Gateway
	calls atomic.Int64
}

func (f *failingGateway) Payment(context.Context, string) (charge.Payment, error) {
	return charge.Payment{}, fmt.Errorf("failure %d", f.calls.Add(1))
}

func TestTheLinesOfAnOperationInTheLogAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world, r *graph.Resolver) {
		w.points.Gateway = &failingGateway{}
		r.Limits.MutationFields = 9
	})
	r := w.ask("minji", "mutation {"+repeatNumbered(9, ` a#: createPointTransaction(impUid: "imp_#") { id }`)+"}")
	if lines := w.log.errors(); len(r.Errors) != 9 || len(lines) != 5 {
		t.Errorf("%d errors, and the log says %q", len(r.Errors), lines)
	}
}

func TestAGatewayThatIsDownIsNotOurFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setUnreachableGateway)
	w.wantCode(w.charge("minji", "imp_1"), apierror.GatewayUnavailable)
	if lines := w.log.errors(); len(lines) != 0 {
		t.Errorf("logged as errors: %q", lines)
	}
}

func TestARefusalIsNoNewsForTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wantCode(w.charge("minji", "imp_unknown"), apierror.PaymentNotFound)
	w.wantCode(w.ask("minji", `{ nothing }`), apierror.InvalidArgument)
	w.wantCode(w.askAs("", `{ viewer { id } }`), apierror.Unauthenticated)
	if w.log.text.Len() != 0 {
		t.Errorf("logged: %s", w.log.text.String())
	}
}

func TestRequestsThatAreWrongThemselvesAreInvalidArguments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.token("minji")
	for name, body := range map[string]string{
		"no JSON":                 `{"query": `,
		"another JSON":            `[]`,
		"a batch":                 `[{"query":"{ viewer { id } }"}]`,
		"empty":                   ``,
		"null":                    `null`,
		"no query":                `{}`,
		"query as number":         `{"query": 1}`,
		"syntax":                  `{"query":"{ viewer { id }"}`,
		"unknown field":           `{"query":"{ viewer { password } }"}`,
		"no selection":            `{"query":"{ viewer }"}`,
		"unknown argument":        `{"query":"mutation { createPointTransaction(impUid: \"imp_1\", amount: 1) { id } }"}`,
		"unknown operation":       `{"query":"query A { viewer { id } }","operationName":"B"}`,
		"two operations, no name": `{"query":"query A { viewer { id } } query B { viewer { id } }"}`,
		"subscription":            `{"query":"subscription { viewer { id } }"}`,
		"circular fragments":      `{"query":"{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"}`,
		"over 64 KiB":             `{"query":"{ viewer { id } } #` + strings.Repeat("x", 64<<10) + `"}`,
		"too many tokens":         `{"query":"{` + strings.Repeat(" __typename", 1000) + `}"}`,
		"variables as text":       `{"query":"{ viewer { id } }","variables":"x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := *w
			w.T = t
			r := w.post(token, body)
			w.wantCode(r, apierror.InvalidArgument)
			if r.at("viewer") != nil || len(r.text) > 4000 {
				t.Errorf("%d bytes: %.500s", len(r.text), r.text)
			}
		})
	}
}

func TestOtherMethodsAndBodiesAreInvalidArguments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := `{"query":"{ viewer { id } }"}`
	for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS"} {
		r := w.send(method, w.token("minji"), "application/json", body)
		w.wantCode(r, apierror.InvalidArgument)
		if r.status != 405 || r.header.Get("Allow") != "GET, POST" {
			t.Errorf("%s: status %d, Allow %q", method, r.status, r.header.Get("Allow"))
		}
	}
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/graphql"} {
		r := w.send("POST", w.token("minji"), contentType, body)
		w.wantCode(r, apierror.InvalidArgument)
		if r.status != 415 {
			t.Errorf("%q: status %d, want 415", contentType, r.status)
		}
	}
}

const schemaQuery = `{ __schema { queryType { name } } }`

func TestIntrospectionThatIsOffIsRefusedAndNoFaultOfOurs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, query := range []string{
		schemaQuery, `{ __type(name: "User") { fields { name } } }`, `{ viewer { id } a: __type(name: "User") { name } }`,
		`{ ...A } fragment A on Query { ...B } fragment B on Query { __schema { types { name } } }`,
	} {
		r := w.ask("minji", query)
		w.wantCode(r, apierror.InvalidArgument)
		if strings.Contains(r.text, "fields") || strings.Contains(r.text, `"Query"`) {
			t.Errorf("it shows the schema: %s", r.text)
		}
	}
	if w.log.text.Len() != 0 {
		t.Errorf("logged: %s", w.log.text.String())
	}
	w.want(w.ask("minji", `{ __typename }`), "Query", "__typename")
}

func TestIntrospectionCanBeSwitchedOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *world, r *graph.Resolver) { r.Introspection = true })
	w.want(w.askAs("", schemaQuery), "Query", "__schema", "queryType", "name")
}

func TestAnswersAreNotStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if got := w.ask("minji", `{ viewer { id } }`).header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
}

// hangingGateway does not answer until the caller gives up.
type hangingGateway struct{ charge.Gateway }

func (hangingGateway) Payment(ctx context.Context, _ string) (charge.Payment, error) {
	<-ctx.Done()
	return charge.Payment{}, ctx.Err()
}
