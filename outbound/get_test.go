package outbound

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGet(t *testing.T) {
	s := serve(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.UserAgent() != ImageUserAgent || r.ContentLength > 0 {
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = w.Write([]byte(strings.Repeat("x", 100_000)))
	})
	client := watch(t, devLoopback)
	for most, truncated := range map[int]bool{100_000: false, 99_999: true, 1 << 20: false} {
		answer, err := client.Get(t.Context(), s.URL, most)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answer.Status)
		require.Len(t, answer.Body, min(most, 100_000))
		require.Equal(t, truncated, answer.Truncated, most)
	}
}

// What Post is kept from, Get is kept from.
func TestGetHasTheSameGuard(t *testing.T) {
	client := watch(t, Config{})
	for _, target := range hostileURLs() {
		if len(target) > MaxURL {
			continue
		}
		_, err := client.Get(t.Context(), target, MaxAnswer)
		require.True(t, errors.Is(err, ErrNotURL) || errors.Is(err, ErrForbidden), "%s: %v", target, err)
	}
	for _, addr := range []string{"127.0.0.1", "169.254.169.254", "10.0.0.1", "192.168.1.1"} {
		client.dns.set("shop.example.com", addrs(addr))
		_, err := client.Get(t.Context(), "https://shop.example.com/face.png", MaxAnswer)
		require.ErrorIs(t, err, ErrForbidden, addr)
	}
	require.Zero(t, client.passed.Load(), "connections")

	private := serve(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) {})
	s := serve(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, private.URL, http.StatusFound)
	})
	answer, err := watch(t, devLoopback).Get(t.Context(), s.URL, MaxAnswer)
	require.NoError(t, err)
	require.Equal(t, http.StatusFound, answer.Status, "a redirect is an answer")
	require.Zero(t, private.requests.Load())
}
