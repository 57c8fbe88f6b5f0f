package iamport_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"pointcharge/internal/iamport"
)

func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(newStub(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "imp_unknown") {
			respond(404, `{"code":-1,"message":"없음","response":null}`)(w, r)
			return
		}
		respondPaid(w, r)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := newClient(server.URL, iamport.Config{})
	for range 20 {
		mustPay(t, client)
		client.Payment(t.Context(), "imp_unknown")
	}
	wantCount(t, "connections", opened.Load(), 1)
}

// BenchmarkPayment reads a full payment over loopback. The time must stay far below the database's
// time for a charge (about 110 µs each on two cores).
func BenchmarkPayment(b *testing.B) {
	payment, err := os.ReadFile("testdata/full.json")
	if err != nil {
		b.Fatal(err)
	}
	body := okEnvelope(string(payment))
	client := newStub(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }).client(b, iamport.Config{})
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := client.Payment(b.Context(), "imp_448280090638"); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkDecode is the client's own share, without HTTP.
func BenchmarkDecode(b *testing.B) {
	payment, err := os.ReadFile("testdata/full.json")
	if err != nil {
		b.Fatal(err)
	}
	body := okEnvelope(string(payment))
	client := newClient("http://iamport.test", iamport.Config{Transport: canned{body}})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Payment(b.Context(), "imp_448280090638"); err != nil {
			b.Fatal(err)
		}
	}
}

// canned answers in no time.
type canned struct{ body string }

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	body := c.body
	if r.URL.Path == "/users/getToken" {
		body = grant("token", 1000, 2800)
	}
	return &http.Response{
		StatusCode: http.StatusOK, Request: r, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}
