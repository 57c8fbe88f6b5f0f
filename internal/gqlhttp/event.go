package gqlhttp

import (
	"net/http"
	"slices"
	"time"
)

// eventWriter writes server-sent events. Each event has its own deadline: the server's deadlines
// are for requests that end.
type eventWriter struct {
	http.ResponseWriter

	controller *http.ResponseController
	timeout    time.Duration
}

func newEventWriter(w http.ResponseWriter, timeout time.Duration) *eventWriter {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
	return &eventWriter{w, http.NewResponseController(w), timeout}
}

func (e *eventWriter) writeNext(r result) error {
	return e.flushText(slices.Concat([]byte("event: next\ndata: "), r.json, []byte("\n\n")))
}

// writeComplete sends the last result and ends the operation for the client.
func (e *eventWriter) writeComplete(last result) {
	if e.writeNext(last) == nil {
		_ = e.flushText([]byte("event: complete\ndata:\n\n"))
	}
}

// writeComment writes an SSE comment. The first comment confirms the subscription, later comments
// are heartbeats.
func (e *eventWriter) writeComment() error { return e.flushText([]byte(":\n\n")) }

func (e *eventWriter) flushText(text []byte) error {
	if err := e.extendDeadline(); err != nil {
		return err
	}
	if _, err := e.Write(text); err != nil {
		return err
	}
	return e.controller.Flush()
}

func (e *eventWriter) extendDeadline() error {
	return e.controller.SetWriteDeadline(time.Now().Add(e.timeout))
}

// close leaves time for the last bytes, which net/http writes after the handler has returned.
func (e *eventWriter) close() { _ = e.extendDeadline() }
