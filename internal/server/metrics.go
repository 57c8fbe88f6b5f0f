package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"pointcharge/internal/reconcile"
)

// metricsTimeout bounds a scrape, which mostly waits for the database.
const metricsTimeout = 5 * time.Second

// serveMetrics serves /metrics on a separate listener, if one is configured, until stop is called.
func serveMetrics(p *parts) (stop func(), err error) {
	if p.cfg.MetricsAddr == "" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", p.cfg.MetricsAddr)
	if err != nil {
		return nil, fmt.Errorf("listen for metrics: %w", err)
	}
	pool, err := p.db.DB()
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewDBStatsCollector(pool, "pointcharge"),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &stateCollector{p})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{Timeout: metricsTimeout}))
	server := newHTTPServer(mux, p.log)
	p.log.Info("metrics listener started", "addr", listener.Addr().String())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("metrics listener stopped", "err", err)
		}
	})
	return func() {
		_ = server.Close()
		serving.Wait()
	}, nil
}

// stateCollector reads the books and the jobs' states from the database at every scrape.
type stateCollector struct{ *parts }

// Describe implements prometheus.Collector and describes nothing: Prometheus checks the collected
// metrics.
func (*stateCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *stateCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), metricsTimeout)
	defer cancel()
	problems, err := c.services.Charges.ProblemCount(ctx)
	if err != nil {
		c.log.Error("cannot count problems for metrics", "err", err)
	} else {
		sendGauge(out, "pointcharge_problems", "Payments that an operator has to look at.", float64(problems))
	}
	open, err := c.services.Reconcile.CountOpenDiscrepancies(ctx)
	if err != nil {
		c.log.Error("cannot count discrepancies for metrics", "err", err)
	} else {
		for _, kind := range reconcile.DiscrepancyKinds() {
			sendGauge(out, "pointcharge_discrepancies", "Payments about which scheduled reconciliations found the books and Iamport to disagree, "+
				"and that are no problem.", float64(open.ByKind[kind]), "kind", string(kind))
		}
	}
	if err == nil {
		sendGauge(out, "pointcharge_oldest_open_discrepancy_seconds", "How long the oldest open discrepancy is known; 0 when there is none.",
			secondsSince(open.Oldest))
	}
	c.collectRefunds(ctx, out)
	c.collectJobs(ctx, out)
}

func (c *stateCollector) collectRefunds(ctx context.Context, out chan<- prometheus.Metric) {
	oldest, err := c.services.Charges.OldestOpenRefund(ctx)
	if err != nil {
		c.log.Error("cannot read the oldest refund for metrics", "err", err)
		return
	}
	sendGauge(out, "pointcharge_oldest_open_refund_seconds", "How long the oldest refund is under way; 0 when there is none.", secondsSince(&oldest))
}

// secondsSince returns how long ago a time was, and 0 if there is none.
func secondsSince(t *time.Time) float64 {
	if t == nil || t.IsZero() {
		return 0
	}
	return max(0, time.Since(*t).Seconds())
}

func (c *stateCollector) collectJobs(ctx context.Context, out chan<- prometheus.Metric) {
	states, err := c.schedule.States(ctx)
	if err != nil {
		c.log.Error("cannot read the jobs' states for metrics", "err", err)
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

// sendGauge sends one value, with the name and value of a label if two more texts are given.
func sendGauge(out chan<- prometheus.Metric, name, help string, value float64, label ...string) {
	var names, values []string
	if len(label) == 2 {
		names, values = label[:1], label[1:]
	}
	out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, names, nil), prometheus.GaugeValue, value, values...)
}
