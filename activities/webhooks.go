package activities

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.temporal.io/sdk/activity"

	"github.com/paysaga/paysaga/outbound"
	"github.com/paysaga/paysaga/sign"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// Webhooks delivers messages to merchants.
type Webhooks struct {
	Store    *store.Store
	Vault    *vault.Vault
	Client   Poster
	Schedule []time.Duration // pauses after the first, second … failed attempt; then the message has failed
	Pace     *Pace
}

// Poster calls merchants' URLs: an [outbound.Client].
type Poster interface {
	Post(ctx context.Context, target string, header http.Header, body []byte) (outbound.Answer, error)
}

// DefaultSchedule is that of Standard Webhooks 1.0.0: the last attempt comes three days after the first.
var DefaultSchedule = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

const (
	quick       = 2500 * time.Millisecond // what an attempt may take inside a workflow task
	longestWish = 24 * time.Hour          // of a receiver's Retry-After
	answerKept  = 256                     // bytes of an answer that a merchant may read
	eventHeader = "Paysaga-Event"
)

// Delivery is what an attempt came to.
type Delivery struct {
	State state.Webhook `json:"state"`           // pending: wait, then deliver again
	After time.Duration `json:"after,omitempty"` // how long to wait
	Note  string        `json:"note"`            // for the timeline, never the URL: it may hold a merchant's secret
}

// DeliverWebhook makes one attempt, records it and says what follows. It can happen twice; the receiver knows by
// the webhook-id.
func (a *Webhooks) DeliverWebhook(ctx context.Context, id int64) (Delivery, error) {
	p, err := a.parcel(ctx, id)
	if err != nil {
		return Delivery{}, err
	}
	if p.State != state.WebhookPending { // decided by a person, or by an attempt whose end nobody heard of
		return Delivery{State: p.State, Note: "**" + string(p.State) + "**"}, nil
	}
	if p.Endpoint != state.EndpointEnabled {
		return a.hold(ctx, p)
	}
	if early := p.Early.Duration(); early > 0 { // an attempt was recorded, and its worker died before the saga heard of it
		return Delivery{State: p.State, After: early, Note: "the next attempt is not due yet"}, nil
	}
	local := activity.GetInfo(ctx).IsLocalActivity
	if local && a.Pace.Slow(p.EndpointID) {
		return Delivery{}, retryable(errors.New("the receiver is slow; it gets more time"), ErrNeedsTime, 0)
	}
	leave, wait := a.Pace.Enter(p.EndpointID)
	if leave == nil {
		return Delivery{State: state.WebhookPending, After: wait, Note: "the receiver has enough to do; waiting for a turn"}, nil
	}
	t := a.try(ctx, p, local)
	leave(t.Took)

	ctx, cancel := storeDeadline(context.WithoutCancel(ctx)) // the receiver has it: that must not get lost
	defer cancel()
	now, err := a.Store.RecordTry(ctx, t)
	if err != nil {
		return Delivery{}, fmt.Errorf("record attempt: %w", err)
	}
	return Delivery{State: now, After: t.After, Note: note(t, now)}, nil
}

func (a *Webhooks) parcel(ctx context.Context, id int64) (store.Parcel, error) {
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	return a.Store.Parcel(ctx, id)
}

// hold ends a delivery that nobody wants now.
func (a *Webhooks) hold(ctx context.Context, p store.Parcel) (Delivery, error) {
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	now, err := a.Store.HoldMessage(ctx, p.ID)
	if err != nil {
		return Delivery{}, fmt.Errorf("hold message: %w", err)
	}
	return Delivery{State: now, Note: fmt.Sprintf("endpoint %d is %s: **%s**", p.EndpointID, p.Endpoint, now)}, nil
}

