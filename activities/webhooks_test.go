package activities_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/outbound"
	"github.com/paysaga/paysaga/sign"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// receiver is a merchant's URL that answers as told and keeps what came.
type receiver struct {
	mu     sync.Mutex
	status int
	header http.Header
	body   string
	err    error
	before func() // while it is being called
	got    []posted
}

type posted struct {
	url    string
	header http.Header
	body   []byte
	left   time.Duration // until the caller gives up; 0 = the client's own time
}

func (r *receiver) Post(ctx context.Context, target string, header http.Header, body []byte) (outbound.Answer, error) {
	p := posted{url: target, header: header, body: body}
	if until, ok := ctx.Deadline(); ok {
		p.left = time.Until(until)
	}
	r.mu.Lock()
	r.got = append(r.got, p)
	r.mu.Unlock()
	if r.before != nil {
		r.before()
	}
	return outbound.Answer{Status: r.status, Header: r.header, Body: []byte(r.body)}, r.err
}

// mailer is a merchant with an endpoint, and what delivers to it.
type mailer struct {
	*testing.T
	db       *bun.DB
	store    *store.Store
	vault    *vault.Vault
	env      *testsuite.TestActivityEnvironment
	acts     *activities.Webhooks
	receiver *receiver
	merchant store.Merchant
	endpoint store.Endpoint
	secret   string
}

const (
	hookURL    = "https://shop.example/hook?secret=1"
	paymentKey = "payment-key-of-the-shop"
	payoutKey  = "payout-key-of-the-shop"
)

