package web

import "net/http"

// Notice is what was read of a webhook.
type Notice = notice

// ReadNotice reads a webhook as the route does.
func ReadNotice(w http.ResponseWriter, r *http.Request) (Notice, error) { return readNotice(w, r) }
