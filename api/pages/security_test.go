package pages

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSecurity(t *testing.T) {
	got := Security([]string{"https://bank.example/pay?x=1", "https://bank.example", "http://127.0.0.1:8090/bank", "https://[::1]:8443"})
	require.Equal(t, map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; " +
			"connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; " +
			"form-action 'self' https://bank.example http://127.0.0.1:8090 https://[::1]:8443",
		"Referrer-Policy":        "same-origin",
		"Cache-Control":          "no-store",
		"X-Content-Type-Options": "nosniff",
	}, got)
}

func TestSecurityLetsNothingElseIn(t *testing.T) {
	for _, hostile := range []string{"", "*", "https://*", "https://*.example", "https:", "javascript:alert(1)", "data:text/html,x", "//evil.example",
		"https://a;script-src *", "https://a b", "https://a'b", "https://a,b", "ftp://a", "https://user@"} {
		policy := Security([]string{hostile})["Content-Security-Policy"]
		require.True(t, strings.HasSuffix(policy, "form-action 'self'"), "%q gave %s", hostile, policy)
	}
	// A user part is not an origin's.
	require.True(t, strings.HasSuffix(Security([]string{"https://u:p@a.example"})["Content-Security-Policy"], "'self' https://a.example"))
}

func TestBanksSeeTheOriginOnly(t *testing.T) {
	want := Security([]string{"https://bank.example"})
	want["Referrer-Policy"] = "strict-origin"
	require.Equal(t, want, SecurityToBank([]string{"https://bank.example/pay?x=1"}))
}
