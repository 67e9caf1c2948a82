package e2e_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/sign"
)

// A merchant gets its signing keys from the command line, and signs with them until they are replaced.
func TestSigningKeysByCommand(t *testing.T) {
	t.Parallel()
	m := shared.with(t, "e2e-signer", 10*time.Minute)
	makeKey := func(flags ...string) (merchant, key string) {
		t.Helper()
		out := shared.mustRun(t, append([]string{"key", "signing", m.id, "--kind", "payment"}, flags...)...)
		found := regexp.MustCompile(`^merchant: (\S{36})\npayment key: (\S{52})\n$`).FindStringSubmatch(out)
		require.NotNil(t, found, out)
		return found[1], found[2]
	}
	id, first := makeKey()
	call := func(key string) int {
		t.Helper()
		body := `{"note":"سفارش"}`
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, shared.inst.APIURL+"/v1/payment/services", strings.NewReader(body))
		require.NoError(t, err)
		req.Header = http.Header{"Content-Type": {"application/json"}, "Merchant": {id}, "Sign": {sign.Sign([]byte(body), key)}}
		r, err := send(req)
		require.NoError(t, err)
		return r.status
	}
	within := func(key string, want int) {
		t.Helper()
		await(t, 3*time.Second, "a second later every process knows", func() (bool, string) {
			got := call(key)
			return got == want || !pause(t.Context(), 300*time.Millisecond), fmt.Sprint(got) // few: an address may be wrong 30 times
		})
		require.Equal(t, want, call(key))
	}
	require.Equal(t, http.StatusOK, call(first))
	_, second := makeKey()
	within(second, http.StatusOK)
	require.Equal(t, http.StatusOK, call(first), "for a day more")
	shared.mustRun(t, "key", "signing", m.id, "--kind", "payment", "--end-old")
	within(first, http.StatusUnauthorized)
	_, third := makeKey("--keep-old", "0")
	within(second, http.StatusUnauthorized)
	require.Equal(t, http.StatusOK, call(third))

	list := shared.mustRun(t, "key", "signing", m.id)
	require.Contains(t, list, id)
	require.Regexp(t, `(?m)^payment +`+third[48:]+` .* live$`, list)
	require.Regexp(t, `(?m)^payment +`+second[48:]+` .* ended$`, list)
	require.NotContains(t, list, third, "a key is shown once")

	for _, args := range [][]string{{"nobody", "--kind", "payment"}, {m.id, "--kind", "refund"}, {m.id, "--keep-old", "1h"}, {m.id, "--kind", "payout", "--keep-old", "-1h"}, {m.id, "--kind", "payout", "--keep-old", "1h", "--end-old"}} {
		out, code := shared.command(append([]string{"key", "signing"}, args...)...)
		require.Equal(t, 1, code, "%v\n%s", args, out)
	}
	require.Regexp(t, `(?s)^merchant: \S+\nKIND.*$`, shared.mustRun(t, "key", "signing", m.id))
	require.NotContains(t, shared.mustRun(t, "key", "signing", m.id), "payout")
}