func newMailer(t *testing.T) *mailer {
	m := &mailer{T: t, db: server.Open(t), receiver: &receiver{status: 200, header: http.Header{}}, secret: sign.NewSecret()}
	m.store = store.New(m.db, func() {})
	var err error
	m.vault, err = vault.New("k:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	require.NoError(t, err)
	m.merchant, err = m.store.PutMerchant(t.Context(), store.Merchant{PublicID: "shop", CollectWindow: 1200, Gateways: []string{"zibal"}})
	require.NoError(t, err)
	require.NoError(t, m.store.AddSigningKey(t.Context(), m.vault, m.merchant.ID, store.PaymentKey, paymentKey))
	require.NoError(t, m.store.AddSigningKey(t.Context(), m.vault, m.merchant.ID, store.PayoutKey, payoutKey))
	m.endpoint, err = m.store.AddEndpoint(t.Context(), m.merchant.ID, store.Endpoint{URL: hookURL}, m.seal(m.secret))
	require.NoError(t, err)
	m.acts = &activities.Webhooks{Store: m.store, Vault: m.vault, Client: m.receiver, Schedule: activities.DefaultSchedule, Pace: activities.NewPace(2)}
	var suite testsuite.WorkflowTestSuite
	m.env = suite.NewTestActivityEnvironment()
	m.env.RegisterActivity(m.acts)
	return m
}

func (m *mailer) seal(secret string) vault.Text {
	return m.vault.SealText(m.merchant.ID, vault.EndpointSecret, secret)
}

// tell writes the message of one change, as the triggers do, and answers its number.
func (m *mailer) tell(event string, facts store.Facts) int64 {
	m.Helper()
	kind, as, _ := strings.Cut(event, ".")
	_, err := m.db.NewRaw(`SELECT webhook_enqueue(?, ?, 17, ?, NULL, ?::jsonb)`, kind, m.merchant.ID, as, string(must(json.Marshal(facts)))).Exec(m.Context())
	require.NoError(m, err)
	var id int64
	require.NoError(m, m.db.NewRaw(`SELECT max(id) FROM webhook_messages`).Scan(m.Context(), &id))
	return id
}

func (m *mailer) told() int64 {
	return m.tell("payment.collected", store.Facts{UUID: "u", OrderID: "o", Amount: 10_000, Paid: 10_500})
}

func (m *mailer) message(id int64) store.Message {
	m.Helper()
	got, err := m.store.Message(m.Context(), m.merchant.ID, id)
	require.NoError(m, err)
	return got
}

func (m *mailer) attempts(id int64) []store.Attempted {
	m.Helper()
	list, err := m.store.Attempts(m.Context(), m.merchant.ID, id)
	require.NoError(m, err)
	for i := range list {
		require.WithinDuration(m, time.Now(), list[i].At, time.Minute)
		list[i].At, list[i].TookMS = time.Time{}, 0
	}
	return list
}

// due makes the next attempt due at once.
func (m *mailer) due(id int64) {
	m.Helper()
	_, err := m.db.NewRaw(`UPDATE webhook_messages SET next_try_at = now() WHERE id = ? AND state = 'pending'`, id).Exec(m.Context())
	require.NoError(m, err)
}

// deliver makes one attempt within a workflow task.
func (m *mailer) deliver(id int64) activities.Delivery {
	m.Helper()
	value, err := m.env.ExecuteLocalActivity(m.acts.DeliverWebhook, id)
	require.NoError(m, err)
	var d activities.Delivery
	require.NoError(m, value.Get(&d))
	require.NotContains(m, d.Note, "shop.example", "a URL may hold a merchant's secret")
	return d
}

func TestDeliverWebhook(t *testing.T) {
	m := newMailer(t)
	m.receiver.body = "thanks"
	id := m.told()
	d := m.deliver(id)
	require.Equal(t, state.WebhookDelivered, d.State)
	require.Zero(t, d.After)
	require.Regexp(t, `^attempt 1: HTTP 200 in \d+ ms: \*\*delivered\*\*$`, d.Note)
	got := m.receiver.got[0]
	require.Equal(t, hookURL, got.url)
	require.Equal(t, "application/json", got.header.Get("Content-Type"))
	require.Equal(t, "payment.collected", got.header.Get("Paysaga-Event"))
	require.Equal(t, m.message(id).WebhookID, got.header.Get(sign.HeaderID))
	require.NoError(t, sign.VerifyStandard(got.header, got.body, time.Now(), m.secret))
	require.NoError(t, sign.VerifyWebhook(got.body, paymentKey))
	require.Equal(t, []store.Attempted{{Try: 1, Status: 200, Answer: "thanks"}}, m.attempts(id))

	require.Equal(t, activities.Delivery{State: state.WebhookDelivered, Note: "**delivered**"}, m.deliver(id), "a saga that did not hear of it")
	require.Len(t, m.receiver.got, 1)
}

// Within a workflow task an attempt has 2.5 seconds; where that was too little, the client's whole time.
func TestTimeOfAnAttempt(t *testing.T) {
	m := newMailer(t)
	m.deliver(m.told())
	require.Greater(t, m.receiver.got[0].left, 2*time.Second)
	require.LessOrEqual(t, m.receiver.got[0].left, 2500*time.Millisecond)

	_, err := m.env.ExecuteActivity(m.acts.DeliverWebhook, m.told())
	require.NoError(t, err)
	left := m.receiver.got[1].left
	require.True(t, left == 0 || left > outbound.Timeout, "%s", left)
}

// A receiver that has been slow is not waited for inside a workflow task; nothing is sent, nothing recorded.
func TestSlowReceiverIsLeftToARegularActivity(t *testing.T) {
	m := newMailer(t)
	for range 3 {
		leave, _ := m.acts.Pace.Enter(m.endpoint.ID)
		leave(2500 * time.Millisecond)
	}
	id := m.told()
	_, err := m.env.ExecuteLocalActivity(m.acts.DeliverWebhook, id)
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, activities.ErrNeedsTime, app.Type())
	require.False(t, app.NonRetryable())
	require.Empty(t, m.receiver.got)
	require.Empty(t, m.attempts(id))
	_, err = m.env.ExecuteActivity(m.acts.DeliverWebhook, id)
	require.NoError(t, err)
	require.Equal(t, state.WebhookDelivered, m.message(id).State)
}

