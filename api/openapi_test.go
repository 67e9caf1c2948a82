package api_test

import (
	"os"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
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

func TestOpenAPIIsValid(t *testing.T) {
	loadSpec(t)
}
