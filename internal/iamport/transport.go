package iamport

import (
	"net"
	"net/http"
	"time"
)

// NewTransport returns a Client's default transport, for callers that wrap the transport. Every
// phase of a connection has a timeout. The transport keeps maxConns idle connections, so that a
// burst of calls does not open and close one connection each.
func NewTransport(maxConns int) *http.Transport {
	dialer := &net.Dialer{Timeout: 3 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    3 * time.Second,
		ResponseHeaderTimeout:  15 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConns:           maxConns,
		MaxIdleConnsPerHost:    maxConns,
		IdleConnTimeout:        60 * time.Second,
		ForceAttemptHTTP2:      true,
		// All calls may share one HTTP/2 connection: a dead one has to be noticed.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 3 * time.Second},
	}
}
