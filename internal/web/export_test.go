package web

import "net/http"

// Notice exports notice to the tests of package web_test.
type Notice = notice

// ReadNotice exports readNotice.
func ReadNotice(w http.ResponseWriter, r *http.Request) (Notice, error) { return readNotice(w, r) }
