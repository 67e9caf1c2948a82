package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

const (
	samanAccount  = "826-810-3456701-1"
	mellatAccount = "5400112233"
)

// shop is a merchant with a card at Saman and one at Mellat.
type shop struct {
	*world
	m     store.Merchant
	vault *vault.Vault
	cards []int64
	fids  int64
}

func newShop(t *testing.T, change ...func(*store.Merchant)) *shop {
	t.Helper()
	w := newWorld(t)
	v, err := vault.New("k:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	require.NoError(t, err)
	s := &shop{world: w, m: w.newMerchant(change...), vault: v}
	for _, c := range []struct{ bank, account, pan string }{
		{"saman", samanAccount, "6219860000000019"}, {"mellat", mellatAccount, "6104330000000011"},
	} {
		require.NoError(t, w.AddDestinationCard(t.Context(), s.m.ID, store.DestinationCard{
			Bank: c.bank, Holder: "sara", Accounts: []string{c.account}, Card: s.seal(c.pan),
		}))
	}
	cards, err := w.DestinationCards(t.Context(), s.m.ID)
	require.NoError(t, err)
	for _, c := range cards {
		s.cards = append(s.cards, c.ID)
	}
	return s
}

func (s *shop) seal(pan string) vault.Sealed {
	s.Helper()
	sealed, err := s.vault.Seal(s.m.ID, vault.PAN(pan))
	require.NoError(s, err)
	return sealed
}

func (s *shop) transfer(price money.Rial, change ...func(*store.NewTransfer)) store.Transfer {
	s.Helper()
	s.fids++
	in := store.NewTransfer{Merchant: s.m, FID: s.fids, Price: price, Cards: s.cards}
	for _, f := range change {
		f(&in)
	}
	t, err := s.CreateTransfer(s.Context(), in)
	require.NoError(s, err)
	return t
}

// again reads a transfer.
func (s *shop) again(t store.Transfer) store.Transfer {
	s.Helper()
	t, err := s.Transfer(s.Context(), s.m.ID, t.ID)
	require.NoError(s, err)
	return t
}

// sagaHears are the messages of a saga in the outbox, in order.
func (s *shop) sagaHears(saga string, id int64) string {
	s.Helper()
	return value[string](s.world, `SELECT coalesce(string_agg(message, ' ' ORDER BY id), '') FROM outbox WHERE saga = ? AND ref = ?`, saga, fmt.Sprint(id))
}

func (s *shop) history(t store.Transfer) string {
	s.Helper()
	events, err := s.TransferTimeline(s.Context(), t.ID)
	require.NoError(s, err)
	kinds := make([]string, len(events))
	for i, e := range events {
		kinds[i] = e.Kind
	}
	return strings.Join(kinds, " ")
}

func TestCreateTransfer(t *testing.T) {
	s := newShop(t)
	a := s.transfer(10_000)
	require.Equal(t, state.TransferPending, a.State)
	require.Greater(t, a.Amount, money.Rial(10_000))
	require.LessOrEqual(t, a.Amount, money.Rial(15_000))
	require.Zero(t, a.Amount%10, "every banking app can pay it")
	require.Equal(t, 15*time.Minute, a.ExpiresAt.Sub(a.CreatedAt))
	require.Equal(t, 75*time.Minute, a.ReservedUntil.Sub(a.CreatedAt))
	require.Equal(t, s.cards, a.Cards)
	require.GreaterOrEqual(t, len(a.LinkToken), 22)
	require.Equal(t, "start", s.sagaHears("transfer", a.ID))
	require.Equal(t, "created", s.history(a))
	require.NotZero(t, s.kicks.Load())

	b := s.transfer(10_000)
	require.NotEqual(t, a.Amount, b.Amount)
	require.NotEqual(t, a.LinkToken, b.LinkToken)

	_, err := s.CreateTransfer(t.Context(), store.NewTransfer{Merchant: s.m, FID: 1, Price: 20_000, Cards: s.cards})
	require.ErrorIs(t, err, store.ErrInvoiceUsed)
	other := s.newMerchant()
	card, err := s.vault.Seal(other.ID, "6219860000000019")
	require.NoError(t, err)
	require.NoError(t, s.AddDestinationCard(t.Context(), other.ID, store.DestinationCard{Bank: "saman", Card: card}))
	cards, err := s.DestinationCards(t.Context(), other.ID)
	require.NoError(t, err)
	_, err = s.CreateTransfer(t.Context(), store.NewTransfer{Merchant: other, FID: 1, Price: 20_000, Cards: []int64{cards[0].ID}})
	require.NoError(t, err, "another merchant's invoice 1")

	withCard := s.seal("6037991234567893")
	c := s.transfer(10_000, func(in *store.NewTransfer) { in.PayerCard = &withCard })
	require.NotNil(t, c.PayerCardID)
	s.requireTrue()
}

// Sixty-four payers of one price at the same instant: sixty-four amounts.
func TestAmountsAreUniqueUnderConcurrentCreates(t *testing.T) {
	s := newShop(t)
	const n = 64
	amounts := make([]money.Rial, n)
	for _, err := range together(n, func(i int) error {
		tr, err := s.CreateTransfer(t.Context(), store.NewTransfer{Merchant: s.m, FID: int64(i + 1), Price: 500_000, Cards: s.cards})
		amounts[i] = tr.Amount
		return err
	}) {
		require.NoError(t, err)
	}
	seen := map[money.Rial]bool{}
	for _, a := range amounts {
		require.False(t, seen[a], "amount %d twice", a)
		seen[a] = true
	}
	s.requireTrue()
}

// When every amount near a price is taken, the next create says so, and the amounts come back with time.
func TestExhaustionIsAnError(t *testing.T) {
	s := newShop(t, func(m *store.Merchant) { m.AmountStep, m.AmountDelta = 10, 80 })
	errs := together(16, func(i int) error {
		_, err := s.CreateTransfer(t.Context(), store.NewTransfer{Merchant: s.m, FID: int64(i + 1), Price: 10_000, Cards: s.cards})
		return err
	})
	refused := 0
	for _, err := range errs {
		if err != nil {
			require.ErrorIs(t, err, store.ErrNoFreeAmount)
			refused++
		}
	}
	require.Equal(t, 8, refused)
	require.Equal(t, 8, value[int](s.world, `SELECT count(*) FROM transfers`))
	s.fids = 100
	s.transfer(20_000) // another price is another room

	s.exec(`UPDATE transfers SET created_at = created_at - interval '2 hours', expires_at = now() - interval '1 hour', reserved_until = now() WHERE id IN (SELECT min(id) FROM transfers)`)
	got := s.transfer(10_000)
	require.Equal(t, 1, value[int](s.world, `SELECT count(*) FROM transfers WHERE NOT reserved`), "only what is over was released")
	require.Equal(t, 2, value[int](s.world, `SELECT count(*) FROM transfers WHERE amount = ?`, got.Amount))
}

func TestOneInvoiceNumberIsOneTransfer(t *testing.T) {
	s := newShop(t)
	won := 0
	for _, err := range together(20, func(int) error {
		_, err := s.CreateTransfer(t.Context(), store.NewTransfer{Merchant: s.m, FID: 7, Price: 10_000, Cards: s.cards})
		return err
	}) {
		if err == nil {
			won++
		} else {
			require.ErrorIs(t, err, store.ErrInvoiceUsed)
		}
	}
	require.Equal(t, 1, won)
}

func TestSetPayerCard(t *testing.T) {
	s := newShop(t)
	a := s.transfer(10_000)
	_, err := s.SetPayerCard(t.Context(), s.m.ID, a.ID, s.seal("6037991234567893"))
	require.NoError(t, err)
	require.Equal(t, "start card_set", s.sagaHears("transfer", a.ID))

	again, err := s.SetPayerCard(t.Context(), s.m.ID, a.ID, s.seal("6219860000000019"))
	require.ErrorIs(t, err, store.ErrConflict)
	require.NotNil(t, again.PayerCardID)
	require.Equal(t, "created card_set", s.history(a))

	_, err = s.SetPayerCard(t.Context(), s.newMerchant().ID, a.ID, s.seal("6219860000000019"))
	require.ErrorIs(t, err, store.ErrNotFound, "another merchant's")

	late := s.transfer(10_000)
	s.exec(`UPDATE transfers SET expires_at = now() WHERE id = ?`, late.ID)
	_, err = s.SetPayerCard(t.Context(), s.m.ID, late.ID, s.seal("6219860000000019"))
	require.ErrorIs(t, err, store.ErrConflict)
	require.Nil(t, s.again(late).PayerCardID)
	require.Equal(t, 3, value[int](s.world, `SELECT count(*) FROM card_vault`), "a refused card is not kept")
}

func TestCheckTransfer(t *testing.T) {
	s := newShop(t)
	a := s.transfer(10_000)
	got, err := s.CheckTransfer(t.Context(), s.m.ID, a.ID)
	require.NoError(t, err)
	require.Equal(t, store.Checked{State: state.TransferPending}, got)
	_, err = s.CheckTransfer(t.Context(), s.newMerchant().ID, a.ID)
	require.ErrorIs(t, err, store.ErrNotFound)

	s.deposit(a)
	firsts := 0
	for _, err := range together(50, func(int) error {
		got, err := s.CheckTransfer(t.Context(), s.m.ID, a.ID)
		if got.State != state.TransferVerified {
			return errors.Join(err, fmt.Errorf("state %q", got.State))
		}
		if got.First {
			s.names.Add(1_000)
			firsts++ // only one goroutine ever gets here
		}
		return err
	}) {
		require.NoError(t, err)
	}
	require.Equal(t, 1, firsts)
	require.Equal(t, "start paid verified", s.sagaHears("transfer", a.ID))
	require.Equal(t, "created paid verified", s.history(a))
	s.requireTrue()
}

func TestTransferDeadlines(t *testing.T) {
	s := newShop(t)
	a := s.transfer(10_000)
	at := func() store.TransferDeadline {
		d, err := s.AtTransferDeadline(t.Context(), a.ID)
		require.NoError(t, err)
		return d
	}
	before := s.facts()
	require.Equal(t, store.TransferDeadline{State: state.TransferPending}, at())
	require.Equal(t, before, s.facts(), "before its time nothing changes")

	s.exec(`UPDATE transfers SET expires_at = now() WHERE id = ?`, a.ID)
	for range 2 {
		require.Equal(t, store.TransferDeadline{State: state.TransferExpired}, at())
	}
	require.Equal(t, "created expired", s.history(a))
	require.True(t, value[bool](s.world, `SELECT reserved FROM transfers`), "a late SMS can still pay it")

	s.exec(`UPDATE transfers SET reserved_until = now() WHERE id = ?`, a.ID)
	for range 2 {
		require.Equal(t, store.TransferDeadline{State: state.TransferExpired, Released: true}, at())
	}
	require.False(t, value[bool](s.world, `SELECT reserved FROM transfers`))
	s.requireTrue()
}

func TestTransferAttention(t *testing.T) {
	s := newShop(t)
	a := s.transfer(10_000)
	for range 2 {
		require.NoError(t, s.SetTransferAttention(t.Context(), a.ID, "paid_not_checked"))
	}
	n, err := s.AttentionCount(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	for range 2 {
		require.NoError(t, s.SetTransferAttention(t.Context(), a.ID, ""))
	}
	require.Equal(t, "created needs_attention attention_over", s.history(a))
}
