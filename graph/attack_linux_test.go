package graph_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"pointcharge/graph"
	"pointcharge/internal/apierror"
	"pointcharge/internal/gqlguard"
)

// maxCPU bounds the processor time of reading any request, and of answering a request that asks for
// no data. The dearest of these tests takes 25 ms, reading alone takes 3 ms; the bound is three
// times that, for slow machines. Without overlap.go the same documents take 500 to 800 ms.
const maxCPU = 75 * time.Millisecond

// maxMemory bounds the memory that one request allocates.
const maxMemory = 8 << 20

// processCPU returns the processor time that this process has used. A test that is not parallel is
// the only one to use it.
func processCPU(t testing.TB) time.Duration {
	const process = 2 // CLOCK_PROCESS_CPUTIME_ID
	var used syscall.Timespec
	if _, _, failed := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, process, uintptr(unsafe.Pointer(&used)), 0); failed != 0 {
		t.Fatal(failed)
	}
	return time.Duration(used.Nano())
}

// request is a document and its variables.
type request struct {
	Query     string         `json:"query"`
	Variables map[string]any `json:"variables"`
	Operation string         `json:"operationName,omitempty"`
}

// tries is the number of measurements. The least one counts; the others include work of the
// machine.
const tries = 5

// measureCPU returns the least processor time of a request on new handlers, which have no cached
// documents.
func measureCPU(t testing.TB, asked request) (time.Duration, *httptest.ResponseRecorder) {
	body, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	least, response := time.Hour, httptest.NewRecorder()
	for range tries {
		handler := (&graph.Resolver{Introspection: true, Log: slog.New(slog.DiscardHandler), Limits: gqlguard.Limits{Body: 1 << 20}}).Handler()
		request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
		request.Header.Set("Content-Type", "application/json")
		response = httptest.NewRecorder()
		before := processCPU(t)
		handler.ServeHTTP(response, request)
		least = min(least, processCPU(t)-before)
	}
	return least, response
}

func repeatNumbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(format, "#", fmt.Sprint(i)))
	}
	return b.String()
}

// attacks are the documented ways to make a GraphQL server work for nothing, with a part of the
// expected refusal.
func attacks() map[string][2]string {
	return map[string][2]string{
		"10,000 times __typename":   {"{" + strings.Repeat(" __typename", 10_000) + "}", "at most 1000 tokens"},
		"26 doubling fragments":     {fragmentBomb(26), "at most 1000 fields, with its fragments put in"},
		"a bomb of 2^97 fields":     {fragmentBomb(97), "at most 1000 fields, with its fragments put in"},
		"a bomb of 2^100 fields":    {fragmentBomb(100), "at most 1000 tokens"},
		"circular fragments":        {"{ ...f0 }" + repeatNumbered(99, " fragment f# on Query { ...f# ...f0 }"), "fragment"},
		"a circle of 100 fragments": {"{ ...f0 }" + circularFragments(100), "fragment"},
		"7 KB of directives":        {"{ __typename" + repeatNumbered(450, " @someDirective#") + "}", "at most 20 directives"},
		"unknown fields":            {"{" + repeatNumbered(900, " f#") + "}", "A query has at most 20 fields at its root"},
		"unknown fields below":      {"{ viewer {" + repeatNumbered(900, " f#") + "} }", "Cannot query field"},
		"an unknown field of 60 KB": {"{ " + strings.Repeat("x", 60_000) + " }", "A name has at most 64 bytes"},
		"a long alias in a list":    {"{ viewer { chargeOrders(first: 100) { edges { node {" + repeatNumbered(30, " a#"+strings.Repeat("x", 2_000)+": price") + "} } } } }", "A name has at most 64 bytes"},
		"300 fields deep":           {strings.Repeat("{ viewer ", 300) + strings.Repeat("}", 300), "at most 12 fields inside each other"},
		"10,000 brackets deep":      {"{ viewer(a: " + strings.Repeat("[", 10_000), "at most 1000 tokens"},
		"900 aliases":               {"{" + repeatNumbered(300, " a#: __typename") + "}", "A query has at most 20 fields at its root"},
		"aliases below":             {"{ viewer {" + repeatNumbered(300, " a#: id") + "} }", "at most 30 aliases"},
		"overlapping fields":        {overlappingSelections(), "at most 30 aliases"},
		"inline fragments spread":   {"{ viewer { ...f0 } }" + fragmentChain(55, "", " ... {"+strings.Repeat(" id", 420)+" }"), "at most 1000 fields, with its fragments put in"},
		"unknown fields spread":     {"{ viewer { ...f0 } }" + fragmentChain(55, "", repeatNumbered(430, " x#")), "at most 1000 fields, with its fragments put in"},
		"wrong values spread":       {"{ viewer { ...f0 } }" + fragmentChain(55, "", " pointTransactions(kinds: ["+strings.Repeat(" X", 420)+"]) { __typename }"), "at most 1000 fields, with its fragments put in"},
		"aliases spread":            {"{" + repeatNumbered(20, " a#: viewer { ...f }") + "} fragment f on User {" + repeatNumbered(9, " b#: chargeOrders { __typename }") + "}", "at most 30 aliases"},
		"directives spread":         {"{" + repeatNumbered(20, " a#: viewer { ...f }") + "} fragment f on User {" + repeatNumbered(9, " id @skip(if: false)") + "}", "at most 20 directives"},
		"long pages":                {"{ viewer { pointTransactions(first: 1000000000) { edges { cursor } } } }", "GRAPHQL_MAX_COST"},
		"60 mutations":              {"mutation {" + strings.Repeat(` cancelSpend(input: {reference: "r"}) { id }`, 60) + "}", "A mutation has at most 5 fields at its root"},
		"introspection around":      {"{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }", "introspection depth"},
		"wide introspection":        {"{ __schema {" + repeatNumbered(25, " a#: types { fields { args { type { name fields { name args { name description } } } } } }") + "} }", "An introspection has at most 12000 fields"},
	}
}

