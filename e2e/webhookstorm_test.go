package e2e_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/paysaga/paysaga/sign"
	"github.com/paysaga/paysaga/stack"
)

// Thousands of messages to receivers that fail three times in ten: each is delivered, under one id, with one body and
// two right signatures, whoever dies meanwhile. PAYSAGA_MESSAGES is how many (5000 is the promise), PAYSAGA_MESSAGE_KILLS how
// often the worker is killed (5).
func TestWebhookStorm(t *testing.T) {
	s := &webhookStorm{h: breakable(t), messages: envNumber(t, "PAYSAGA_MESSAGES", 200)}
	kills := envNumber(t, "PAYSAGA_MESSAGE_KILLS", 1)
	s.opens(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute+time.Duration(s.messages)*100*time.Millisecond)
	defer cancel()

	begin := time.Now()
	killed := make(chan int, 1)
	go func() { killed <- s.killTheWorker(ctx, kills) }()
	s.changes(ctx, t)
	made := time.Since(begin)
	require.Equal(t, kills, <-killed)
	s.h.comesBack(t, stack.Worker)
	await(t, 2*time.Minute+time.Duration(s.messages)*50*time.Millisecond, "every message is delivered", func() (bool, string) {
		left := s.count(t, `state = 'pending'`)
		return left == 0, fmt.Sprint(left, " are pending")
	})
	took := time.Since(begin)

	tries := s.count(t, `state = 'delivered'`)
	require.Equal(t, s.messages, tries, "all delivered, none given up")
	attempts := s.receivedAll(t)
	t.Logf("%d messages made in %.1f s and delivered in %.1f s with %d attempts; %d kills", s.messages, made.Seconds(), took.Seconds(), attempts, kills)
	s.h.inboxRules(t, map[string]any{})
	require.NoError(t, s.h.audit())
}

// webhookStorm is a merchant with several receivers, all of them bad.
type webhookStorm struct {
	h        *house
	m        merchant
	name     string
	key      string // signs bodies
	messages int
	inboxes  []stormInbox
}

type stormInbox struct{ name, secret string }

const receivers = 4

func (s *webhookStorm) opens(t *testing.T) {
	t.Helper()
	s.messages -= s.messages % receivers
	s.name = fmt.Sprintf("hooks-%d", time.Now().UnixNano()%1_000_000)
	s.m = s.h.with(t, s.name, 20*time.Minute)
	shown := s.h.mustRun(t, "key", "signing", s.name, "--kind", "payment")
	s.key = strings.TrimSpace(shown[strings.LastIndex(shown, "key: ")+len("key: "):])
	for i := range receivers {
		inbox := fmt.Sprintf("%s-%d", s.name, i)
		in := map[string]any{"url": s.h.inst.SandboxURL + "/inbox/" + inbox, "events": []string{"payment.pending"}}
		var made struct{ Info struct{ Secret string } }
		s.m.sends(t, http.MethodPost, "/api/v1/webhook-endpoints", in, &made)
		s.inboxes = append(s.inboxes, stormInbox{inbox, made.Info.Secret})
	}
	s.h.inboxRules(t, map[string]any{"refuse": 0.1, "reset": 0.08, "garbage": 0.04, "timeout_after": 0.03, "slow": 0.05, "hold": "1s", "delay": "300ms"})
}

// changes makes payments: each is one message to each receiver.
func (s *webhookStorm) changes(ctx context.Context, t *testing.T) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(8)
	for range s.messages / receivers {
		group.Go(func() error {
			for {
				a, err := s.m.call(ctx, http.MethodPost, "", s.m.form(10_000))
				switch {
				case err != nil:
					return err
				case a.status == http.StatusTooManyRequests:
					pause(ctx, 50*time.Millisecond)
				case a.status >= 300:
					return fmt.Errorf("create: %d %s", a.status, a.body)
				default:
					return nil
				}
			}
		})
	}
	require.NoError(t, group.Wait())
}

// killTheWorker kills it so often, evenly over the deliveries, as soon as it works again.
func (s *webhookStorm) killTheWorker(ctx context.Context, kills int) (done int) {
	for done < kills && ctx.Err() == nil {
		var delivered int
		err := s.h.db.NewRaw(`SELECT count(*) FROM webhook_messages m JOIN merchants t ON t.id = m.merchant_id WHERE t.public_id = ? AND m.state = 'delivered'`, s.name).
			Scan(ctx, &delivered)
		if err != nil || delivered < s.messages*(done+1)/(kills+2) {
			pause(ctx, 20*time.Millisecond)
			continue
		}
		if s.h.Kill(stack.Worker) == nil {
			done++
		}
		_ = s.h.WaitReady(ctx, stack.Worker)
	}
	return done
}

