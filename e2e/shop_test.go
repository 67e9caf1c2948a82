package e2e_test

import (
	"context"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The example shop sells: it creates a payment, hears that it is paid, believes it because of the signature, and collects.
func TestExampleShopSells(t *testing.T) {
	t.Parallel()
	m := shared.with(t, "e2e-shop", 10*time.Minute)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := listener.Addr().String()
	require.NoError(t, listener.Close())

	bin := filepath.Join(t.TempDir(), "shop")
	built, err := exec.Command("go", "build", "-o", bin, "../examples/shop").CombinedOutput()
	require.NoError(t, err, "%s", built)
	ctx, cancel := context.WithCancel(t.Context())
	shop := exec.CommandContext(ctx, bin)
	shop.Env = append(shop.Environ(), "SHOP_ADDR="+addr, "PAYSAGA_URL="+shared.inst.APIURL, "PAYSAGA_KEY="+m.key, "PAYSAGA_MERCHANT="+m.id)
	said := &lines{}
	shop.Stderr = said
	require.NoError(t, shop.Start())
	t.Cleanup(func() {
		cancel()
		_ = shop.Wait()
	})
	await(t, soon, "the shop is open", func() (bool, string) { return strings.Contains(said.String(), "the shop is open"), said.String() })

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/buy", nil)
	require.NoError(t, err)
	bought, err := send(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusSeeOther, bought.status)
	link := bought.header.Get("Location")
	_, token, found := strings.Cut(link, "/pay/")
	require.True(t, found, link)

	forged, err := sendJSON(t.Context(), http.MethodPost, "http://"+addr+"/webhook", map[string]any{"event": "payment.paid", "order_id": token, "version": 1})
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, forged.status, "anybody can post to a shop")

	paid, err := sendJSON(t.Context(), http.MethodPost, shared.inst.SandboxURL+"/payer", map[string]any{"link": link, "do": "pay"})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, paid.status, "%s", paid.body)
	m.awaitState(t, token, "collected")
	await(t, soon, "the shop hears that it is", func() (bool, string) {
		page := string(get(t, "http://"+addr+"/").body)
		return strings.Contains(page, "payment.collected"), page
	})
}
