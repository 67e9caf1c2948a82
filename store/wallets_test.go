package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

func (b *bank) open(order string, change ...func(*store.NewWallet)) (store.Wallet, error) {
	in := store.NewWallet{Merchant: b.m, OrderID: order, Network: "iban", Provider: "sandbox"}
	for _, f := range change {
		f(&in)
	}
	return b.OpenWallet(b.Context(), in)
}

// opened is a wallet with an account.
func (b *bank) opened(order string, change ...func(*store.NewWallet)) store.Wallet {
	b.Helper()
	w, err := b.open(order, change...)
	require.NoError(b, err)
	now, err := b.WalletOpened(b.Context(), w.ID, fmt.Sprintf("IR%024d", w.ID), "")
	require.NoError(b, err)
	require.Equal(b, state.WalletActive, now)
	return b.wallet(w)
}

func (b *bank) wallet(w store.Wallet) store.Wallet {
	b.Helper()
	w, err := b.Wallet(b.Context(), w.ID)
	require.NoError(b, err)
	return w
}

// page is what a bank answers: deposits with numbers, each of so many thousand rial.
func page(numbers ...int) []store.WalletDeposit {
	list := make([]store.WalletDeposit, len(numbers))
	for i, n := range numbers {
		list[i] = store.WalletDeposit{ProviderID: fmt.Sprintf("60%06d", n), Amount: rial(n * 1000), Payer: "IR0*", TrackingID: fmt.Sprint("track-", n), At: time.Now()}
	}
	return list
}

func (b *bank) arrives(w store.Wallet, numbers ...int) int {
	b.Helper()
	n, err := b.CreditWallet(b.Context(), w.ID, page(numbers...))
	require.NoError(b, err)
	return n
}

func TestOpenWallet(t *testing.T) {
	b := newBank(t, 0)
	w, err := b.open("o")
	require.NoError(t, err)
	require.Equal(t, store.Wallet{
		ID: w.ID, UUID: w.UUID, MerchantID: b.m.ID, OrderID: "o", Currency: "IRR", Network: "iban", Provider: "sandbox",
		State: state.WalletOpening, CreatedAt: w.CreatedAt,
	}, w)
	require.Equal(t, "start", b.sagaHears("wallet", w.UUID))
	facts := b.facts()
	again, err := b.open("o")
	require.NoError(t, err)
	require.Equal(t, w, again, "one for an order_id, for good")
	require.Equal(t, facts, b.facts())

	now, err := b.WalletOpened(t.Context(), w.ID, "IR01", "")
	require.NoError(t, err)
	require.Equal(t, state.WalletActive, now)
	for _, late := range []string{"IR02", ""} { // an answer that comes twice, or another one
		now, err = b.WalletOpened(t.Context(), w.ID, late, "no")
		require.NoError(t, err)
		require.Equal(t, state.WalletActive, now)
		require.Equal(t, "IR01", *b.wallet(w).Address, "an account is kept for good")
	}
	refused, err := b.open("p")
	require.NoError(t, err)
	now, err = b.WalletOpened(t.Context(), refused.ID, "", "closed for today")
	require.NoError(t, err)
	require.Equal(t, state.WalletBlocked, now)
	require.Equal(t, "closed for today", b.wallet(refused).Why)
	taken, err := b.open("q")
	require.NoError(t, err)
	_, err = b.WalletOpened(t.Context(), taken.ID, "IR01", "")
	require.Error(t, err, "one account is never two wallets'")

	// Another merchant sees none of them.
	other := b.newMerchant()
	for _, find := range [][2]string{{"o", ""}, {"", w.UUID}} {
		got, err := b.WalletBy(t.Context(), b.m.ID, find[0], find[1])
		require.NoError(t, err)
		require.Equal(t, w.ID, got.ID)
		_, err = b.WalletBy(t.Context(), other.ID, find[0], find[1])
		require.ErrorIs(t, err, store.ErrNotFound)
	}
	list, err := b.Wallets(t.Context(), b.m.ID, 0, 2)
	require.NoError(t, err)
	require.Equal(t, []string{"q", "p"}, []string{list[0].OrderID, list[1].OrderID})
	list, err = b.Wallets(t.Context(), b.m.ID, list[1].ID, 2)
	require.NoError(t, err)
	require.Len(t, list, 1)
	list, err = b.Wallets(t.Context(), other.ID, 0, 2)
	require.NoError(t, err)
	require.Equal(t, []store.Wallet{}, list)

	b.m.DisabledAt = &w.CreatedAt
	_, err = b.open("r")
	require.ErrorIs(t, err, store.ErrMerchantDisabled)
	_, err = b.open("o")
	require.NoError(t, err)
}

// A bank's name field is short; a merchant's name may not be.
func TestWalletHolderIsCut(t *testing.T) {
	b := newBank(t, 0)
	b.m.DisplayName = strings.Repeat("ش", 150)
	_, err := b.open("o")
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("ش", 100), value[string](b.world, `SELECT payload->>'holder' FROM outbox`))
}

