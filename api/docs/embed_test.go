package docs_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api/docs"
)

// Every script the page names is served, and nothing is inline or from elsewhere.
func TestPageUsesOnlyWhatIsServed(t *testing.T) {
	page := string(docs.Page())
	require.NotRegexp(t, `https?:`, page)
	require.NotRegexp(t, `<script[^>]*>[^<]`, page, "the policy forbids inline scripts")

	sources := regexp.MustCompile(`<script src="/docs/assets/([^"]+)"`).FindAllStringSubmatch(page, -1)
	require.NotEmpty(t, sources)
	for _, source := range sources {
		body, kind, ok := docs.Asset(source[1])
		require.True(t, ok, source[1])
		require.Contains(t, kind, "javascript")
		plain, err := gzip.NewReader(bytes.NewReader(body))
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, plain) // checks the sum at the end
		require.NoError(t, err)
	}
}

func TestUnknownAsset(t *testing.T) {
	_, _, ok := docs.Asset("../page.html")
	require.False(t, ok)
}
