// Package docs is the API's documentation page. Everything it needs is embedded, so it works offline:
// the page asks /openapi.json and /docs/assets/… of the server it came from, and nobody else.
//
// scalar.js is Scalar's API reference 1.46.4 (npm package @scalar/api-reference, dist/browser/standalone.js,
// MIT, see LICENSE.scalar), compressed with gzip -9 and otherwise unchanged.
package docs

import _ "embed"

// Policy is the Content-Security-Policy the page works under. It probes eval once, is refused and
// does without.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; " +
	"img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

var (
	//go:embed page.html
	page []byte
	//go:embed scalar.js.gz
	scalar []byte
)

// Page returns the HTML page, UTF-8.
func Page() []byte { return page }

// Asset returns a file below /docs/assets/, its content type, and whether there is such a file.
// The body is compressed: answer it with `Content-Encoding: gzip`.
func Asset(name string) ([]byte, string, bool) {
	if name != "scalar.js" {
		return nil, "", false
	}
	return scalar, "text/javascript; charset=utf-8", true
}
