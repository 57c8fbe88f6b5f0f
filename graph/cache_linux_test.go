package graph_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"pointcharge/graph"
	"pointcharge/internal/auth"
)

func TestLongDocumentsAreNotKept(t *testing.T) { //nolint:paralleltest // it measures
	handler, ctx := (&graph.Resolver{}).Handler(), contextOfMinji(t, auth.RoleUser)
	before := heapInUse()
	for i := range 100 {
		body, err := json.Marshal(request{Query: fmt.Sprintf("{ a%d: __typename }", i) + strings.Repeat(",", 60_000)})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body))).WithContext(ctx)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if strings.Contains(w.Body.String(), "errors") {
			t.Fatal(w.Body)
		}
	}
	kept := heapInUse() - before
	t.Logf("%d KB kept of a hundred documents of 60 KB", kept>>10)
	if kept > 1<<20 {
		t.Errorf("%d bytes are kept", kept)
	}
	runtime.KeepAlive(handler)
}

// heapInUse returns the bytes of the heap that are in use.
func heapInUse() int64 {
	var now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&now)
	return int64(now.HeapAlloc)
}
