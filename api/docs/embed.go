package docs

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"

	"github.com/paysaga/paysaga/api/pages"
)

// Policy is the Content-Security-Policy of the pages.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// TryPolicy is that of the page where requests can be tried, which sets styles of its own and calls the API. Its
// script probes eval once, is refused and does without.
const TryPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; " +
	"img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// scalar.js is Scalar's API reference 1.46.4 (npm package @scalar/api-reference, dist/browser/standalone.js,
// MIT, see LICENSE.scalar), compressed with gzip -9 and otherwise unchanged.
var (
	//go:embed page.html
	tryHTML []byte
	//go:embed scalar.js.gz
	scalar []byte
	//go:embed docs.css
	styleSheet []byte
	//go:embed docs.js
	script []byte
)

// Try is the page where requests can be tried; it needs JavaScript.
func Try() []byte { return tryHTML }

// File is a file below /docs/assets/.
type File struct {
	Body        []byte
	ContentType string
	Encoding    string // as in Content-Encoding; empty: as it is
}

var files = map[string]File{
	"docs.css":  {Body: bytes.ReplaceAll(styleSheet, []byte("vazirmatn.woff2"), []byte(pages.FontURL())), ContentType: "text/css; charset=utf-8"},
	"docs.js":   {Body: script, ContentType: "text/javascript; charset=utf-8"},
	"scalar.js": {Body: scalar, ContentType: "text/javascript; charset=utf-8", Encoding: "gzip"},
}

// Asset returns a file, and whether there is such a file.
func Asset(name string) (File, bool) {
	f, ok := files[name]
	return f, ok
}

// assetURL changes with the content, so that browsers may keep what they have.
func assetURL(name string) string {
	sum := sha256.Sum256(files[name].Body)
	return "/docs/assets/" + name + "?v=" + hex.EncodeToString(sum[:6])
}
