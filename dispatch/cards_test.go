package dispatch_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
	"github.com/paysaga/paysaga/workflows"
)

const account = "826-810-3456701-1"

// counter is a house with a card, on which money arrives.
type counter struct {
	*house
	vault *vault.Vault
	cards []int64
	fids  int64
}

func newCounter(t *testing.T) *counter {
	h := newHouse(t)
	v, err := vault.New("k:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	require.NoError(t, err)
	c := &counter{house: h, vault: v}
	card := store.DestinationCard{Bank: "saman", Accounts: []string{account}, Card: c.seal("6219860000000019")}
	require.NoError(t, h.store.AddDestinationCard(t.Context(), h.merchant.ID, card))
	cards, err := h.store.DestinationCards(t.Context(), h.merchant.ID)
	require.NoError(t, err)
	c.cards = []int64{cards[0].ID}
	return c
}

func (c *counter) seal(pan vault.PAN) vault.Sealed {
	c.Helper()
	sealed, err := c.vault.Seal(c.merchant.ID, pan)
	require.NoError(c, err)
	return sealed
}

func (c *counter) transfer(card *vault.Sealed) store.Transfer {
	c.Helper()
	c.fids++
	t, err := c.store.CreateTransfer(c.Context(), store.NewTransfer{Merchant: c.merchant, FID: c.fids, Price: 10_000, Cards: c.cards, PayerCard: card})
	require.NoError(c, err)
	return t
}

func (c *counter) arrives(amount money.Rial, payer string) store.Intake {
	c.Helper()
	c.fids++
	now := time.Now()
	got, err := c.store.RecordSMS(c.Context(), store.SMS{
		Merchant: c.merchant, Source: "key/1", Content: sha256.Sum256(fmt.Append(nil, c.fids)), Sender: "x", Bank: "saman", Kind: "deposit",
		Text: c.vault.SealText(c.merchant.ID, vault.SMSText, "…"), ReceivedAt: now,
		Deposit: &store.SeenDeposit{Account: account, Amount: amount, From: now, To: now.Add(time.Minute), Settles: true, PayerMask: payer},
	})
	require.NoError(c, err)
	return got
}

func (c *counter) event(t store.Transfer, kind string) int64 {
	c.Helper()
	events, err := c.store.TransferTimeline(c.Context(), t.ID)
	require.NoError(c, err)
	for _, e := range events {
		if e.Kind == kind {
			return e.ID
		}
	}
	require.Fail(c, "no event "+kind)
	return 0
}

// What the store writes about transfers and deposits is what their sagas read.
func TestCardPayloads(t *testing.T) {
	c := newCounter(t)
	s, ctx := c.store, t.Context()
	named := c.seal("6037991234567893")
	a, b := c.transfer(nil), c.transfer(&named)
	_, err := s.SetPayerCard(ctx, c.merchant.ID, a.ID, c.seal("6104330000000011"))
	require.NoError(t, err)
	paid := c.arrives(a.Amount, "")
	require.Equal(t, a.ID, paid.PayID)
	_, err = s.CheckTransfer(ctx, c.merchant.ID, a.ID)
	require.NoError(t, err)
	other := c.arrives(b.Amount, "621986******0019")
	require.Zero(t, other.PayID)
	require.NoError(t, s.ResolveDeposit(ctx, store.DepositResolution{DepositID: other.DepositID, As: state.DepositAssigned, PayID: b.ID, By: "سارا", Why: "receipt \"8\" seen"}))
	stray := c.arrives(777, "")
	require.NoError(t, s.ResolveDeposit(ctx, store.DepositResolution{DepositID: stray.DepositID, As: state.DepositRefunded, By: "sara", Why: "asked", Reference: "r7"}))

	c.run()
	c.delivered()
	inputs := map[string]any{}
	for i, o := range c.temporal.starts {
		inputs[o.ID] = c.temporal.inputs[i]
	}
	require.Len(t, inputs, 4)
	saga := func(kind string, id int64) string { return fmt.Sprint(kind, "/", id) }
	of := func(t store.Transfer, cardSet bool) workflows.TransferInput {
		return workflows.TransferInput{
			TransferID: t.ID, Merchant: "shop", Amount: t.Amount, CardSet: cardSet,
			CreatedAt: t.CreatedAt.UTC(), ExpiresAt: t.ExpiresAt.UTC(), ReservedUntil: t.ReservedUntil.UTC(),
		}
	}
	for _, want := range []workflows.TransferInput{of(a, false), of(b, true)} {
		got := inputs[saga("transfer", want.TransferID)].(workflows.TransferInput)
		got.CreatedAt, got.ExpiresAt, got.ReservedUntil = got.CreatedAt.UTC(), got.ExpiresAt.UTC(), got.ReservedUntil.UTC()
		require.Equal(t, want, got, "to the microsecond")
	}
	deposits, err := s.Deposits(ctx, store.DepositList{Size: 10})
	require.NoError(t, err)
	for id, want := range map[int64]workflows.DepositInput{
		stray.DepositID: {Amount: 777, Reason: store.ReasonNoTransfer}, other.DepositID: {Amount: b.Amount, Reason: store.ReasonPayerMismatch},
	} {
		got := inputs[saga("deposit", id)].(workflows.DepositInput)
		for _, d := range deposits {
			if d.ID == id {
				require.True(t, got.CreatedAt.Equal(d.CreatedAt) && got.ResolveBy.Equal(d.ResolveBy))
			}
		}
		want.DepositID, want.Merchant, want.Bank, want.CreatedAt, want.ResolveBy = id, "shop", "saman", got.CreatedAt, got.ResolveBy
		require.Equal(t, want, got)
	}

	got := map[string][]byte{}
	for _, s := range c.temporal.signals {
		got[s.saga+" "+s.name] = s.payload
	}
	require.Len(t, got, 7)
	require.Equal(t, workflows.Fact{EventID: c.event(a, "card_set")}, strict[workflows.Fact](t, got[saga("transfer", a.ID)+" "+workflows.CardSetSignal]))
	require.Equal(t, workflows.Deposited{EventID: c.event(a, "paid"), DepositID: paid.DepositID}, strict[workflows.Deposited](t, got[saga("transfer", a.ID)+" "+workflows.PaidSignal]))
	require.Equal(t, workflows.Fact{EventID: c.event(a, "verified")}, strict[workflows.Fact](t, got[saga("transfer", a.ID)+" "+workflows.VerifiedSignal]))
	require.Equal(t, workflows.Deposited{EventID: c.event(b, "mismatched"), DepositID: other.DepositID}, strict[workflows.Deposited](t, got[saga("transfer", b.ID)+" "+workflows.MismatchedSignal]))
	require.Equal(t, workflows.Deposited{EventID: c.event(b, "assigned"), DepositID: other.DepositID}, strict[workflows.Deposited](t, got[saga("transfer", b.ID)+" "+workflows.PaidSignal]))
	require.Equal(t, workflows.DepositResolved{State: state.DepositAssigned, PayID: b.ID, By: "سارا", Why: `receipt "8" seen`},
		strict[workflows.DepositResolved](t, got[saga("deposit", other.DepositID)+" "+workflows.ResolvedSignal]))
	require.Equal(t, workflows.DepositResolved{State: state.DepositRefunded, By: "sara", Why: "asked", Reference: "r7"},
		strict[workflows.DepositResolved](t, got[saga("deposit", stray.DepositID)+" "+workflows.ResolvedSignal]))
}

// How the sagas look to operators from their first moment.
func TestCardSagasAreStarted(t *testing.T) {
	c := newCounter(t)
	a := c.transfer(nil)
	stray := c.arrives(777, "")
	var payloads [][]byte
	require.NoError(t, c.db.NewRaw(`SELECT payload FROM outbox ORDER BY id`).Scan(t.Context(), &payloads))
	strict[workflows.TransferInput](t, payloads[0])
	deposit := strict[workflows.DepositInput](t, payloads[1])
	c.run()
	c.delivered()

	require.Len(t, c.temporal.starts, 2)
	for _, o := range c.temporal.starts {
		require.Equal(t, []any{workflows.SagaQueue, enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, true}, []any{o.TaskQueue, o.WorkflowIDReusePolicy, o.WorkflowExecutionErrorWhenAlreadyStarted})
		require.Zero(t, o.WorkflowExecutionTimeout, "a saga lives as long as it must")
		attributes := map[string]any{}
		for key, value := range o.TypedSearchAttributes.GetUntypedValues() {
			attributes[key.GetName()] = value
		}
		deadline := attributes["DeadlineAt"].(time.Time)
		delete(attributes, "DeadlineAt")
		if o.ID == fmt.Sprint("transfer/", a.ID) {
			require.Equal(t, fmt.Sprintf("%s rial · shop · transfer", a.Amount), o.StaticSummary)
			require.True(t, deadline.Equal(a.ExpiresAt))
			require.Equal(t, map[string]any{"MerchantId": "shop", "SagaKind": "transfer", "SagaState": "pending", "AmountRial": int64(a.Amount)}, attributes)
			continue
		}
		require.Equal(t, fmt.Sprint("deposit/", stray.DepositID), o.ID)
		require.Equal(t, "777 rial · shop · deposit: no_transfer", o.StaticSummary)
		require.True(t, deadline.Equal(deposit.ResolveBy))
		require.Equal(t, map[string]any{
			"MerchantId": "shop", "SagaKind": "deposit", "SagaState": "suspense", "AmountRial": int64(777), "Provider": "saman", "NeedsAttention": true,
		}, attributes)
	}

	// An earlier delivery arrived and its process died before it could say so.
	c.row("transfer", fmt.Sprint(a.ID), "start", string(payloads[0]))
	c.row("deposit", fmt.Sprint(stray.DepositID), "start", string(payloads[1]))
	c.dispatch.Kick()
	c.delivered()
	require.Len(t, c.temporal.starts, 2)
}

// A person gives money to a transfer whose saga has ended, and the merchant checks it: the rows say it all.
func TestAssignedAfterTheEnd(t *testing.T) {
	c := newCounter(t)
	a := c.transfer(nil)
	c.run()
	c.delivered()
	c.temporal.mu.Lock()
	c.temporal.sagas[fmt.Sprint("transfer/", a.ID)] = enums.WORKFLOW_EXECUTION_STATUS_COMPLETED
	c.temporal.mu.Unlock()
	stray := c.arrives(777, "")
	require.NoError(t, c.store.ResolveDeposit(t.Context(), store.DepositResolution{DepositID: stray.DepositID, As: state.DepositAssigned, PayID: a.ID, By: "sara", Why: "seen"}))
	checked, err := c.store.CheckTransfer(t.Context(), c.merchant.ID, a.ID)
	require.NoError(t, err)
	require.True(t, checked.First)
	c.delivered()
	require.Equal(t, "resolved", c.temporal.heard(), "by the deposit's saga alone")
}