func circularFragments(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " fragment f%d on Query { ...f%d }", i, (i+1)%n)
	}
	return b.String()
}

// overlappingSelections returns 30 selections of one field that must all be compared.
func overlappingSelections() string {
	return "{ viewer {" + strings.Repeat(" chargeOrders { edges { node { a: transaction { b: order { status } } } } }", 30) + "} }"
}

func TestAttacksAreCheapToRefuse(t *testing.T) { //nolint:paralleltest // it measures
	for name, attack := range attacks() { //nolint:paralleltest // it measures
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			used, response := measureCPU(t, request{Query: attack[0]})
			runtime.ReadMemStats(&after)
			allocated := (after.TotalAlloc - before.TotalAlloc) / tries
			t.Logf("%6.2f ms, %d KB allocated, %d bytes ask, %d bytes answer", used.Seconds()*1000, allocated>>10, len(attack[0]), response.Body.Len())
			if allocated > maxMemory {
				t.Errorf("it took %d bytes of memory, more than %d", allocated, maxMemory)
			}
			var r reply
			if err := json.Unmarshal(response.Body.Bytes(), &r); err != nil || r.code() != apierror.InvalidArgument {
				t.Fatalf("%v: %.500s", err, response.Body)
			}
			if !strings.Contains(r.Errors[0].Message, attack[1]) || response.Body.Len() > 5000 {
				t.Errorf("no word of %q, or too many: %.500s", attack[1], response.Body)
			}
			if used > maxCPU*slowdown {
				t.Errorf("it took %s of a processor, more than %s", used, maxCPU*slowdown)
			}
		})
	}
}

// fragmentBomb returns a query whose n fragments each spread the next one twice: 2^n leaves.
func fragmentBomb(n int) string {
	var b strings.Builder
	b.WriteString("{ viewer { ...f0 } }")
	for i := range n {
		fmt.Fprintf(&b, " fragment f%d on User { ...f%d ...f%d }", i, i+1, i+1)
	}
	fmt.Fprintf(&b, " fragment f%d on User { id }", n)
	return b.String()
}
