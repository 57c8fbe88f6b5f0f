package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"pointcharge/internal/point"
)

// serveMetrics serves /metrics, and a /readyz that tells more than the public one, on a listener of its own, if the
// configuration names one, until stop is called.
func serveMetrics(a *app) (stop func(), err error) {
	if a.cfg.MetricsAddr == "" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", a.cfg.MetricsAddr)
	if err != nil {
		return nil, fmt.Errorf("listen for metrics: %w", err)
	}
	pool, err := a.points.DB.DB()
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewDBStatsCollector(pool, "pointcharge"),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &bookMetrics{a})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics, promhttp.HandlerOpts{Timeout: metricsTimeout}))
	mux.HandleFunc("GET /readyz", a.ready)
	server := newHTTPServer(mux, a.log)
	a.log.Info("metrics are served", "addr", listener.Addr().String())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("metrics are served no more", "err", err)
		}
	})
	return func() {
		_ = server.Close()
		serving.Wait()
	}, nil
}

// ready says how each job is doing, for whoever may see the metrics. A job that lags makes no server less ready: to take
// it out of service would not bring Iamport back.
func (a *app) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), metricsTimeout)
	defer cancel()
	states, err := a.schedule.States(ctx)
	if err != nil {
		a.log.Error("not ready", "err", err)
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
	for _, job := range states {
		last := "never"
		if job.SucceededAt != nil {
			last = job.SucceededAt.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s: last success %s, lag %s\n", job.Name, last, job.Lag(time.Now()).Round(time.Second))
	}
}

// metricsTimeout is how long a scrape may take; most of it waits for the database.
const metricsTimeout = 5 * time.Second

// measured counts requests and their time by route, as the router names it: never by what a stranger typed.
func measured(registry prometheus.Registerer, next http.Handler) http.Handler {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "pointcharge_http_request_seconds",
		Help: "Time of HTTP requests by route and status."}, []string{"route", "status"})
	registry.MustRegister(seconds)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, answer := time.Now(), &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(answer, r)
		seconds.WithLabelValues(route(r), strconv.Itoa(answer.status)).Observe(time.Since(began).Seconds())
	})
}

func route(r *http.Request) string {
	if r.Pattern == "" {
		return "none"
	}
	return r.Pattern
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter

	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the real writer.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// bookMetrics reads the books at every scrape.
type bookMetrics struct{ *app }

// Describe implements prometheus.Collector; the metrics are checked as they come.
func (*bookMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (m *bookMetrics) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), metricsTimeout)
	defer cancel()
	problems, err := m.points.ProblemCount(ctx)
	if err != nil {
		m.log.Error("metrics: problems were not counted", "err", err)
	} else {
		sendGauge(out, "pointcharge_problems", "Payments that an operator has to look at.", float64(problems))
	}
	open, err := m.points.OpenDifferences(ctx)
	if err != nil {
		m.log.Error("metrics: differences were not counted", "err", err)
	} else {
		counted := countKinds(open)
		for _, kind := range point.DifferenceKinds() {
			sendGauge(out, "pointcharge_differences", "Payments about which scheduled reconciliations found the books and Iamport to disagree, "+
				"and that are no problem.", float64(counted[kind]), "kind", string(kind))
		}
	}
	m.collectJobs(ctx, out)
}

func (m *bookMetrics) collectJobs(ctx context.Context, out chan<- prometheus.Metric) {
	states, err := m.schedule.States(ctx)
	if err != nil {
		m.log.Error("metrics: the jobs' states were not read", "err", err)
	}
	now := time.Now()
	for _, job := range states {
		if job.SucceededAt != nil {
			sendGauge(out, "pointcharge_job_last_success_seconds", "When the job last succeeded on any server, UNIX time.",
				float64(job.SucceededAt.UnixMilli())/1000, "job", job.Name)
		}
		sendGauge(out, "pointcharge_job_lag_seconds", "How much longer ago than its interval the job last succeeded.",
			job.Lag(now).Seconds(), "job", job.Name)
		failing := 0.0
		if job.Failing() {
			failing = 1
		}
		sendGauge(out, "pointcharge_job_failing", "1 if the job's last run failed.", failing, "job", job.Name)
	}
}

// sendGauge sends one value, with a label's name and value if it has one.
func sendGauge(out chan<- prometheus.Metric, name, help string, value float64, label ...string) {
	var names, values []string
	if len(label) == 2 {
		names, values = label[:1], label[1:]
	}
	out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, names, nil), prometheus.GaugeValue, value, values...)
}