func TestCreditWallet(t *testing.T) {
	b := newBank(t, 0)
	w := b.opened("o")
	require.Equal(t, 2, b.arrives(w, 1, 2))
	require.Equal(t, "60000002", b.wallet(w).Seen)
	b.requireBalance(3_000, 0)
	require.Equal(t, 1, b.arrives(w, 2, 3), "each once")
	require.Equal(t, "60000003", b.wallet(w).Seen)
	require.Zero(t, b.arrives(w, 1, 2, 3))
	require.Zero(t, b.arrives(w))
	b.requireBalance(6_000, 0)

	deposits, err := b.WalletDeposits(t.Context(), w.ID, 2)
	require.NoError(t, err)
	require.Equal(t, []any{rial(3_000), rial(2_000)}, []any{deposits[0].Amount, deposits[1].Amount}, "newest first")
	require.Equal(t, []string{"IR0*", "track-3"}, []string{deposits[0].Payer, deposits[0].TrackingID})

	// Of a page with a line that cannot be, nothing is booked: it comes again.
	before := b.facts()
	bad := page(4, 5)
	bad[1].Amount = 0
	_, err = b.CreditWallet(t.Context(), w.ID, bad)
	require.Error(t, err)
	require.Equal(t, before, b.facts())
	_, err = b.CreditWallet(t.Context(), 999, page(6))
	require.ErrorIs(t, err, store.ErrNotFound)

	b.exec(`UPDATE wallets SET state = 'blocked' WHERE id = ?`, w.ID)
	require.Equal(t, 1, b.arrives(w, 4), "money at the bank is never ignored")
	b.requireTrue()
}

func TestNotifyWallet(t *testing.T) {
	b := newBank(t, 0)
	w, other := b.opened("o"), b.opened("p")
	b.exec(`DELETE FROM outbox`)
	kicks := b.kicks.Load()
	for range 3 {
		require.NoError(t, b.NotifyWallet(t.Context(), *w.Address))
	}
	require.Equal(t, "arrived", b.sagaHears("wallet", w.UUID), "one waits for all")
	require.Equal(t, kicks+3, b.kicks.Load())
	require.NoError(t, b.NotifyWallet(t.Context(), *other.Address))
	require.Equal(t, "arrived", b.sagaHears("wallet", other.UUID))
	facts := b.facts()
	require.ErrorIs(t, b.NotifyWallet(t.Context(), "IR99"), store.ErrNotFound)
	require.ErrorIs(t, b.NotifyWallet(t.Context(), ""), store.ErrNotFound)
	require.Equal(t, facts, b.facts())

	// While it is delivered its saga may already have asked: what comes then is told again.
	deliver := func(meanwhile func()) {
		_, err := b.DeliverOutbox(t.Context(), 16, func(context.Context, []store.Delivery) []store.Undelivered { meanwhile(); return nil })
		require.NoError(t, err)
	}
	deliver(func() {
		for range 2 {
			require.NoError(t, b.NotifyWallet(t.Context(), *w.Address))
		}
	})
	require.Equal(t, "arrived", b.sagaHears("wallet", w.UUID))
	deliver(func() {})
	require.Empty(t, b.sagaHears("wallet", w.UUID))
}

func TestWalletAttention(t *testing.T) {
	b := newBank(t, 0)
	w, err := b.open("o")
	require.NoError(t, err)
	for _, reason := range []string{"outcome_unknown", "outcome_unknown", ""} {
		require.NoError(t, b.SetWalletAttention(t.Context(), w.ID, reason))
		list, err := b.WalletsNeedingAttention(t.Context())
		require.NoError(t, err)
		n, err := b.AttentionCount(t.Context())
		require.NoError(t, err)
		require.Len(t, list, int(n))
		require.Equal(t, reason != "", n == 1)
	}
}

// The races of wallets: everybody gets the one wallet, and each deposit is booked once.

func TestWalletsAtOnce(t *testing.T) {
	b := newBank(t, 0)
	ids := make([]int64, 20)
	require.NoError(t, errors.Join(together(len(ids), func(i int) error {
		w, err := b.open("o", func(in *store.NewWallet) { in.CallbackURL, in.Secret = "https://a.example", hidden })
		ids[i] = w.ID
		return err
	})...))
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	require.Equal(t, 1, value[int](b.world, `SELECT count(*) FROM wallets`))
	require.Equal(t, 1, value[int](b.world, `SELECT count(*) FROM outbox`))
	require.Equal(t, 1, value[int](b.world, `SELECT count(*) FROM webhook_endpoints`))
}

func TestDepositsAtOnce(t *testing.T) {
	b := newBank(t, 0)
	w := b.opened("o")
	booked := make([]int, 12)
	require.NoError(t, errors.Join(together(len(booked), func(i int) error {
		n, err := b.CreditWallet(t.Context(), w.ID, page(1+i%3, 2+i%3, 3+i%3)) // pages that overlap
		booked[i] = n
		return err
	})...))
	sum := 0
	for _, n := range booked {
		sum += n
	}
	require.Equal(t, 5, sum)
	b.requireBalance(15_000, 0)
	b.requireTrue()
}

func TestNotifiedAtOnce(t *testing.T) {
	b := newBank(t, 0)
	w := b.opened("o")
	b.exec(`DELETE FROM outbox`)
	require.NoError(t, errors.Join(together(20, func(int) error { return b.NotifyWallet(t.Context(), *w.Address) })...))
	require.Positive(t, value[int](b.world, `SELECT count(*) FROM outbox WHERE message = 'arrived'`), "nobody's note is lost")
}