// An endpoint with enough to do: the message waits for a turn, which is no attempt.
func TestBusyReceiver(t *testing.T) {
	m := newMailer(t)
	id, waiting := m.told(), m.told()
	first, _ := m.acts.Pace.Enter(m.endpoint.ID)
	m.receiver.before = func() {
		m.receiver.before = nil
		d := m.deliver(waiting)
		require.Equal(t, state.WebhookPending, d.State)
		require.Positive(t, d.After)
		require.Less(t, d.After, time.Second)
	}
	m.deliver(id)
	first(0)
	require.Len(t, m.receiver.got, 1)
	require.Empty(t, m.attempts(waiting))
	require.Zero(t, m.message(waiting).Tries)
	require.Equal(t, state.WebhookDelivered, m.deliver(waiting).State)
	require.Equal(t, 2, len(m.receiver.got))
}

func TestFailedAttempts(t *testing.T) {
	m := newMailer(t)
	for name, tt := range map[string]struct {
		status int
		err    error
		why    string
	}{
		"5xx":       {503, nil, ""},
		"4xx":       {404, nil, ""},
		"redirect":  {302, nil, ""}, // is not followed
		"status":    {199, nil, ""},
		"forbidden": {0, fmt.Errorf("calling a merchant: %w", outbound.ErrForbidden), "the URL leads to a forbidden address"},
		"not a URL": {0, outbound.ErrNotURL, "the URL cannot be used"},
		"too late":  {0, context.DeadlineExceeded, "no answer in time"},
		"broken":    {0, errors.New("dial tcp 10.0.0.7:443: connection refused"), "no connection, or it broke"},
	} {
		t.Run(name, func(t *testing.T) {
			m.receiver.status, m.receiver.err = tt.status, tt.err
			id := m.told()
			d := m.deliver(id)
			require.Equal(t, state.WebhookPending, d.State)
			require.GreaterOrEqual(t, d.After, 5*time.Second)
			require.LessOrEqual(t, d.After, 5500*time.Millisecond)
			require.Equal(t, []store.Attempted{{Try: 1, Status: tt.status, Error: tt.why}}, m.attempts(id))
			require.WithinDuration(t, time.Now().Add(d.After), *m.message(id).NextTryAt, 2*time.Second)

			soon := m.deliver(id) // a saga that did not hear of it
			require.Equal(t, state.WebhookPending, soon.State)
			require.InDelta(t, d.After.Seconds(), soon.After.Seconds(), 2, "the schedule is kept")
			require.Len(t, m.attempts(id), 1)
		})
	}
}

// The whole schedule: nine pauses, ten attempts, then the message has failed, and the same bytes every time.
func TestScheduleIsUsedUp(t *testing.T) {
	m := newMailer(t)
	m.receiver.status = 500
	id := m.told()
	for n, pause := range activities.DefaultSchedule {
		d := m.deliver(id)
		require.Equal(t, state.WebhookPending, d.State)
		require.GreaterOrEqual(t, d.After, pause)
		require.LessOrEqual(t, d.After, pause+pause/10)
		require.Equal(t, n+1, m.message(id).Tries)
		m.due(id)
	}
	d := m.deliver(id)
	require.Equal(t, state.WebhookFailed, d.State)
	require.Len(t, m.attempts(id), 10)
	for _, got := range m.receiver.got {
		require.Equal(t, m.receiver.got[0].body, got.body)
		require.Equal(t, m.receiver.got[0].header.Get(sign.HeaderID), got.header.Get(sign.HeaderID), "the receiver's key against doing things twice")
	}
	require.Equal(t, state.EndpointEnabled, must(m.store.Endpoint(t.Context(), m.merchant.ID, m.endpoint.ID)).State)
}

// Retry-After of whatever refusal counts, in seconds or as a date, as far as it is longer than the schedule.
func TestRetryAfter(t *testing.T) {
	m := newMailer(t)
	for text, want := range map[string]time.Duration{
		"120": 2 * time.Minute, "1": 5 * time.Second, "soon": 5 * time.Second, "999999999999": day,
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat): time.Hour,
	} {
		for _, status := range []int{429, 503} {
			m.receiver.status = status
			m.receiver.header.Set("Retry-After", text)
			d := m.deliver(m.told())
			require.InDelta(t, want.Seconds(), d.After.Seconds(), 3, text)
		}
	}
}

