package pages

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Security is the set of headers every page is sent with; an asset takes them with
// [AssetCacheControl] instead of no-store. formAction are the addresses or origins a form may lead
// to besides this host: the banks offered, including where they redirect to, since browsers hold
// the whole chain of redirects against the policy.
func Security(formAction []string) map[string]string {
	targets := []string{"'self'"}
	for _, address := range formAction {
		if origin := originOf(address); origin != "" && !slices.Contains(targets, origin) {
			targets = append(targets, origin)
		}
	}
	return map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; " +
			"img-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action " +
			strings.Join(targets, " "),
		"Referrer-Policy":        "same-origin",
		"Cache-Control":          "no-store",
		"X-Content-Type-Options": "nosniff",
	}
}

// SecurityToBank is [Security] for what sends the browser on to a bank: some banks (Mellat) want to see
// where a payer comes from. They see the origin, never the payment's address.
func SecurityToBank(formAction []string) map[string]string {
	headers := Security(formAction)
	headers["Referrer-Policy"] = "strict-origin"
	return headers
}

// plainHost keeps everything out of the policy that could end a directive or widen it ("*").
var plainHost = regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]+)?$`)

func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || !plainHost.MatchString(u.Host) {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// isWeb says whether address is an absolute http(s) one.
func isWeb(address string) bool { return originOf(address) != "" }