// try posts the message once.
func (a *Webhooks) try(ctx context.Context, p store.Parcel, local bool) store.Try {
	t := store.Try{MessageID: p.ID, Try: p.Tries + 1}
	body, header, err := a.seal(ctx, p)
	if err != nil {
		t.Error = "not sent: " + err.Error()
		return a.failed(t, 0)
	}
	if local {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, quick)
		defer cancel()
	}
	began := time.Now()
	answer, err := a.Client.Post(ctx, p.URL, header, body)
	t.Took = time.Since(began)
	if err != nil {
		t.Error = reasonOf(err)
		return a.failed(t, 0)
	}
	t.Status, t.Answer = answer.Status, excerpt(answer.Body)
	switch {
	case answer.Status >= 200 && answer.Status < 300:
		t.Then = state.WebhookDelivered
		return t
	case answer.Status == http.StatusGone:
		t.Then, t.Gone = state.WebhookFailed, true
		return t
	}
	return a.failed(t, wish(answer.Header.Get("Retry-After"), time.Now()))
}

// seal writes the body and its two signatures: the contract's, a member of the body, and Standard Webhooks' headers.
func (a *Webhooks) seal(ctx context.Context, p store.Parcel) ([]byte, http.Header, error) {
	kind, fields, err := bodyFields(p.Message)
	if err != nil {
		return nil, nil, err
	}
	key, err := a.Store.SigningSecret(ctx, a.Vault, p.MerchantID, signedBy(kind))
	if err != nil {
		return nil, nil, fmt.Errorf("%s signing key: %w", signedBy(kind), err)
	}
	body, err := sign.Body(key, fields...)
	if err != nil {
		return nil, nil, err
	}
	secrets, err := a.secrets(p)
	if err != nil {
		return nil, nil, err
	}
	header, err := sign.StandardHeaders(p.WebhookID, time.Now(), body, secrets...)
	if err != nil {
		return nil, nil, err
	}
	header.Set("Content-Type", "application/json")
	header.Set(eventHeader, p.Event)
	return body, header, nil
}

// secrets are the endpoint's, the newest first; for a while after a rotation both sign.
func (a *Webhooks) secrets(p store.Parcel) ([]string, error) {
	secret, err := a.Vault.OpenText(p.MerchantID, vault.EndpointSecret, p.Secret)
	if err != nil || p.OldSealed == nil {
		return []string{secret}, err
	}
	old, err := a.Vault.OpenText(p.MerchantID, vault.EndpointSecret, vault.Text{KeyID: p.OldKeyID, Sealed: p.OldSealed})
	return []string{secret, old}, err
}

// failed decides what follows a failed attempt: the next pause of the schedule, longer when the receiver says
// so, with a little jitter so that messages that failed together do not come back together.
func (a *Webhooks) failed(t store.Try, wish time.Duration) store.Try {
	if t.Try > len(a.Schedule) {
		t.Then = state.WebhookFailed
		return t
	}
	t.Then = state.WebhookPending
	pause := a.Schedule[t.Try-1]
	t.After = max(pause, wish) + rand.N(pause/10+1)
	return t
}

// wish reads Retry-After, seconds or a date; what cannot be read is no wish.
func wish(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
		return min(time.Duration(min(max(0, seconds), 1_000_000))*time.Second, longestWish)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, at.Sub(now)), longestWish)
	}
	return 0
}

// excerpt is the beginning of an answer, for the merchant to find the fault.
func excerpt(body []byte) string {
	text := strings.ToValidUTF8(string(body[:min(len(body), answerKept)]), "")
	return strings.Map(func(r rune) rune {
		if r == 0 || r == utf8.RuneError {
			return -1
		}
		return r
	}, text)
}

// reasonOf names why there was no answer, in words that hold no address.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, outbound.ErrForbidden):
		return "the URL leads to a forbidden address"
	case errors.Is(err, outbound.ErrNotURL), errors.Is(err, outbound.ErrLength):
		return "the URL cannot be used"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	}
	return "no connection, or it broke"
}

func note(t store.Try, now state.Webhook) string {
	said := t.Error
	if t.Status != 0 {
		said = "HTTP " + strconv.Itoa(t.Status)
	}
	what := fmt.Sprintf("attempt %d: %s in %d ms", t.Try, said, t.Took.Milliseconds())
	if now == state.WebhookPending {
		return fmt.Sprintf("%s; again in %s", what, t.After.Round(time.Second))
	}
	return fmt.Sprintf("%s: **%s**", what, now)
}