const day = 24 * time.Hour

// 410: the receiver wants nothing any more, of this or of anything else.
func TestGone(t *testing.T) {
	m := newMailer(t)
	id, other := m.told(), m.told()
	m.receiver.status = http.StatusGone
	require.Equal(t, state.WebhookFailed, m.deliver(id).State)
	e := must(m.store.Endpoint(t.Context(), m.merchant.ID, m.endpoint.ID))
	require.Equal(t, []any{state.EndpointDisabled, "gone"}, []any{e.State, e.DisabledReason})
	d := m.deliver(other)
	require.Equal(t, activities.Delivery{State: state.WebhookHeld, Note: fmt.Sprintf("endpoint %d is disabled: **held**", e.ID)}, d)
	require.Len(t, m.receiver.got, 1)
	require.Empty(t, m.attempts(other))
}

func TestWhatTheMerchantDidMeanwhile(t *testing.T) {
	m := newMailer(t)
	change := map[state.Webhook]func(id int64) error{
		state.WebhookHeld: func(int64) error {
			_, err := m.store.PauseEndpoint(t.Context(), m.merchant.ID, m.endpoint.ID)
			return err
		},
		state.WebhookReplaced: func(id int64) error {
			_, err := m.store.SendAgain(t.Context(), m.merchant.ID, id)
			return err
		},
	}
	for _, end := range []state.Webhook{state.WebhookReplaced, state.WebhookHeld} {
		id := m.told()
		require.NoError(t, change[end](id))
		require.Equal(t, end, m.deliver(id).State)
		require.Empty(t, m.attempts(id))
	}
	_, err := m.store.ResumeEndpoint(t.Context(), m.merchant.ID, m.endpoint.ID)
	require.NoError(t, err)

	id := m.told() // while the receiver answers
	m.receiver.before = func() { m.receiver.before = nil; require.NoError(t, change[state.WebhookReplaced](id)) }
	require.Equal(t, state.WebhookReplaced, m.deliver(id).State, "decided is decided")
	require.Len(t, m.attempts(id), 1, "and the attempt is known")

	id = m.told()
	require.NoError(t, m.store.DeleteEndpoint(t.Context(), m.merchant.ID, m.endpoint.ID))
	require.Equal(t, state.WebhookDropped, m.deliver(id).State)
	require.Len(t, m.receiver.got, 1)
}

// What cannot be sealed is not sent, is known to the merchant, and goes on as any other failure.
func TestMessageThatCannotBeSigned(t *testing.T) {
	m := newMailer(t)
	unknown := m.tell("payment.nonsense", store.Facts{UUID: "u", OrderID: "o"})
	require.Equal(t, state.WebhookPending, m.deliver(unknown).State)
	other, err := vault.New("k2:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDI=") // the key is lost
	require.NoError(t, err)
	m.acts.Vault = other
	for _, id := range []int64{unknown, m.told()} {
		m.due(id)
		require.Equal(t, state.WebhookPending, m.deliver(id).State)
		require.Regexp(t, "^not sent: ", m.attempts(id)[0].Error)
	}
	require.Empty(t, m.receiver.got)
}

// What a merchant reads of an answer is short, and text.
func TestExcerptOfAnAnswer(t *testing.T) {
	m := newMailer(t)
	for body, want := range map[string]string{
		"":                             "",
		strings.Repeat("x", 1000):      strings.Repeat("x", 256),
		"a\x00b\xffc":                  "abc",
		strings.Repeat("س", 200):       strings.Repeat("س", 128),
		"x" + strings.Repeat("س", 200): "x" + strings.Repeat("س", 127),
	} {
		m.receiver.body = body
		id := m.told()
		m.deliver(id)
		require.Equal(t, want, m.attempts(id)[0].Answer)
	}
}
