package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/stretchr/testify/require"
)

// loadSpec reads the description the way every test of this package uses it: valid, examples included.
func loadSpec(t *testing.T) *openapi3.T {
	t.Helper()
	yaml, err := os.ReadFile("openapi.yaml")
	require.NoError(t, err)
	spec, err := openapi3.NewLoader().LoadFromData(yaml)
	require.NoError(t, err)
	require.NoError(t, spec.Validate(t.Context(), openapi3.EnableExamplesValidation()))
	return spec
}

// spec holds exchanges against openapi.yaml.
type spec struct {
	doc    *openapi3.T
	router routers.Router
	mu     sync.Mutex
	seen   map[string]bool // "createPayment 200"
}

var loadOnce = sync.OnceValue(func() *spec {
	for _, asText := range []string{"text/html", "text/css", "text/javascript", "image/svg+xml", "image/png", "font/woff2", "application/openmetrics-text"} {
		openapi3filter.RegisterBodyDecoder(asText, openapi3filter.PlainBodyDecoder)
	}
	return &spec{seen: map[string]bool{}}
})

func loadedSpec(t *testing.T) *spec {
	t.Helper()
	s := loadOnce()
	if s.doc == nil {
		s.doc = loadSpec(t)
		router, err := legacy.NewRouter(s.doc)
		require.NoError(t, err)
		s.router = router
	}
	return s
}

// check holds an answer, and a request that was accepted, against the description. An operation that
// it does not name must have been refused as such.
func (s *spec) check(t *testing.T, req *http.Request, a answer, lenient bool) {
	t.Helper()
	if req.Method == http.MethodHead {
		return
	}
	route, params, err := s.router.FindRoute(req)
	if err != nil {
		require.Contains(t, []int{404, 405, 401, 403}, a.StatusCode, "%s %s is not in openapi.yaml", req.Method, req.URL.Path)
		return
	}
	s.mu.Lock()
	s.seen[fmt.Sprint(route.Operation.OperationID, " ", a.StatusCode)] = true
	s.mu.Unlock()
	in := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if a.StatusCode < 400 && !lenient {
		require.NoError(t, openapi3filter.ValidateRequest(t.Context(), in), "%s %s was accepted", req.Method, req.URL)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: a.StatusCode, Header: a.Header, Options: in.Options}
	out.SetBodyBytes([]byte(a.body))
	require.NoError(t, openapi3filter.ValidateResponse(t.Context(), out), "%s %s answered %d %s", req.Method, req.URL, a.StatusCode, a.body)
	if declared := route.Operation.Responses.Status(a.StatusCode); declared != nil {
		for name := range declared.Value.Headers {
			if name != "X-Saga-Link" && name != "Idempotent-Replayed" && name != "Location" {
				require.NotEmpty(t, a.Header.Get(name), "%s %s answered %d without %s", req.Method, req.URL, a.StatusCode, name)
			}
		}
	}
}

// unseen lists the answers that the description promises and no test of this run got.
func (s *spec) unseen() (out []string) {
	for _, item := range s.doc.Paths.Map() {
		for _, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				if name := operation.OperationID + " " + status; !s.seen[name] {
					out = append(out, name)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

func TestOpenAPIIsValid(t *testing.T) {
	loadSpec(t)
}

// Every route is described, and everything described is a route.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	w := newWorld(t)
	var routes, described []string
	param := regexp.MustCompile(`:(\w+)`)
	for _, r := range w.api.App().GetRoutes(true) {
		if r.Method != http.MethodHead { // comes with every GET
			routes = append(routes, r.Method+" "+param.ReplaceAllString(r.Path, "{$1}"))
		}
	}
	for path, item := range w.spec.doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	slices.Sort(routes)
	require.ElementsMatch(t, slices.Compact(routes), described)
}

// What is served is the file.
func TestOpenAPIIsServed(t *testing.T) {
	w := newWorld(t)
	a := w.page("GET", "/openapi.json", nil)
	require.Equal(t, http.StatusOK, a.StatusCode)
	served, err := openapi3.NewLoader().LoadFromData([]byte(a.body))
	require.NoError(t, err)
	want, err := json.Marshal(w.spec.doc)
	require.NoError(t, err)
	got, err := json.Marshal(served)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(got))
}
