package web

import (
	"context"
	"net/http"
	"time"
)

const pingTimeout = 2 * time.Second

// serveHealth answers that the process runs.
func (s *Server) serveHealth(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("ok\n"))
}

// serveReadiness answers whether the database answers, and no more, because the route is public.
// All requests at the same time share one ping. The jobs' state is in the metrics. A job that lags
// makes no server less ready: to take the server out of service would not bring Iamport back.
func (s *Server) serveReadiness(w http.ResponseWriter, r *http.Request) {
	shared := context.WithoutCancel(r.Context())
	_, err, _ := s.pings.Do("", func() (any, error) { return nil, s.pingDatabase(shared) })
	if err != nil {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

func (s *Server) pingDatabase(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	err := s.cfg.Ready(ctx)
	if err != nil {
		s.faultLog.Sample(s.cfg.Log).Error("not ready: the database does not answer", "err", err)
	}
	return err
}