func (s *webhookStorm) count(t *testing.T, where string) int {
	t.Helper()
	var n int
	err := s.h.db.NewRaw(`SELECT count(*) FROM webhook_messages m JOIN merchants t ON t.id = m.merchant_id WHERE t.public_id = ? AND m.`+where, s.name).Scan(t.Context(), &n)
	require.NoError(t, err)
	return n
}

// received is what an inbox holds of one attempt.
type received struct {
	N        int64       `json:"n"`
	ID       string      `json:"id"`
	Accepted bool        `json:"accepted"`
	Headers  http.Header `json:"headers"`
	Body     string      `json:"body"`
}

// receivedAll compares what was received with what was meant, and answers how many attempts it took.
func (s *webhookStorm) receivedAll(t *testing.T) (attempts int) {
	t.Helper()
	meant := map[string]bool{}
	var ids []string
	err := s.h.db.NewRaw(`SELECT webhook_id FROM webhook_messages m JOIN merchants t ON t.id = m.merchant_id WHERE t.public_id = ?`, s.name).Scan(t.Context(), &ids)
	require.NoError(t, err)
	for _, id := range ids {
		require.False(t, meant[id], "an id names one message")
		meant[id] = true
	}
	bodies, accepted := map[string]string{}, map[string]bool{}
	for _, inbox := range s.inboxes {
		versions := map[string]bool{}
		for _, r := range s.h.inbox(t, inbox.name) {
			attempts++
			require.True(t, meant[r.ID], "%s was never sent", r.ID)
			if before, again := bodies[r.ID]; again {
				require.Equal(t, before, r.Body, "the same message is the same on every attempt")
			}
			bodies[r.ID] = r.Body
			accepted[r.ID] = accepted[r.ID] || r.Accepted
			require.NoError(t, sign.VerifyWebhook([]byte(r.Body), s.key))
			requireStandardSignature(t, r, inbox.secret)
			versions[r.ID] = true
		}
		require.Len(t, versions, s.messages/receivers, "inbox %s", inbox.name)
	}
	for id := range meant {
		require.True(t, accepted[id], "%s was delivered, and nobody accepted it", id)
	}
	return attempts
}

// requireStandardSignature checks as the specification of Standard Webhooks 1.0.0 tells receivers to, with nothing of ours.
func requireStandardSignature(t *testing.T, r received, secret string) {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	require.NoError(t, err)
	require.Equal(t, r.ID, r.Headers.Get("Webhook-Id"))
	signed := r.ID + "." + r.Headers.Get("Webhook-Timestamp") + "." + r.Body
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	require.Contains(t, strings.Fields(r.Headers.Get("Webhook-Signature")), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// sends sends JSON with the merchant's API key and reads the answer, which must be good.
func (m merchant) sends(t *testing.T, method, path string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), method, m.h.inst.APIURL+path, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header = http.Header{"Authorization": {m.key}, "Content-Type": {"application/json"}}
	r, err := send(req)
	require.NoError(t, err)
	require.Less(t, r.status, 300, "%s", r.body)
	require.NoError(t, json.Unmarshal(r.body, out), "%s", r.body)
}

// inboxRules says how inboxes treat what comes.
func (h *house) inboxRules(t *testing.T, rules map[string]any) {
	t.Helper()
	r, err := sendJSON(t.Context(), http.MethodPut, h.inst.SandboxURL+"/rules", map[string]any{"inbox": rules})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
}

// inbox reads everything that an inbox holds.
func (h *house) inbox(t *testing.T, name string) (all []received) {
	t.Helper()
	for after := int64(0); ; {
		r := get(t, fmt.Sprintf("%s/inbox/%s?after=%d", h.inst.SandboxURL, name, after))
		var page struct{ Messages []received }
		require.NoError(t, json.Unmarshal(r.body, &page), "%s", r.body)
		if len(page.Messages) == 0 {
			return all
		}
		all = append(all, page.Messages...)
		after = all[len(all)-1].N
	}
}
