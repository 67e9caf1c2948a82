package api

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// allowedMethods lists the methods that the asked path takes.
func (a *API) allowedMethods(c *fiber.Ctx) []string {
	asked := strings.Split(strings.Trim(c.Path(), "/"), "/")
	var methods []string
	for _, r := range a.app.GetRoutes(true) {
		if matches(strings.Split(strings.Trim(r.Path, "/"), "/"), asked) && !slices.Contains(methods, r.Method) {
			methods = append(methods, r.Method)
		}
	}
	return methods
}

func matches(pattern, asked []string) bool {
	return slices.EqualFunc(pattern, asked, func(p, s string) bool { return p == s || strings.HasPrefix(p, ":") && s != "" })
}
