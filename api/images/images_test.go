package images

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/outbound"
)

func pngOf(t *testing.T, width, height int, c color.Color) []byte {
	t.Helper()
	m := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{c})
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, m))
	return out.Bytes()
}

// bombOf says that it has 900 million pixels.
func bombOf(t *testing.T) string {
	t.Helper()
	small := pngOf(t, 4, 4, color.White)
	binary.BigEndian.PutUint32(small[16:], 30_000)
	binary.BigEndian.PutUint32(small[20:], 30_000)
	binary.BigEndian.PutUint32(small[29:], crc32.ChecksumIEEE(small[12:29]))
	return string(small)
}

func jpegOf(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, jpeg.Encode(&out, image.NewGray(image.Rect(0, 0, 8, 8)), nil))
	return out.Bytes()
}

// dotWebP is one pixel.
const dotWebP = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="

func webpOf(t *testing.T) []byte {
	t.Helper()
	body, err := base64.StdEncoding.DecodeString(dotWebP)
	require.NoError(t, err)
	return body
}

// host is a merchant's web server.
type host struct {
	*httptest.Server
	requests atomic.Int64
	mu       sync.Mutex
	answer   http.HandlerFunc
}

func (h *host) answers(f http.HandlerFunc) { h.mu.Lock(); h.answer = f; h.mu.Unlock() }

func (h *host) serves(contentType string, body []byte) {
	h.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body)
	})
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.requests.Add(1)
		h.mu.Lock()
		answer := h.answer
		h.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

func guarded() *outbound.Client {
	return outbound.New(outbound.Config{Dev: true, Allow: outbound.Loopback()})
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// Whatever comes, what goes out is a small square PNG on white.
func TestImagesAreKnownByTheirContentAndDrawnAnew(t *testing.T) {
	for kind, body := range map[string][]byte{
		"PNG": pngOf(t, 640, 480, color.Black), "see-through PNG": pngOf(t, 64, 64, color.Transparent), "JPEG": jpegOf(t), "WebP": webpOf(t),
		"a wide one": pngOf(t, MaxSide, 1, color.Black), "a high one": pngOf(t, 1, MaxSide, color.Black), "with a script behind it": append(jpegOf(t), "<script>alert(1)</script>"...),
	} {
		h := newHost(t)
		h.serves("text/html", body) // whatever the host says
		got, err := New(guarded(), quiet()).Get(t.Context(), h.URL+"/face")
		require.NoError(t, err, kind)
		require.NotContains(t, string(got.Body), "script")
		face, err := png.Decode(bytes.NewReader(got.Body))
		require.NoError(t, err, kind)
		require.Equal(t, image.Rect(0, 0, Side, Side), face.Bounds())
		corner := color.GrayModel.Convert(face.At(0, 0)).(color.Gray).Y
		switch kind {
		case "PNG", "see-through PNG", "a wide one", "a high one":
			require.EqualValues(t, 255, corner, kind)
		case "JPEG":
			require.EqualValues(t, 0, corner, kind)
		}
		middle := color.GrayModel.Convert(face.At(Side/2, Side/2)).(color.Gray).Y
		if kind == "PNG" {
			require.EqualValues(t, 0, middle)
		}
	}
}

func TestWhatIsNoImageIsNotShown(t *testing.T) {
	big := append(pngOf(t, 4, 4, color.White), bytes.Repeat([]byte{0}, MaxBytes)...)
	for name, answer := range map[string]http.HandlerFunc{
		"script":                     body("image/png", "alert(1)"),
		"HTML":                       body("image/png", "<!doctype html><script>alert(1)</script>"),
		"SVG":                        body("image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`),
		"SVG as a PNG":               body("image/png", `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`),
		"GIF":                        body("image/gif", "GIF89a\x01\x00\x01\x00\x00\x00\x00;"),
		"head only":                  body("image/png", "\x89PNG\r\n\x1a\n"),
		"script in a JPEG's clothes": body("image/jpeg", "\xff\xd8\xff/*<script>alert(1)</script>*/"),
		"broken WebP":                body("image/webp", "RIFF\x00\x00\x00\x00WEBPVP8 garbage"),
		"too wide":                   body("image/png", string(pngOf(t, MaxSide+1, 1, color.White))),
		"a bomb":                     body("image/png", bombOf(t)),
		"huge":                       body("image/png", string(big)),
		"empty":                      body("image/png", ""),
		"missing":                    func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) },
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5000")
			_, _ = w.Write(pngOf(t, 4, 4, color.White))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.answers(answer)
			_, err := New(guarded(), quiet()).Get(t.Context(), h.URL)
			require.ErrorIs(t, err, ErrNone)
		})
	}
}

func body(contentType, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write([]byte(text))
	}
}

func TestRedirectsAndPrivateAddressesAreNotFollowed(t *testing.T) {
	private := newHost(t)
	private.serves("image/png", pngOf(t, 4, 4, color.White))
	h := newHost(t)
	h.answers(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, private.URL, http.StatusFound) })
	_, err := New(guarded(), quiet()).Get(t.Context(), h.URL)
	require.ErrorIs(t, err, ErrNone)

	production := New(outbound.New(outbound.Config{}), quiet())
	for _, address := range []string{private.URL, "https://127.0.0.1/face.png", "https://169.254.169.254/face.png", "https://[::1]/face.png", "https://localhost/x",
		"file:///etc/passwd", "data:image/png;base64,AAAA", "javascript:alert(1)", "/face.png", ""} {
		_, err := production.Get(t.Context(), address)
		require.ErrorIs(t, err, ErrNone, address)
	}
	require.Zero(t, private.requests.Load())
}

