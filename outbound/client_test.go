package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// deadProxy is a port nobody listens on.
const deadProxy = "http://127.0.0.1:9"

// TestMain names a proxy in the environment before anything looks: net/http looks once.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY"} {
		if err := os.Setenv(name, deadProxy); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

var devLoopback = Config{Dev: true, Allow: Loopback()}

func TestPost(t *testing.T) {
	s := serve(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Retry-After", "7")
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte(r.Method + " " + r.URL.String() + " " + r.Proto + " " + r.UserAgent() + " " + r.Header.Get("Webhook-Id") + " " + r.Header.Get("Cookie") + r.Header.Get("Accept-Encoding") + string(body)))
	})
	client := watch(t, devLoopback)
	header := http.Header{"webhook-id": {"msg_1"}, "User-Agent": {"another"}}
	for range 2 { // the second time over the same connection, without the cookie
		answer, err := client.Post(t.Context(), s.URL+"/hook?a=1", header, []byte("{}"))
		require.NoError(t, err)
		require.Equal(t, http.StatusTeapot, answer.Status)
		require.Equal(t, "7", answer.Header.Get("Retry-After"))
		require.Equal(t, "POST /hook?a=1 HTTP/1.1 "+UserAgent+" msg_1 {}", string(answer.Body))
		require.False(t, answer.Truncated)
		require.Positive(t, answer.Took)
	}
	require.EqualValues(t, 1, client.passed.Load(), "connections")
	require.Equal(t, "another", header.Get("User-Agent"), "the caller's header is not touched")
}

// Without the explicit permission this machine is out of reach, also in development, however it is called.
func TestLoopbackNeedsPermission(t *testing.T) {
	s := serve(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) {})
	client := watch(t, Config{Dev: true})
	client.dns.set("localtest.me", addrs("127.0.0.1"))
	for _, host := range []string{"127.0.0.1", "localhost", "localtest.me", "127.1", "0", "0.0.0.0", "[::]", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f000001", "127.0.0.2"} {
		target := "http://" + host + ":" + s.port() + "/"
		_, err := client.Post(t.Context(), target, nil, nil)
		require.Error(t, err, target)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, nil)
		require.NoError(t, err)
		_, err = client.call(request)
		require.Error(t, err, target)
	}
	require.Zero(t, client.passed.Load())
	require.Zero(t, s.requests.Load())
}

func TestRedirectsAreAnswers(t *testing.T) {
	secret := serve(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) {})
	targets := []string{secret.URL, "http://169.254.169.254/latest/meta-data/", "//" + secret.Listener.Addr().String(), "file:///etc/passwd", "gopher://127.0.0.1:6379/", "http://[::1]/", "::bad::", ""}
	var status int
	var location string
	s := serve(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	})
	client := watch(t, devLoopback)
	for _, location = range targets {
		for _, status = range []int{301, 302, 303, 307, 308} {
			answer, err := client.Post(t.Context(), s.URL, nil, []byte("{}"))
			require.NoError(t, err, location)
			require.Equal(t, status, answer.Status)
		}
	}
	require.Zero(t, secret.requests.Load())
	require.EqualValues(t, len(targets)*5, s.requests.Load())
}

// 127.0.0.2 plays the public server, 127.0.0.1 the private one, on one port.
func TestRebinding(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux answers on 127.0.0.2 by itself")
	}
	private := serve(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) {})
	public := serve(t, "127.0.0.2:"+private.port(), func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	client := watch(t, Config{Dev: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}})
	target := "http://shop.example.com:" + private.port() + "/"

	client.dns.set("shop.example.com", addrs("127.0.0.2"), addrs("127.0.0.1"))
	answer, err := client.Post(t.Context(), target, nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.Status)
	_, err = client.Post(t.Context(), target, nil, nil)
	require.ErrorIs(t, err, ErrForbidden, "the name now leads to the private server")

	client.dns.set("shop.example.com", addrs("127.0.0.1", "127.0.0.2"))
	_, err = client.Post(t.Context(), target, nil, nil)
	require.NoError(t, err, "of two addresses only the public one is connected to")
	require.EqualValues(t, 2, public.requests.Load())
	require.Zero(t, private.requests.Load())
}

func TestNoProxyFromTheEnvironment(t *testing.T) {
	require.Equal(t, deadProxy, os.Getenv("HTTP_PROXY"), "set in TestMain")
	s := serve(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) {})
	client := watch(t, devLoopback)
	client.dns.set("shop.example.com", addrs("127.0.0.1"))
	_, err := client.Post(t.Context(), "http://shop.example.com:"+s.port()+"/", nil, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, s.requests.Load())
}

