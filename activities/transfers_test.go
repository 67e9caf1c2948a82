package activities_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

const account = "826-810-3456701-1"

// counter is a till with a card, on which money arrives.
type counter struct {
	*till
	acts  *activities.Transfers
	vault *vault.Vault
	cards []int64
	count int64
}

func newCounter(t *testing.T) *counter {
	s := newTill(t)
	v, err := vault.New("k:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	require.NoError(t, err)
	card, err := v.Seal(s.merchant.ID, "6219860000000019")
	require.NoError(t, err)
	require.NoError(t, s.store.AddDestinationCard(t.Context(), s.merchant.ID, store.DestinationCard{Bank: "saman", Accounts: []string{account}, Card: card}))
	cards, err := s.store.DestinationCards(t.Context(), s.merchant.ID)
	require.NoError(t, err)
	c := &counter{till: s, acts: &activities.Transfers{Store: s.store}, vault: v, cards: []int64{cards[0].ID}}
	s.env.RegisterActivity(c.acts)
	return c
}

// transfer has that much time for its payer, and then for a late SMS.
func (c *counter) transfer(window, delay store.Seconds) store.Transfer {
	c.Helper()
	c.count++
	m := c.merchant
	m.TransferWindow, m.SMSDelay = window, delay
	t, err := c.store.CreateTransfer(c.Context(), store.NewTransfer{Merchant: m, FID: c.count, Price: 10_000, Cards: c.cards})
	require.NoError(c, err)
	return t
}

func (c *counter) arrives(amount money.Rial) store.Intake {
	c.Helper()
	c.count++
	now := time.Now()
	got, err := c.store.RecordSMS(c.Context(), store.SMS{
		Merchant: c.merchant, Source: "key/1", Content: sha256.Sum256(fmt.Append(nil, c.count)), Sender: "x", Bank: "saman", Kind: "deposit",
		Text: c.vault.SealText(c.merchant.ID, vault.SMSText, "…"), ReceivedAt: now,
		Deposit: &store.SeenDeposit{Account: account, Amount: amount, From: now, To: now.Add(time.Minute), Settles: true},
	})
	require.NoError(c, err)
	return got
}

// over waits for a moment on the database clock.
func (c *counter) over(t store.Transfer, at time.Time) {
	c.Helper()
	require.Eventually(c, func() bool {
		page, err := c.store.TransferPage(c.Context(), t.LinkToken)
		return err == nil && !page.Now.Before(at)
	}, 5*time.Second, 5*time.Millisecond)
}

func (c *counter) kinds(t store.Transfer) []string {
	c.Helper()
	events, err := c.store.TransferTimeline(c.Context(), t.ID)
	require.NoError(c, err)
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func TestTransferExpires(t *testing.T) {
	c := newCounter(t)
	a := c.transfer(0.2, 0.3)
	require.Equal(t, activities.TransferDeadline{State: state.TransferPending}, run(c.till, c.acts.TransferDeadline, a.ID), "not due")
	c.over(a, a.ExpiresAt)
	first := run(c.till, c.acts.TransferDeadline, a.ID)
	require.Equal(t, state.TransferExpired, first.State)
	c.over(a, a.ReservedUntil)
	require.Equal(t, activities.TransferDeadline{State: state.TransferExpired, Released: true}, twice(c.till, c.acts.TransferDeadline, a.ID))
	require.Equal(t, []string{"created", "expired"}, c.kinds(a), "once")
	got := c.arrives(a.Amount)
	require.Zero(t, got.PayID, "too late")
	now, err := c.store.Transfer(t.Context(), c.merchant.ID, a.ID)
	require.NoError(t, err)
	require.Equal(t, state.TransferExpired, now.State)
}

// Between the payer's deadline and the end of the reservation a late SMS still pays.
func TestTransferPaidLate(t *testing.T) {
	c := newCounter(t)
	a := c.transfer(0.1, 3600)
	c.over(a, a.ExpiresAt)
	require.Equal(t, activities.TransferDeadline{State: state.TransferExpired}, twice(c.till, c.acts.TransferDeadline, a.ID), "the amount stays reserved")
	require.Equal(t, a.ID, c.arrives(a.Amount).PayID)
	require.Equal(t, activities.TransferDeadline{State: state.TransferPaid}, twice(c.till, c.acts.TransferDeadline, a.ID), "a deadline takes nothing back")
	checked, err := c.store.CheckTransfer(t.Context(), c.merchant.ID, a.ID)
	require.NoError(t, err)
	require.True(t, checked.First)
	require.Equal(t, activities.TransferDeadline{State: state.TransferVerified}, twice(c.till, c.acts.TransferDeadline, a.ID))
	require.Equal(t, []string{"created", "expired", "paid", "verified"}, c.kinds(a))
}

func TestTransferNobodyKnows(t *testing.T) {
	c := newCounter(t)
	_, err := c.env.ExecuteActivity(c.acts.TransferDeadline, int64(999_999))
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.False(t, app.NonRetryable(), "the saga waits for its row; a person sees the tries")
}

func TestTransferAttention(t *testing.T) {
	c := newCounter(t)
	a := c.transfer(900, 3600)
	for _, reason := range []string{"paid_not_checked", ""} {
		for range 2 {
			_, err := c.env.ExecuteActivity(c.acts.SetTransferAttention, activities.TransferAttention{TransferID: a.ID, Reason: reason})
			require.NoError(t, err)
		}
		now, err := c.store.Transfer(t.Context(), c.merchant.ID, a.ID)
		require.NoError(t, err)
		if reason == "" {
			require.Nil(t, now.NeedsAttention)
			continue
		}
		require.Equal(t, reason, *now.NeedsAttention)
	}
	require.Equal(t, []string{"created", "needs_attention", "attention_over"}, c.kinds(a), "each once")
}

// A deposit that nobody resolved in time is called out; once it has its owner, a late call is nobody's.
func TestDepositAttention(t *testing.T) {
	c := newCounter(t)
	c.merchant.DepositPatience = 0.001
	id := c.arrives(777).DepositID
	wrong := func() (about []string) {
		breaches, err := c.store.Audit(t.Context(), 0)
		require.NoError(t, err)
		for _, b := range breaches {
			if b.Subject == fmt.Sprint("deposit ", id) {
				about = append(about, b.Invariant)
			}
		}
		return about
	}
	call := func() {
		for range 2 {
			_, err := c.env.ExecuteActivity(c.acts.SetDepositAttention, activities.DepositAttention{DepositID: id, Reason: "deposit_overdue"})
			require.NoError(t, err)
		}
	}
	require.Eventually(t, func() bool { return len(wrong()) == 1 }, 5*time.Second, 5*time.Millisecond, "overdue, and nobody says so")
	call()
	require.Empty(t, wrong())
	require.NoError(t, c.store.ResolveDeposit(t.Context(), store.DepositResolution{DepositID: id, As: state.DepositIgnored, By: "sara", Why: "own money"}))
	call()
	require.Empty(t, wrong(), "a person is called for no resolved deposit")
}
