package api

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var openAPI []byte

func (a *API) opsRoutes() {
	a.app.Get("/healthz", func(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) })
	a.app.Get("/readyz", a.readyz)
	a.app.Get("/metrics", adaptor.HTTPHandler(promhttp.Handler()))
	a.app.Get("/version", func(c *fiber.Ctx) error { return c.JSON(fiber.Map{"version": a.Version}) })
	a.app.Get("/openapi.json", a.openAPIJSON)
	a.docsRoutes()
}

// readyz says whether this process should get traffic.
func (a *API) readyz(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), 2*time.Second)
	defer cancel()
	err := errDraining
	if !a.draining.Load() {
		err = a.Ready(ctx)
	}
	if err != nil {
		a.Log.Warn("not ready", "error", err)
		return c.Status(http.StatusServiceUnavailable).JSON(fiber.Map{"status": "not ready"})
	}
	return c.JSON(fiber.Map{"status": "ready"})
}

func (a *API) openAPIJSON(c *fiber.Ctx) error {
	var spec map[string]any
	if err := yaml.Unmarshal(openAPI, &spec); err != nil {
		return fmt.Errorf("openapi.yaml: %w", err)
	}
	return c.JSON(spec)
}