func TestAnswersAreBounded(t *testing.T) {
	var size int
	s := serve(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("x"), size)) })
	client := watch(t, devLoopback)
	for _, size = range []int{0, 1, MaxAnswer, MaxAnswer + 1, 5 << 20} {
		answer, err := client.Post(t.Context(), s.URL, nil, nil)
		require.NoError(t, err)
		require.Len(t, answer.Body, min(size, MaxAnswer))
		require.Equal(t, size > MaxAnswer, answer.Truncated, size)
	}

	stopped := make(chan error, 1)
	endless := serve(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) {
		chunk := bytes.Repeat([]byte("x"), 1<<20)
		for range 64 {
			if _, err := w.Write(chunk); err != nil {
				stopped <- err
				return
			}
		}
		stopped <- nil
	})
	answer, err := client.Post(t.Context(), endless.URL, nil, nil)
	require.NoError(t, err)
	require.Len(t, answer.Body, MaxAnswer)
	require.Error(t, <-stopped, "all 64 MiB were read")

	wide := serve(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 2*maxAnswerHeader))
	})
	_, err = client.Post(t.Context(), wide.URL, nil, nil)
	require.Error(t, err)
}

func TestCompressedAnswersStayCompressed(t *testing.T) {
	s := serve(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write([]byte("not gzip at all"))
	})
	answer, err := watch(t, devLoopback).Post(t.Context(), s.URL, nil, nil)
	require.NoError(t, err)
	require.Equal(t, "not gzip at all", string(answer.Body))
}

func TestSlowServers(t *testing.T) {
	never := make(chan struct{})
	defer close(never)
	silent := serve(t, "127.0.0.1:0", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-never:
		case <-r.Context().Done():
		}
	})
	half := serve(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("half"))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-never:
		case <-r.Context().Done():
		}
	})
	client := watch(t, devLoopback)
	require.Equal(t, 10*time.Second, client.timeout)
	client.timeout = 100 * time.Millisecond
	patient, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()

	_, err := client.Post(patient, silent.URL+"/?token=secret", nil, []byte("{}"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotContains(t, err.Error(), "secret")

	answer, err := client.Post(patient, half.URL, nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.Status)
	require.Equal(t, "half", string(answer.Body))
	require.True(t, answer.Truncated)
	require.NoError(t, patient.Err(), "the client's own time was up, not this test's")

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = client.Post(cancelled, silent.URL, nil, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestBrokenServers(t *testing.T) {
	for name, reply := range map[string]string{
		"closes at once": "", "garbage": "garbage\r\n\r\n", "half a header": "HTTP/1.1 200 OK\r\nX: ", "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err == nil {
					_, _ = conn.Write([]byte(reply))
					conn.Close()
				}
			})
			_, err := watch(t, devLoopback).Post(t.Context(), s.URL, nil, []byte("{}"))
			require.Error(t, err)
			require.NotErrorIs(t, err, ErrForbidden)
		})
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.Proto)) }))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	post := func(config *tls.Config) (Answer, error) {
		client := newClient(devLoopback, &net.Dialer{}, config)
		defer client.transport.CloseIdleConnections()
		return client.Post(t.Context(), s.URL, nil, nil)
	}

	answer, err := post(&tls.Config{RootCAs: roots})
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1", string(answer.Body))

	_, err = post(nil)
	var unknown x509.UnknownAuthorityError
	require.True(t, errors.As(err, &unknown), "a certificate nobody vouches for: %v", err)

	s.TLS.MaxVersion = tls.VersionTLS11
	s.TLS.MinVersion = tls.VersionTLS10
	_, err = post(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10})
	require.ErrorContains(t, err, "protocol version")
}

func TestConnectionsPerHostAreBounded(t *testing.T) {
	arrived, leave := make(chan struct{}, 100), make(chan struct{})
	s := serve(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-leave
	})
	client := watch(t, devLoopback)
	done := make(chan error, 2*connsPerHost)
	for range 2 * connsPerHost {
		go func() {
			_, err := client.Post(t.Context(), s.URL, nil, nil)
			done <- err
		}()
	}
	for range connsPerHost {
		<-arrived
	}
	close(leave)
	for range 2 * connsPerHost {
		require.NoError(t, <-done)
	}
	require.LessOrEqual(t, client.passed.Load(), int64(connsPerHost))
}

func TestPortsOutsideDev(t *testing.T) {
	config := Config{}
	for port, allowed := range map[int]bool{80: true, 443: true, 0: false, 22: false, 8080: false, 8443: false, 5432: false} {
		err := config.guard(t.Context(), "tcp4", "8.8.8.8:"+strconv.Itoa(port), nil)
		if allowed {
			require.NoError(t, err, port)
		} else {
			require.ErrorIs(t, err, ErrForbidden, port)
		}
	}
	require.NoError(t, Config{Dev: true}.guard(t.Context(), "tcp6", "[2606:4700::1]:8443", nil))
	for _, strange := range [][2]string{{"udp4", "8.8.8.8:443"}, {"unix", "/run/x.sock"}, {"tcp4", "shop.com:443"}, {"tcp4", ""}} {
		require.ErrorIs(t, config.guard(t.Context(), strange[0], strange[1], nil), ErrForbidden)
	}
}