// A host that says nothing, or drips, is given five seconds; then it has no image for five minutes.
func TestSlowHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &fake{answer: func(ctx context.Context) (outbound.Answer, error) {
			<-ctx.Done()
			return outbound.Answer{}, ctx.Err()
		}}
		i := New(slow, quiet())
		start := time.Now()
		_, err := i.Get(t.Context(), "https://slow.example/x")
		require.ErrorIs(t, err, ErrNone)
		require.Equal(t, fetchTime, time.Since(start))

		_, err = i.Get(t.Context(), "https://slow.example/x")
		require.ErrorIs(t, err, ErrNone)
		require.Equal(t, fetchTime, time.Since(start), "no second wait")
		require.EqualValues(t, 1, slow.calls.Load())

		time.Sleep(patience)
		slow.answer = good(t, color.White)
		_, err = i.Get(t.Context(), "https://slow.example/x")
		require.NoError(t, err)
		require.EqualValues(t, 2, slow.calls.Load())
	})
}

// fake answers without a network.
type fake struct {
	calls  atomic.Int64
	answer func(ctx context.Context) (outbound.Answer, error)
}

func (f *fake) Get(ctx context.Context, _ string, _ int) (outbound.Answer, error) {
	f.calls.Add(1)
	return f.answer(ctx)
}

func good(t *testing.T, c color.Color) func(context.Context) (outbound.Answer, error) {
	body := pngOf(t, 4, 4, c)
	return func(context.Context) (outbound.Answer, error) { return outbound.Answer{Status: 200, Body: body}, nil }
}

func TestAnImageThatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const address = "https://shop.example/face.png"
		f := &fake{answer: good(t, color.White)}
		i := New(f, quiet())
		get := func() string {
			t.Helper()
			got, err := i.Get(t.Context(), address)
			require.NoError(t, err)
			synctest.Wait() // for a renewal behind the answer
			return got.Tag
		}
		white := get()
		f.answer = good(t, color.Black)
		time.Sleep(fresh - time.Second)
		require.Equal(t, white, get())
		require.EqualValues(t, 1, f.calls.Load(), "kept for an hour")

		time.Sleep(time.Second)
		require.Equal(t, white, get(), "nobody waits for a renewal")
		black := get()
		require.NotEqual(t, white, black)

		// It becomes a script: what was good stays for a day, and no longer.
		f.answer = func(context.Context) (outbound.Answer, error) {
			return outbound.Answer{Status: 200, Body: []byte("alert(1)")}, nil
		}
		time.Sleep(fresh)
		require.Equal(t, black, get())
		require.Equal(t, black, get())
		require.EqualValues(t, 3, f.calls.Load(), "not asked again at once")
		time.Sleep(stale)
		_, err := i.Get(t.Context(), address)
		require.ErrorIs(t, err, ErrNone)
		require.Zero(t, i.size)
	})
}

// However many payers look at once, the host is asked once; one who leaves takes nothing from the others.
func TestManyPayersOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ready := good(t, color.White)
		f := &fake{answer: func(ctx context.Context) (outbound.Answer, error) {
			time.Sleep(time.Second)
			if ctx.Err() != nil {
				return outbound.Answer{}, ctx.Err()
			}
			return ready(ctx)
		}}
		i := New(f, quiet())
		impatient, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		var wg sync.WaitGroup
		for n := range 20 {
			wg.Go(func() {
				ctx := t.Context()
				if n == 0 {
					ctx = impatient
				}
				_, err := i.Get(ctx, "https://shop.example/x")
				if n == 0 {
					require.ErrorIs(t, err, ErrNone)
				} else {
					require.NoError(t, err)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, f.calls.Load())
	})
}

// noise does not compress.
func noise(t *testing.T) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, Side, Side))
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(m.Pix)
	for n := 3; n < len(m.Pix); n += 4 {
		m.Pix[n] = 255
	}
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, m))
	return out.Bytes()
}

func TestTheStoreIsBounded(t *testing.T) {
	big := noise(t)
	f := &fake{answer: func(context.Context) (outbound.Answer, error) { return outbound.Answer{Status: 200, Body: big}, nil }}
	i := New(f, quiet())
	tick := time.Now()
	i.now = func() time.Time { tick = tick.Add(time.Millisecond); return tick }
	const many = maxKept/(Side*Side*3) + 20
	for n := range many {
		_, err := i.Get(t.Context(), fmt.Sprintf("https://shop.example/%d", n))
		require.NoError(t, err)
		_, err = i.Get(t.Context(), "https://shop.example/0") // much asked for: stays
		require.NoError(t, err)
		require.LessOrEqual(t, i.size, maxKept)
	}
	require.EqualValues(t, many, f.calls.Load())
	require.Less(t, len(i.kept), many)

	f.answer = func(context.Context) (outbound.Answer, error) { return outbound.Answer{}, errors.New("gone") }
	for n := range maxHosts + 10 {
		_, _ = i.Get(t.Context(), "https://none.example/"+strings.Repeat("x", n%7)+fmt.Sprint(n))
		require.LessOrEqual(t, len(i.kept), maxHosts)
	}
}
