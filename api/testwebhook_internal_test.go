package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/outbound"
)

// A name says nothing about where it leads; that shows when it is called, and is a wrong URL like any other.
func TestANameThatLeadsToAPrivateAddress(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer server.Close()
	a := &API{Deps: Deps{TestWait: time.Minute}, outbound: outbound.New(outbound.Config{Dev: true})}
	target := "http://localhost:" + server.URL[len("http://127.0.0.1:"):]
	_, err := a.deliverTest(t.Context(), target, []byte("{}"))
	require.Equal(t, fieldErrors{"url_callback": {"validation.url"}}, err)
	require.Zero(t, asked)

	a.outbound = outbound.ForMerchants(true)
	answer, err := a.deliverTest(t.Context(), target, []byte("{}"))
	require.NoError(t, err)
	require.Equal(t, "200", answer)
	require.Equal(t, 1, asked)
}
