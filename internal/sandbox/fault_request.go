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

// withRequestFaults is answer with the faults that can happen to a request of that route.
func (s *Sandbox) withRequestFaults(route string, answer http.HandlerFunc) http.HandlerFunc {
	if !isIamportRoute(route) {
		return answer
	}
	covers := func(r fault.Rule) bool { return r.Covers(route) }
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.faults.Active() {
			answer(w, r)
			return
		}
		body, ok := s.readBody(w, r) // also: while it is unread, the server does not notice that the caller leaves
		if !ok {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		request := requestFingerprint(r, body)
		if s.faults.TakeSuccess(request) {
			answer(w, r)
			return
		}
		s.injectRequestFault(s.faults.Draw(fault.OnRequest, s.requestIdentity(route, r), covers), request, w, r, answer)
	}
}

// injectRequestFault answers as the fault wants it; without a fault, as ever.
func (s *Sandbox) injectRequestFault(f fault.Fault, request string, w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
	switch f.Name {
	case fault.Latency:
		waitUnlessOver(f, r, time.Duration(f.Random.Int64N(int64(maxLatency))))
		answer(w, r)
	case fault.Hang:
		waitUnlessOver(f, r, maxHang)
		resetConnection(w)
	case fault.Reset:
		resetConnection(w)
	case fault.TooMany:
		w.Header().Set("Retry-After", "1")
		s.writeFailure(w, http.StatusTooManyRequests, -1, "Too Many Requests")
	case fault.ServerError:
		s.faults.OweSuccess(request)
		s.writeFailure(w, http.StatusInternalServerError, -1, "Internal Server Error")
	case fault.HTML:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n")
	case fault.Truncated:
		kept := newHeldAnswer()
		answer(kept, r)
		kept.sendHalf(w)
	case fault.Unauthorized:
		s.ExpireToken()
		answer(w, r)
	case fault.Lost:
		answer(newHeldAnswer(), r)
		resetConnection(w)
	case fault.CancelPending:
		s.requireToken(s.postCancelPending)(w, r)
	default:
		answer(w, r)
	}
}

// wait ends when the caller leaves and when the fault is switched off, too.
func waitUnlessOver(f fault.Fault, r *http.Request, patience time.Duration) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.Over:
	case <-r.Context().Done():
	}
}

// resetConnection breaks the connection off without an answer: with a TCP reset where it is ours alone.
func resetConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2, or no real connection: the server ends the stream
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// heldAnswer is an answer that was not sent.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newHeldAnswer() *heldAnswer { return &heldAnswer{header: http.Header{}, status: http.StatusOK} }

// Header is that of the answer.
func (k *heldAnswer) Header() http.Header { return k.header }

// WriteHeader keeps the status.
func (k *heldAnswer) WriteHeader(status int) { k.status = status }

// Write keeps a part of the body.
func (k *heldAnswer) Write(p []byte) (int, error) { return k.body.Write(p) }

// sendHalf announces the whole answer, sends half of it and breaks off.
func (k *heldAnswer) sendHalf(w http.ResponseWriter) {
	for name, values := range k.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(k.body.Len()))
	w.WriteHeader(k.status)
	_, _ = w.Write(k.body.Bytes()[:k.body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// requestIdentity tells requests apart for the draw: by route and ids.
func (s *Sandbox) requestIdentity(route string, r *http.Request) string {
	payment, order := r.PathValue("imp_uid"), r.PathValue("merchant_uid")
	if p, ok := s.store.get(payment); ok {
		payment = p.identity()
	}
	if attempts := s.store.attempts(order); len(attempts) > 0 {
		order = attempts[0].identity()
	}
	return fmt.Sprintf("%s %s%s", route, payment, order)
}

// requestFingerprint tells requests apart to the last byte.
func requestFingerprint(r *http.Request, body []byte) string {
	sum := fnv.New128a()
	_, _ = sum.Write(body)
	return r.Method + " " + r.URL.RequestURI() + " " + string(sum.Sum(nil))
}
