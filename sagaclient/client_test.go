package sagaclient_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/sagaclient"
)

// The API starts and accepts while Temporal is down.
func TestClientDoesNotWaitForTheServer(t *testing.T) {
	c, err := sagaclient.New(sagaclient.Options{
		Address: "127.0.0.1:1", Namespace: "paysaga", Codec: codec(t, oldKey), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	c.Close()
	_, err = sagaclient.New(sagaclient.Options{Codec: codec(t, oldKey)})
	require.ErrorContains(t, err, "TEMPORAL_ADDRESS")
}

func TestLink(t *testing.T) {
	require.Equal(t, "http://127.0.0.1:8233/namespaces/paysaga/workflows/payment%2FAsF42Sg53",
		sagaclient.Link("http://127.0.0.1:8233", "paysaga", "payment/AsF42Sg53"))
}
