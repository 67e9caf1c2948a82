package audit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/paysaga/paysaga/audit"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// books is a database with one payment, transfer, deposit, top-up, purchase, payout, wallet and message of each kind,
// all true.
type books struct {
	*testing.T
	store    *store.Store
	owner    *bun.DB
	url      string
	payments map[state.Payment]store.Payment
	attempts map[state.Payment]int64 // the one that serves it
	visiting int64                   // an open attempt of the pending payment
	surplus  int64                   // a second paid attempt of the collected payment, sent back
	merchant store.Merchant
	other    store.Merchant

	vault     *vault.Vault
	cards     []int64 // the merchant's destination cards
	transfers map[state.Transfer]store.Transfer
	deposits  map[state.Deposit]int64 // matched: the paid transfer's; suspense: a stray one
	mismatch  int64                   // in suspense too: the mismatched transfer's
	late      store.Transfer          // given its deposit by a person after it had expired
	messages  int

	buyer  store.Merchant
	topups map[state.TopUp]int64

	purchases map[state.Purchase]int64

	payer     store.Merchant
	payouts   map[state.Payout]store.Payout
	byHand    store.Payout // paid, a person says
	wallets   map[state.Wallet]store.Wallet
	endpoint  int64 // of the payer
	paused    int64
	told      map[state.Webhook]int64 // messages to them
	successor int64                   // of the replaced one
}

func newBooks(t *testing.T) *books {
	t.Helper()
	ctx, url := t.Context(), server.URL(t)
	b := &books{T: t, url: url, payments: map[state.Payment]store.Payment{}, attempts: map[state.Payment]int64{}}
	connect := func(role string) *bun.DB {
		db, err := store.Open(ctx, url, store.Options{Pool: 2, Role: role})
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	b.owner = connect("")
	db := connect("paysaga_app")
	b.store = store.New(db, func() {})
	s := b.store
	for i, m := range []*store.Merchant{&b.merchant, &b.other, &b.buyer, &b.payer} {
		var err error
		*m, err = s.PutMerchant(ctx, store.Merchant{PublicID: fmt.Sprint("shop", i), CollectWindow: 1200, Gateways: []string{"zibal"}})
		require.NoError(t, err)
	}
	visit := func(token string) int64 {
		a, err := s.StartAttempt(ctx, store.NewAttempt{Token: token, Gateway: "zibal", Tip: 500})
		require.NoError(t, err)
		require.NoError(t, s.OpenAttempt(ctx, a.ID, "ref", time.Minute))
		return a.ID
	}
	pay := func(id int64) {
		_, err := s.AttemptPaid(ctx, store.Receipt{AttemptID: id, BankTran: fmt.Sprint(id), RRN: fmt.Sprint("rrn", id)})
		require.NoError(t, err)
	}
	for _, to := range []state.Payment{state.PaymentPending, state.PaymentPaid, state.PaymentCollected, state.PaymentRefunded, state.PaymentExpired, state.PaymentFailed} {
		token, err := s.CreatePayment(ctx, store.NewPayment{Merchant: b.merchant, Amount: 10_000})
		require.NoError(t, err)
		p, err := s.PaymentByToken(ctx, token)
		require.NoError(t, err)
		end := func() {
			_, err := db.NewRaw(`UPDATE payments SET collect_by = now() WHERE id = ?`, p.ID).Exec(ctx)
			require.NoError(t, err)
			_, err = s.AtDeadline(ctx, p.ID)
			require.NoError(t, err)
		}
		switch to {
		case state.PaymentPending:
			b.visiting = visit(token)
		case state.PaymentExpired:
			end()
		case state.PaymentFailed:
			b.attempts[to] = visit(token)
			require.NoError(t, s.FailAttempt(ctx, b.attempts[to], "declined"))
			end()
		default:
			b.attempts[to] = visit(token)
			second := visit(token)
			pay(b.attempts[to])
			switch to {
			case state.PaymentCollected:
				_, err = s.CollectPayment(ctx, b.merchant.ID, token)
				require.NoError(t, err)
				_, err = s.AttemptSettled(ctx, b.attempts[to])
				require.NoError(t, err)
				pay(second)
				_, err = s.AttemptRefunded(ctx, second, "reversed")
				require.NoError(t, err)
				b.surplus = second
			case state.PaymentRefunded:
				end()
				_, err = s.AttemptRefunded(ctx, b.attempts[to], "cancelled")
				require.NoError(t, err)
			}
			if to != state.PaymentCollected {
				require.NoError(t, s.FailAttempt(ctx, second, "session_over"))
			}
		}
		p, err = s.PaymentByToken(ctx, token)
		require.NoError(t, err)
		require.Equal(t, to, p.State)
		b.payments[to] = p
	}
	b.addTransfers()
	b.addTopUps()
	b.addPurchases()
	b.addEndpoints()
	b.addPayouts()
	b.addWallets()
	b.deliver()
	b.exec(`DELETE FROM outbox`)
	require.Empty(t, b.audit(audit.Config{}), "the books begin true")
	return b
}

// exec breaks the books as only the owner of the database can.
func (b *books) exec(query string, args ...any) {
	b.Helper()
	_, err := b.owner.NewRaw(query, args...).Exec(b.Context())
	require.NoError(b, err)
}

func (b *books) audit(c audit.Config) []store.Breach {
	b.Helper()
	c.Store, c.Grace = b.store, time.Minute
	r, err := audit.Run(b.Context(), c)
	require.NoError(b, err)
	require.GreaterOrEqual(b, r.Checks, store.Invariants())
	return r.Breaches
}
