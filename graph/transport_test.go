package graph_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"pointcharge/graph"
	"pointcharge/internal/apierror"
)

// sendWithAccept sends a request with an Accept header and returns the response as text.
func (w *world) sendWithAccept(method, query, accept, body string) (status int, header http.Header, text string) {
	w.Helper()
	request, err := http.NewRequestWithContext(w.Context(), method, w.url+query, strings.NewReader(body))
	w.must(err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+w.token("minji"))
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	response, err := http.DefaultClient.Do(request)
	w.must(err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	w.must(err)
	return response.StatusCode, response.Header, string(answer)
}

const modern = "application/graphql-response+json"

// requestErrors are requests that never run, with their statuses: for application/json, for the
// newer type, and for the newer type since the first edition.
func requestErrors() map[string][3]int {
	return map[string][3]int{
		`{"query": `:               {400, 400, 400},
		`[]`:                       {400, 400, 400},
		`{} {}`:                    {400, 400, 400},
		`{}`:                       {400, 400, 422},
		`{"query":""}`:             {400, 400, 422},
		`{"Query":"{ viewer }"}`:   {400, 400, 422},
		`{"query":"{"}`:            {200, 400, 400},
		`{"query":"{ password }"}`: {200, 400, 422},
		`{"query":"query A { viewer { id } } query B { viewer { id } }"}`:                         {200, 400, 422},
		`{"query":"{ viewer { id } }","operationName":"B"}`:                                       {200, 400, 422},
		`{"query":"query($n: Int!) { viewer { chargeOrders(first: $n) { edges { cursor } } } }"}`: {200, 400, 422},
		`{"query":"{ viewer { chargeOrders(first: 100000) { edges { cursor } } } }"}`:             {200, 400, 422},
		`{"query":"{ __typename }","variables":[]}`:                                               {400, 400, 422},
		`{"query":"{ __typename }","operationName":{}}`:                                           {400, 400, 422},
		`{"query":"{ __typename }","documentId":1}`:                                               {400, 400, 422},
		`{"query":"{ __typename }","extensions":"x"}`:                                             {400, 400, 422},
		`{"query":"` + strings.Repeat("x", 64<<10) + `"}`:                                         {413, 413, 413},
	}
}

func TestRequestErrorsHaveTheirStatusAndNoData(t *testing.T) {
	t.Parallel()
	before := newWorld(t)
	since := newWorld(t, func(_ *world, r *graph.Resolver) { r.FirstEdition = true })
	for body, statuses := range requestErrors() {
		for i, ask := range []struct {
			world  *world
			accept string
		}{{before, "application/json"}, {before, modern}, {since, modern}} {
			status, _, text := ask.world.sendWithAccept("POST", "", ask.accept, body)
			if status != statuses[i] || strings.Contains(text, `"data"`) || !strings.Contains(text, `"INVALID_ARGUMENT"`) {
				t.Errorf("%.80s as %s: %d %s, want %d", body, ask.accept, status, text, statuses[i])
			}
		}
	}
}

func TestTheFirstEditionsStatusesAreNotForPlainJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *world, r *graph.Resolver) { r.FirstEdition = true })
	for body, statuses := range requestErrors() {
		if status, _, text := w.sendWithAccept("POST", "", "", body); status != statuses[0] {
			t.Errorf("%.80s: %d %s, want %d", body, status, text, statuses[0])
		}
	}
}

func TestDataWithErrorsAreAPartialSuccessSinceTheFirstEdition(t *testing.T) {
	t.Parallel()
	const partial = `{"query":"{ viewer { id } chargeOrder(merchantUid: \"?\") { status } }"}`
	const whole = `{"query":"{ viewer { id } }"}`
	for draft, want := range map[bool]int{false: 200, true: 294} {
		w := newWorld(t, func(_ *world, r *graph.Resolver) { r.FirstEdition = draft })
		if status, _, text := w.sendWithAccept("POST", "", modern, partial); status != want || !strings.Contains(text, `"data":{"viewer"`) {
			t.Errorf("draft %t: %d %s, want %d", draft, status, text, want)
		}
		if status, _, text := w.sendWithAccept("POST", "", "application/json", partial); status != 200 {
			t.Errorf("draft %t, application/json: %d %s", draft, status, text)
		}
		if status, _, text := w.sendWithAccept("POST", "", modern, whole); status != 200 {
			t.Errorf("draft %t, no error: %d %s", draft, status, text)
		}
	}
}

func TestABodyThatIsNoJSONIsNotShownAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, _, text := w.sendWithAccept("POST", "", "", `{"query": "my password"`); strings.Contains(text, "password") {
		t.Errorf("it does: %s", text)
	}
}

func TestQueriesByGET(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := func(pairs ...string) string {
		values := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			values.Set(pairs[i], pairs[i+1])
		}
		return "?" + values.Encode()
	}
	const byID = "query A($id: ID!) { chargeOrder(merchantUid: $id) { status } } query B { viewer { id } }"
	for query, want := range map[string]string{
		at("query", "{ viewer { id } }"): `{"data":{"viewer":{"id":"minji"}}}`,
		at("query", byID, "operationName", "A", "variables", `{"id":"x"}`, "extensions", `{"a":1}`): `{"data":{"chargeOrder":null}}`,
		at("query", byID, "operationName", "B", "variables", ""):                                    `{"data":{"viewer":{"id":"minji"}}}`,
	} {
		if status, header, text := w.sendWithAccept("GET", query, "", ""); status != 200 || text != want || header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s, want %s", query, status, text, want)
		}
	}
	for query, want := range map[string]int{
		"": 400, "?query=": 400, "?query=%zz": 400, "?query={viewer{id}}&query=;": 400,
		at("query", "{ __typename }", "variables", "{"): 400, at("query", "{ __typename }", "variables", "{}{}"): 400,
		at("query", "{ __typename }", "extensions", "[]"): 400, at("query", "{ "+strings.Repeat("x", 8<<10)+" }"): 414,
	} {
		if status, _, text := w.sendWithAccept("GET", query, "", ""); status != want || !strings.Contains(text, "INVALID_ARGUMENT") {
			t.Errorf("%.80s: %d %s, want %d", query, status, text, want)
		}
	}
}

func TestAMutationByGETIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	query := "?query=" + url.QueryEscape(`mutation { createChargeOrder(productId: "p1") { merchantUid } }`)
	for _, accept := range []string{"", "application/json", modern} {
		status, header, text := w.sendWithAccept("GET", query, accept, "")
		if status != 405 || header.Get("Allow") != "POST" || !strings.Contains(text, string(apierror.InvalidArgument)) {
			t.Errorf("%q: %d Allow %q %s", accept, status, header.Get("Allow"), text)
		}
	}
	w.wantList(w.list("chargeOrders", "merchantUid", 20))
}
