package api_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api/images"
)

func TestMerchantsImageComesFromUs(t *testing.T) {
	w := newWorld(t)
	var face bytes.Buffer
	require.NoError(t, png.Encode(&face, image.NewGray(image.Rect(0, 0, 8, 8))))
	var asked atomic.Int64
	body := face.Bytes()
	shop := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		require.Empty(t, r.Header.Get("Referer")+r.Header.Get("Cookie")+r.Header.Get("Authorization"), "it learns nothing of payers")
		_, _ = out.Write(body)
	}))
	t.Cleanup(shop.Close)
	token := w.create()
	shown := func() string {
		t.Helper()
		for n := range parse(t, w.page("GET", "/pay/"+token, nil)).root.Descendants() {
			if n.Data == "img" {
				return attr(n, "src")
			}
		}
		return ""
	}
	set := func(address string) {
		w.exec(`UPDATE merchants SET image_url = ? WHERE public_id = 'faSDF42w3Fs'`, address)
	}

	require.Empty(t, shown())
	require.Equal(t, http.StatusNotFound, w.page("GET", "/pay/image/faSDF42w3Fs", nil).StatusCode)

	set(shop.URL + "/face.png")
	src := shown()
	require.Regexp(t, `^/pay/image/faSDF42w3Fs\?v=[0-9a-f]{12}$`, src)
	for range 3 {
		a := w.page("GET", src, nil)
		require.Equal(t, http.StatusOK, a.StatusCode)
		served, err := png.DecodeConfig(strings.NewReader(a.body))
		require.NoError(t, err)
		require.Equal(t, images.Side, served.Width)
		require.Equal(t, []string{"image/png", "nosniff", "default-src 'none'; sandbox", "public, max-age=86400, immutable", "same-origin"},
			[]string{a.Header.Get("Content-Type"), a.Header.Get("X-Content-Type-Options"), a.Header.Get("Content-Security-Policy"),
				a.Header.Get("Cache-Control"), a.Header.Get("Cross-Origin-Resource-Policy")})
	}
	require.EqualValues(t, 1, asked.Load(), "kept")

	// Another address is another image; this one serves a script. The address may hold a secret.
	body = []byte("<script>alert(1)</script>")
	set(shop.URL + "/secret.png")
	require.NotEqual(t, src, shown())
	a := w.page("GET", shown(), nil)
	require.Equal(t, http.StatusNotFound, a.StatusCode)
	require.Equal(t, string(images.Nothing), a.body, "a transparent dot, for browsers show what they get")
	require.NotContains(t, a.Header.Get("Cache-Control"), "immutable")
	require.NotContains(t, w.log.String(), "secret.png")

	for _, address := range []string{"javascript:alert(1)", "//evil.example/x.png", "data:image/png;base64,iVBORw0KGgo=", "http://169.254.169.254/latest", "http://10.0.0.1/x.png"} {
		set(address)
		require.True(t, strings.HasPrefix(shown(), "/pay/image/"), address)
		require.Equal(t, http.StatusNotFound, w.page("GET", shown(), nil).StatusCode, address)
	}
	require.Equal(t, http.StatusNotFound, w.page("GET", "/pay/image/nobody", nil).StatusCode)
	require.Equal(t, http.StatusNotFound, w.raw("GET /pay/image/\xff HTTP/1.1\r\nHost: x\r\n\r\n")[0].StatusCode)

	// Merchants are not to be found by trying.
	answers := map[int]int{}
	for n := range 40 {
		answers[w.page("GET", fmt.Sprintf("/pay/image/nobody%d", n), nil).StatusCode]++
	}
	require.GreaterOrEqual(t, answers[http.StatusTooManyRequests], 5, answers)
	require.NoError(t, w.db.Close())
	require.Equal(t, http.StatusInternalServerError, w.page("GET", src, nil).StatusCode)
}
