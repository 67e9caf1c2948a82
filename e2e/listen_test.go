package e2e_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/fixtures"
	"github.com/paysaga/paysaga/sign"
)

// A developer's receiver gets what the system sends, and its signatures fit.
func TestListenForwardsWhatTriggerMakesHappen(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[string][]string{} // events by order
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || sign.VerifyStandard(r.Header, body, time.Now(), fixtures.DevWebhookSecret) != nil ||
			sign.VerifyWebhook(body, fixtures.PaymentSigningKey, fixtures.PayoutSigningKey) != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		order := regexp.MustCompile(`"order_id":"([^"]*)"`).FindSubmatch(body)
		got[string(order[1])] = append(got[string(order[1])], r.Header.Get("Paysaga-Event"))
	}))
	defer receiver.Close()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	listen := shared.terminal(ctx, "listen", "--forward-to", receiver.URL+"/hook")
	var screen lines
	listen.Stdout, listen.Stderr = &screen, &screen
	require.NoError(t, listen.Start())
	require.Eventually(t, func() bool { return strings.Contains(screen.String(), "Following ") }, soon, 20*time.Millisecond)

	out := shared.mustRun(t, "trigger", "payment.collected")
	token := regexp.MustCompile(`workflows/payment%2F(\S+)`).FindStringSubmatch(out)
	require.NotNil(t, token, out)
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got[token[1]]) == 3
	}, soon, 20*time.Millisecond, "%s", &screen)
	mu.Lock()
	require.ElementsMatch(t, []string{"payment.pending", "payment.paid", "payment.collected"}, got[token[1]])
	mu.Unlock()
	require.Eventually(t, func() bool {
		return regexp.MustCompile(`payment\.collected +order ` + token[1] + `  paid  sign ok, standard ok  →  200 in`).MatchString(screen.String())
	}, soon, 20*time.Millisecond)

	require.NoError(t, listen.Process.Signal(os.Interrupt))
	require.NoError(t, listen.Wait(), "Ctrl-C is no error")
}
