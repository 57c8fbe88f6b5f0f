package sandbox

import (
	"bytes"
	"cmp"
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
	maxHang    = 30 * time.Second // less than the server's timeout for an answer
)

// withRequestFaults lets faults happen to requests of the route, and calls answer for the others.
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
		// While the body is unread, the server does not notice a leaving caller.
		body, ok := s.readBody(w, r)
		if !ok {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		request := requestFingerprint(r, body)
		if s.faults.TakeSuccess(request) {
			answer(w, r)
			return
		}
		f := s.faults.Draw(fault.OnRequest, s.requestIdentity(route, r), covers)
		if f.Name == fault.ServerError {
			s.faults.OweSuccess(request)
		}
		s.injectRequestFault(f, w, r, answer)
	}
}

// injectRequestFault acts the fault out; without one it calls answer.
func (s *Sandbox) injectRequestFault(f fault.Fault, w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
	switch f.Name {
	case fault.Latency:
		waitUnlessOver(f, r, time.Duration(f.Random.Int64N(int64(maxLatency))))
		answer(w, r)
	case fault.Hang:
		waitUnlessOver(f, r, maxHang)
		resetConnection(w)
	case fault.Reset:
		resetConnection(w)
	case fault.TooMany, fault.Refused, fault.BadRequest, fault.Forbidden:
		s.writeRefusal(w, f)
	case fault.ServerError:
		s.writeFailure(w, http.StatusInternalServerError, -1, "Internal Server Error")
	case fault.HTML:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<html><head><title>502 Bad Gateway</title></head>"+
			"<body><h1>502 Bad Gateway</h1></body></html>\n")
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

// writeRefusal answers with a refusal in the gateway's envelope (contract §1.2).
func (s *Sandbox) writeRefusal(w http.ResponseWriter, f fault.Fault) {
	switch f.Name {
	case fault.Refused:
		s.writeFailure(w, http.StatusOK, 1, cmp.Or(f.Message, "요청하신 작업을 처리할 수 없습니다."))
	case fault.BadRequest:
		s.writeFailure(w, http.StatusBadRequest, -1, cmp.Or(f.Message, "요청 값이 올바르지 않습니다."))
	case fault.Forbidden:
		s.writeFailure(w, http.StatusForbidden, -1, cmp.Or(f.Message, "접근 권한이 없습니다."))
	case fault.TooMany:
		w.Header().Set("Retry-After", "1")
		s.writeFailure(w, http.StatusTooManyRequests, -1, cmp.Or(f.Message, "Too Many Requests"))
	}
}

// waitUnlessOver waits, but not longer than the caller does, nor than the fault's plan is active.
func waitUnlessOver(f fault.Fault, r *http.Request, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.Over:
	case <-r.Context().Done():
	}
}

// resetConnection closes the connection without an answer. HTTP/1 gets a TCP reset; a connection
// shared with other requests gets an aborted stream.
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

// heldAnswer is a ResponseWriter that keeps the answer back.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newHeldAnswer() *heldAnswer { return &heldAnswer{header: http.Header{}, status: http.StatusOK} }

// Header returns the answer's header.
func (k *heldAnswer) Header() http.Header { return k.header }

// WriteHeader keeps the status.
func (k *heldAnswer) WriteHeader(status int) { k.status = status }

// Write keeps a part of the body.
func (k *heldAnswer) Write(p []byte) (int, error) { return k.body.Write(p) }

// sendHalf announces the whole answer, sends half of it and aborts the connection.
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

// requestIdentity names the request for the draw: by its route and ids.
func (s *Sandbox) requestIdentity(route string, r *http.Request) string {
	payment, order := r.PathValue("imp_uid"), r.PathValue("merchant_uid")
	if p, ok := s.store.findRecord(payment); ok {
		payment = p.stableIdentity()
	}
	if attempts := s.store.listAttempts(order); len(attempts) > 0 {
		order = attempts[0].stableIdentity()
	}
	return fmt.Sprintf("%s %s%s", route, payment, order)
}

// requestFingerprint differs for requests that differ in one byte.
func requestFingerprint(r *http.Request, body []byte) string {
	sum := fnv.New128a()
	_, _ = sum.Write(body)
	return r.Method + " " + r.URL.RequestURI() + " " + string(sum.Sum(nil))
}
