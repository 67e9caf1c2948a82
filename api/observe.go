package api

import (
	"crypto/rand"
	"fmt"
	"regexp"
	"runtime/debug"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
)

const requestIDKey = "request_id"

// callerID: a caller may name its request, within reason.
var callerID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Metrics of the HTTP side.
type Metrics struct {
	requests *prometheus.HistogramVec
}

// NewMetrics registers the HTTP metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "paysaga_http_request_seconds",
		Help:    "Time to answer, by route and status.",
		Buckets: []float64{.001, .002, .003, .005, .01, .02, .05, .1, .5, 1, 5},
	}, []string{"method", "route", "status"})}
	r.MustRegister(m.requests)
	return m
}

// observe gives every request an id, measures it, and logs what failed on our side. Routes are
// logged by pattern: tokens in links are secrets.
func (a *API) observe(c *fiber.Ctx) error {
	began := time.Now()
	id := nameRequest(c)
	var err error = fiber.ErrNotFound
	if path := c.Path(); utf8.ValidString(path) { // no link is anything else
		err = c.Next()
	}
	if err != nil {
		if err := a.answerError(c, err); err != nil {
			return err
		}
	}
	route, status := c.Route().Path, c.Response().StatusCode()
	took := time.Since(began)
	a.Metrics.requests.WithLabelValues(c.Method(), route, strconv.Itoa(status)).Observe(took.Seconds())
	a.Log.Debug("request", "method", c.Method(), "route", route, "status", status, "took", took, "request_id", id)
	return nil
}

func nameRequest(c *fiber.Ctx) string {
	id := c.Get(fiber.HeaderXRequestID)
	if !callerID.MatchString(id) {
		id = rand.Text()
	}
	c.Locals(requestIDKey, id)
	c.Set(fiber.HeaderXRequestID, id)
	return id
}

func requestID(c *fiber.Ctx) string {
	id, _ := c.Locals(requestIDKey).(string)
	return id
}

func (a *API) logPanic(c *fiber.Ctx, cause any) {
	a.Log.Error("panic in a handler", "route", c.Route().Path, "request_id", requestID(c), "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
}
