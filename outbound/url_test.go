package outbound

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckURLAccepts(t *testing.T) {
	for text, want := range map[string]string{
		"https://shop.com":                                  "https://shop.com",
		"https://a.b/":                                      "https://a.b/",
		"HTTPS://Shop.COM/Hook?a=1&b=%2F":                   "https://shop.com/Hook?a=1&b=%2F",
		"https://your.site:443/callback":                    "https://your.site:443/callback",
		"https://your.site:80/callback":                     "https://your.site:80/callback",
		"https://8.8.8.8/x":                                 "https://8.8.8.8/x",
		"https://[2606:4700:4700:0::1111]/x":                "https://[2606:4700:4700::1111]/x",
		"https://[2606:4700:4700::1111]:443/x":              "https://[2606:4700:4700::1111]:443/x",
		"https://پرداخت.ایران/وب‌هوک":                       "https://xn--mgbglcj57b.xn--mgba3a4f16a/%D9%88%D8%A8%E2%80%8C%D9%87%D9%88%DA%A9",
		"https://xn--mgbglcj57b.xn--mgba3a4f16a/":           "https://xn--mgbglcj57b.xn--mgba3a4f16a/",
		"https://bücher.example/?q=ü":                       "https://xn--bcher-kva.example/?q=ü",
		"https://1and1.com/x":                               "https://1and1.com/x",
		"https://10.0.0.1.nip.io/x":                         "https://10.0.0.1.nip.io/x", // a name; where it leads is seen when dialled
		"https://mylocalhost.com/":                          "https://mylocalhost.com/",
		"https://shop.com/@user:x/a//b?u=http://127.0.0.1/": "https://shop.com/@user:x/a//b?u=http://127.0.0.1/",
	} {
		got, err := CheckURL(text, false)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
		again, err := CheckURL(got, false)
		require.NoError(t, err, "what it returns it accepts")
		require.Equal(t, got, again)
	}
}

func TestCheckURLLength(t *testing.T) {
	of := func(n int) string {
		const head = "https://a.ir/"
		return head + strings.Repeat("ی", n-len(head))
	}
	_, err := CheckURL(of(MaxURL), false)
	require.NoError(t, err, "characters, not bytes")
	_, err = CheckURL(of(MaxURL+1), false)
	require.ErrorIs(t, err, ErrLength)
	_, err = CheckURL("a://b", false)
	require.ErrorIs(t, err, ErrLength)
	_, err = CheckURL("a://bc", false)
	require.ErrorIs(t, err, ErrNotURL)
}

func TestCheckURLReasons(t *testing.T) {
	for text, want := range map[string]error{
		"http://shop.com/":       ErrNotURL,
		"https://u:p@shop.com/":  ErrNotURL,
		"https://shop.com/#a":    ErrNotURL,
		"shop.com/callback":      ErrNotURL,
		"https://127.0.0.1/":     ErrForbidden,
		"https://[::1]/":         ErrForbidden,
		"https://2130706433/":    ErrForbidden,
		"https://localhost/":     ErrForbidden,
		"https://a.b.internal/":  ErrForbidden,
		"https://shop.com:8080/": ErrForbidden,
	} {
		_, err := CheckURL(text, false)
		require.ErrorIs(t, err, want, text)
	}
	_, err := CheckURL("https://shop.com/%zz?token=secret", false)
	require.ErrorIs(t, err, ErrNotURL)
	require.NotContains(t, err.Error(), "secret")
}

func TestCheckURLInDev(t *testing.T) {
	for _, text := range []string{
		"http://127.0.0.1:8090/inbox/1", "http://localhost:3000/hook", "http://[::1]:8090/", "http://sandbox:8090/inbox", "https://shop.com:8443/", "http://shop.local/x",
	} {
		got, err := CheckURL(text, true)
		require.NoError(t, err, text)
		require.Equal(t, text, got)
		_, err = CheckURL(text, false)
		require.Error(t, err, text)
	}
	for _, text := range []string{
		"http://10.0.0.1/x", "http://169.254.169.254/latest/meta-data/", "http://[::ffff:127.0.0.1]:8090/", "http://127.1:8090/", "http://0x7f000001/", "http://0.0.0.0:8090/",
		"ftp://127.0.0.1/", "http://u@127.0.0.1:8090/", "http://127.0.0.1:8090/#x", "http://127.0.0.1:0/", "http://[::]:8090/", "http://224.0.0.1/x",
	} {
		_, err := CheckURL(text, true)
		require.Error(t, err, text)
	}
}
