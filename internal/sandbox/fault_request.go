package sandbox

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"pointcharge/internal/sandbox/fault"
)

const (
	maxLatency = 500 * time.Millisecond
	maxHang    = 30 * time.Second // less than the server's patience with an answer
)

// troubled is answer with the faults that can happen to a request of that route.
func (s *Sandbox) troubled(route string, answer http.HandlerFunc) http.HandlerFunc {
	if !isIamports(route) {
		return answer
	}
	covers := func(r fault.Rule) bool { return r.Covers(route) }
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.faults.Active() {
			answer(w, r)
			return
		}
		body, ok := s.readAll(w, r) // also: while it is unread, the server does not notice that the caller leaves
		if !ok {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		request := exactly(r, body)
		if s.faults.TakeSuccess(request) {
			answer(w, r)
			return
		}
		s.inject(s.faults.Draw(fault.OnRequest, s.about(route, r), covers), request, w, r, answer)
	}
}

// inject answers as the fault wants it; without a fault, as ever.
func (s *Sandbox) inject(f fault.Fault, request string, w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
	switch f.Name {
	case fault.Latency:
		hang(f, r, time.Duration(f.Random.Int64N(int64(maxLatency))))
		answer(w, r)
	case fault.Hang:
		hang(f, r, maxHang)
		reset(w)
	case fault.Reset:
		reset(w)
	case fault.TooMany:
		w.Header().Set("Retry-After", "1")
		s.fail(w, http.StatusTooManyRequests, -1, "Too Many Requests")
	case fault.ServerError:
		s.faults.OweSuccess(request)
		s.fail(w, http.StatusInternalServerError, -1, "Internal Server Error")
	case fault.HTML:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n")
	case fault.Truncated:
		kept := newKept()
		answer(kept, r)
		kept.sendHalf(w)
	case fault.Unauthorized:
		s.ExpireToken()
		answer(w, r)
	case fault.Lost:
		answer(newKept(), r)
		reset(w)
	case fault.CancelPending:
		s.authorized(s.postCancelPending)(w, r)
	default:
		answer(w, r)
	}
}

// wait ends when the caller leaves and when the fault is switched off, too.
func hang(f fault.Fault, r *http.Request, patience time.Duration) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.Over:
	case <-r.Context().Done():
	}
}

// reset breaks the connection off without an answer: with a TCP reset where it is ours alone.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2, or no real connection: the server ends the stream
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// kept is an answer that was not sent.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newKept() *kept { return &kept{header: http.Header{}, status: http.StatusOK} }

// Header is that of the answer.
func (k *kept) Header() http.Header { return k.header }

// WriteHeader keeps the status.
func (k *kept) WriteHeader(status int) { k.status = status }

// Write keeps a part of the body.
func (k *kept) Write(p []byte) (int, error) { return k.body.Write(p) }

// sendHalf announces the whole answer, sends half of it and breaks off.
func (k *kept) sendHalf(w http.ResponseWriter) {
	for name, values := range k.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(k.body.Len()))
	w.WriteHeader(k.status)
	_, _ = w.Write(k.body.Bytes()[:k.body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// about tells requests apart for the draw: by route and ids.
func (s *Sandbox) about(route string, r *http.Request) string {
	payment, order := r.PathValue("imp_uid"), r.PathValue("merchant_uid")
	if p, ok := s.store.get(payment); ok {
		payment = p.identity()
	}
	if attempts := s.store.attempts(order); len(attempts) > 0 {
		order = attempts[0].identity()
	}
	return fmt.Sprintf("%s %s%s", route, payment, order)
}

// exactly tells requests apart to the last byte.
func exactly(r *http.Request, body []byte) string {
	sum := fnv.New128a()
	_, _ = sum.Write(body)
	return r.Method + " " + r.URL.RequestURI() + " " + string(sum.Sum(nil))
}
