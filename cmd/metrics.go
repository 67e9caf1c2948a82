package cmd

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	temporalotel "go.temporal.io/sdk/contrib/opentelemetry"

	"github.com/paysaga/paysaga/store"
)

// metrics is one registry for everything a process measures, served at /metrics.
type metrics struct {
	temporal client.MetricsHandler
}

func newMetrics() (*metrics, error) {
	exporter, err := otelprometheus.New()
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	return &metrics{temporal: temporalotel.NewMetricsHandler(temporalotel.MetricsHandlerOptions{
		Meter: provider.Meter("temporal"),
	})}, nil
}

// watch measures what operators must be woken for.
func (m *metrics) watch(s *store.Store) {
	prometheus.MustRegister(&storeCollector{store: s})
}

var (
	outboxRows   = prometheus.NewDesc("paysaga_outbox_rows", "Outbox rows that wait for delivery to Temporal.", nil, nil)
	outboxOldest = prometheus.NewDesc("paysaga_outbox_oldest_seconds", "Age of the oldest outbox row.", nil, nil)
	outboxStuck  = prometheus.NewDesc("paysaga_outbox_stuck", "Outbox rows that have waited longer than a minute. Alert above zero.", nil, nil)
	attention    = prometheus.NewDesc("paysaga_needs_attention", "Payments, transfers, deposits, top-ups, payouts and wallets that wait for a person. Alert above zero.", nil, nil)
)

// storeCollector reads the database when it is scraped.
type storeCollector struct{ store *store.Store }

// Describe implements prometheus.Collector.
func (c *storeCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{outboxRows, outboxOldest, outboxStuck, attention} {
		out <- d
	}
}

// Collect implements prometheus.Collector. A database that does not answer is an error in the scrape.
func (c *storeCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	o, err := c.store.Outbox(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(outboxRows, err)
		return
	}
	n, err := c.store.AttentionCount(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(attention, err)
		return
	}
	gauge := func(d *prometheus.Desc, v float64) { out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	gauge(outboxRows, float64(o.Rows))
	gauge(outboxOldest, o.Oldest)
	gauge(outboxStuck, float64(o.Stuck))
	gauge(attention, float64(n))
}
