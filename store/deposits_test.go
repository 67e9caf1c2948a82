package store_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// sms is a trusted message of Saman that tells of a deposit now.
func (s *shop) sms(amount money.Rial, balance int64, change ...func(*store.SMS)) store.SMS {
	s.Helper()
	now := value[time.Time](s.world, `SELECT now()`)
	b := money.Rial(balance)
	m := store.SMS{
		Merchant: s.m, Source: "key/1", Sender: "+989999920000", Text: s.vault.SealText(s.m.ID, vault.SMSText, "…"),
		Bank: "saman", Kind: "deposit", ReceivedAt: now,
		Deposit: &store.SeenDeposit{Account: samanAccount, Amount: amount, Balance: &b, From: now.Truncate(time.Minute), To: now.Truncate(time.Minute).Add(time.Minute), Settles: true},
	}
	for _, f := range change {
		f(&m)
	}
	if m.Content == [32]byte{} {
		m.Content = sha256.Sum256(fmt.Append(nil, m.Bank, m.Deposit, balance))
		if m.Deposit != nil {
			m.Content = sha256.Sum256(fmt.Append(nil, m.Bank, m.Deposit.Account, m.Deposit.Amount, m.Deposit.From.Unix(), balance))
		}
	}
	m.Facts = sha256.Sum256(append(m.Content[:], 'f'))
	if m.Reason != "" && m.Deposit != nil { // whoever sends it, the facts are the same
		m.Content = sha256.Sum256(append(m.Content[:], m.Reason...))
	}
	return m
}

func (s *shop) record(m store.SMS) store.Intake {
	s.Helper()
	got, err := s.RecordSMS(s.Context(), m)
	require.NoError(s, err)
	return got
}

// deposit pays a transfer by an SMS.
func (s *shop) deposit(t store.Transfer) store.Intake {
	s.Helper()
	s.fids++
	got := s.record(s.sms(t.Amount, 1_000_000+s.fids))
	require.Equal(s, t.ID, got.PayID)
	return got
}

// reason is why a deposit has no owner; empty when it has.
func (s *shop) reason(id int64) string {
	s.Helper()
	return value[string](s.world, `SELECT reason FROM deposits WHERE id = ?`, id)
}

func at(from time.Time, long time.Duration) func(*store.SMS) {
	return func(m *store.SMS) { m.Deposit.From, m.Deposit.To = from, from.Add(long) }
}

func bankSaid(from time.Time) func(*store.SMS) { return at(from.Truncate(time.Minute), time.Minute) }

// ago moves a whole transfer into the past.
func (s *shop) ago(t store.Transfer, d time.Duration) store.Transfer {
	s.Helper()
	s.exec(`UPDATE transfers SET created_at = created_at - make_interval(secs => ?), expires_at = expires_at - make_interval(secs => ?),
		reserved_until = reserved_until - make_interval(secs => ?) WHERE id = ?`, d.Seconds(), d.Seconds(), d.Seconds(), t.ID)
	return s.again(t)
}

func TestDepositPaysItsTransfer(t *testing.T) {
	s := newShop(t)
	a, other := s.transfer(10_000), s.transfer(10_000)
	got := s.record(s.sms(a.Amount, 5_000_000))
	require.Equal(t, store.Intake{DepositID: got.DepositID, PayID: a.ID}, got)
	a = s.again(a)
	require.Equal(t, state.TransferPaid, a.State)
	require.Equal(t, got.DepositID, *a.DepositID)
	require.NotNil(t, a.PaidAt)
	require.Equal(t, "start paid", s.sagaHears("transfer", a.ID))
	require.Equal(t, "", s.sagaHears("deposit", got.DepositID), "nobody is called")
	require.Equal(t, state.TransferPending, s.again(other).State)
	require.Equal(t, "card/"+fmt.Sprint(s.cards[0]), value[string](s.world, `SELECT debit_account FROM ledger_transfers`))
	require.Equal(t, fmt.Sprintf("merchant/%d/received", s.m.ID), value[string](s.world, `SELECT credit_account FROM ledger_transfers`))
	s.requireBooks(s.m, 0, 0) // the money is on the merchant's card: it cannot be spent here
	s.requireTrue()
}

// The incidents that public gateways had, and who gets the money.
func TestIncidents(t *testing.T) {
	const price = 10_000
	cases := map[string]struct {
		run    func(s *shop, a store.Transfer) store.Intake
		reason string
		state  state.Transfer
	}{
		"the SMS is late, the bank's time is in the window": {func(s *shop, a store.Transfer) store.Intake {
			a = s.ago(a, 40*time.Minute)
			return s.record(s.sms(a.Amount, 1, bankSaid(a.CreatedAt.Add(2*time.Minute))))
		}, "", state.TransferPaid},
		"paid after the page expired, inside the reservation": {func(s *shop, a store.Transfer) store.Intake {
			a = s.ago(a, 20*time.Minute)
			_, err := s.AtTransferDeadline(s.Context(), a.ID)
			require.NoError(s, err)
			require.Equal(s, state.TransferExpired, s.again(a).State)
			return s.record(s.sms(a.Amount, 1))
		}, "", state.TransferPaid},
		"paid after the reservation": {func(s *shop, a store.Transfer) store.Intake {
			a = s.ago(a, 2*time.Hour)
			return s.record(s.sms(a.Amount, 1))
		}, store.ReasonLate, state.TransferPending},
		"paid in time, but the SMS comes after the reservation": {func(s *shop, a store.Transfer) store.Intake {
			a = s.ago(a, 2*time.Hour)
			return s.record(s.sms(a.Amount, 1, bankSaid(a.CreatedAt.Add(2*time.Minute))))
		}, store.ReasonLate, state.TransferPending},
		"paid before the transfer was there": {func(s *shop, a store.Transfer) store.Intake {
			return s.record(s.sms(a.Amount, 1, bankSaid(a.CreatedAt.Add(-10*time.Minute))))
		}, store.ReasonTooEarly, state.TransferPending},
		"the bank prints the day only": {func(s *shop, a store.Transfer) store.Intake {
			return s.record(s.sms(a.Amount, 1, at(a.CreatedAt.Truncate(24*time.Hour), 24*time.Hour)))
		}, "", state.TransferPaid},
		"a second deposit for a paid transfer": {func(s *shop, a store.Transfer) store.Intake {
			s.record(s.sms(a.Amount, 1))
			return s.record(s.sms(a.Amount, 2))
		}, store.ReasonAlreadyPaid, state.TransferPaid},
		"a second deposit for a verified transfer": {func(s *shop, a store.Transfer) store.Intake {
			s.record(s.sms(a.Amount, 1))
			_, err := s.CheckTransfer(s.Context(), s.m.ID, a.ID)
			require.NoError(s, err)
			return s.record(s.sms(a.Amount, 2))
		}, store.ReasonAlreadyPaid, state.TransferVerified},
		"right amount to another card of ours": {func(s *shop, a store.Transfer) store.Intake {
			s.exec(`UPDATE transfers SET cards = ? WHERE id = ?`, fmt.Sprintf("{%d}", s.cards[1]), a.ID)
			return s.record(s.sms(a.Amount, 1))
		}, store.ReasonOtherCard, state.TransferPending},
		"an account that is not ours": {func(s *shop, a store.Transfer) store.Intake {
			return s.record(s.sms(a.Amount, 1, func(m *store.SMS) { m.Deposit.Account = "826-810-9999999-1" }))
		}, store.ReasonUnknownAccount, state.TransferPending},
		"a bank where the merchant has no card": {func(s *shop, a store.Transfer) store.Intake {
			return s.record(s.sms(a.Amount, 1, func(m *store.SMS) { m.Bank = "blu"; m.Deposit.Account = "" }))
		}, store.ReasonUnknownAccount, state.TransferPending},
		"no account printed, one card at that bank": {func(s *shop, a store.Transfer) store.Intake {
			return s.record(s.sms(a.Amount, 1, func(m *store.SMS) { m.Deposit.Account = "" }))
		}, "", state.TransferPaid},
		"only the end of the account": {func(s *shop, a store.Transfer) store.Intake {
			return s.record(s.sms(a.Amount, 1, func(m *store.SMS) { m.Bank = "mellat"; m.Deposit.Account = "*2233" }))
		}, "", state.TransferPaid},
		"only the end of the card": {func(s *shop, a store.Transfer) store.Intake {
			return s.record(s.sms(a.Amount, 1, func(m *store.SMS) { m.Deposit.Account = "0019*" }))
		}, "", state.TransferPaid},
		"three digits are too few": {func(s *shop, a store.Transfer) store.Intake {
			return s.record(s.sms(a.Amount, 1, func(m *store.SMS) { m.Deposit.Account = "011" }))
		}, store.ReasonUnknownAccount, state.TransferPending},
		"wrong amount": {func(s *shop, a store.Transfer) store.Intake {
			return s.record(s.sms(a.Amount+10, 1))
		}, store.ReasonNoTransfer, state.TransferPending},
		"toman typed as rial": {func(s *shop, a store.Transfer) store.Intake {
			return s.record(s.sms(a.Amount*10, 1))
		}, store.ReasonNoTransfer, state.TransferPending},
		"the price without the delta": {func(s *shop, a store.Transfer) store.Intake {
			return s.record(s.sms(price, 1))
		}, store.ReasonNoTransfer, state.TransferPending},
		"a message that is not trusted": {func(s *shop, a store.Transfer) store.Intake {
			return s.record(s.sms(a.Amount, 1, func(m *store.SMS) { m.Deposit.Settles = false; m.Reason = "phone_number_sender" }))
		}, "phone_number_sender", state.TransferPending},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			a := s.transfer(price)
			got := c.run(s, a)
			require.False(t, got.Repeated)
			require.NotZero(t, got.DepositID)
			require.Equal(t, c.reason, s.reason(got.DepositID))
			require.Equal(t, c.state, s.again(a).State)
			if c.reason == "" {
				require.Equal(t, a.ID, got.PayID)
				require.Empty(t, s.sagaHears("deposit", got.DepositID))
			} else {
				require.Zero(t, got.PayID)
				require.Equal(t, "start", s.sagaHears("deposit", got.DepositID), "a person is called")
				require.Equal(t, c.reason, value[string](s.world, `SELECT needs_attention FROM deposits WHERE id = ?`, got.DepositID))
			}
			s.exec(`UPDATE transfers SET needs_attention = 'left open by this test'`)
			s.requireTrue()
		})
	}
}

func TestPayerCards(t *testing.T) {
	const named = "6037991234567893"
	seen := func(s *shop, pan string) func(*store.SMS) {
		return func(m *store.SMS) {
			sealed := s.seal(pan)
			m.Deposit.PayerCard, m.Deposit.PayerMask = &sealed, vault.PAN(pan).String()
		}
	}
	mask := func(shown string) func(*shop) func(*store.SMS) {
		return func(*shop) func(*store.SMS) { return func(m *store.SMS) { m.Deposit.PayerMask = shown } }
	}
	for name, c := range map[string]struct {
		message func(s *shop) func(*store.SMS)
		want    state.Transfer
	}{
		"the same card":      {func(s *shop) func(*store.SMS) { return seen(s, named) }, state.TransferPaid},
		"another card":       {func(s *shop) func(*store.SMS) { return seen(s, "6219860000000019") }, state.TransferMismatched},
		"the bank is silent": {mask(""), state.TransferPaid},
		"same mask":          {mask("603799******7893"), state.TransferPaid},
		"other front":        {mask("621986******7893"), state.TransferMismatched},
		"other end":          {mask("603799******7894"), state.TransferMismatched},
		"last four":          {mask("7893"), state.TransferPaid},
		"other last four":    {mask("1111"), state.TransferMismatched},
		"grouped mask":       {mask("6037-99**-****-7893"), state.TransferPaid},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			card := s.seal(named)
			a := s.transfer(10_000, func(in *store.NewTransfer) { in.PayerCard = &card })
			got := s.record(s.sms(a.Amount, 1, c.message(s)))
			a = s.again(a)
			require.Equal(t, c.want, a.State)
			if c.want == state.TransferMismatched {
				require.Equal(t, store.ReasonPayerMismatch, s.reason(got.DepositID))
				require.Equal(t, "start mismatched", s.sagaHears("transfer", a.ID))
				require.Equal(t, "start", s.sagaHears("deposit", got.DepositID))
				require.Equal(t, got.DepositID, *a.DepositID)
				checked, err := s.CheckTransfer(t.Context(), s.m.ID, a.ID)
				require.NoError(t, err)
				require.Equal(t, state.TransferMismatched, checked.State)
			}
			s.requireTrue()
		})
	}
}

// The same message again is nothing new: by its content, also after half an hour, and by its id.
func TestRepeatedSMS(t *testing.T) {
	s := newShop(t)
	a := s.transfer(10_000)
	first := s.sms(a.Amount, 7, func(m *store.SMS) { m.MessageID = "m1" })
	done := s.record(first)
	facts := s.facts()

	again := first
	again.MessageID, again.ReceivedAt = "m2", first.ReceivedAt.Add(26*time.Minute)
	require.Equal(t, store.Intake{Repeated: true, DepositID: done.DepositID, PayID: a.ID}, s.record(again))
	sameID := s.sms(a.Amount, 8, func(m *store.SMS) { m.MessageID = "m1" })
	require.True(t, s.record(sameID).Repeated)
	otherPhone := sameID
	otherPhone.Source = "key/2"
	require.False(t, s.record(otherPhone).Repeated, "an id is one phone's")
	require.Equal(t, 2, value[int](s.world, `SELECT count(*) FROM deposits`))
	require.Equal(t, 2, value[int](s.world, `SELECT repeats FROM sms ORDER BY id LIMIT 1`))
	require.NotEqual(t, facts, s.facts())

	b := s.transfer(10_000)
	m := s.sms(b.Amount, 9)
	news := 0
	for _, err := range together(20, func(int) error {
		got, err := s.RecordSMS(t.Context(), m)
		if !got.Repeated {
			s.names.Add(1)
			news++
		}
		return err
	}) {
		require.NoError(t, err)
	}
	require.Equal(t, 1, news)
	s.requireTrue()
}

// A copy that is not trusted adds nothing to the bank's own message; one that comes first does not stand in its way.
func TestUntrustedCopies(t *testing.T) {
	spoof := func(m *store.SMS) { m.Deposit.Settles, m.Reason = false, "unknown_sender" }
	s := newShop(t)
	a := s.transfer(10_000)
	real := s.record(s.sms(a.Amount, 7))
	require.Equal(t, store.Intake{Repeated: true, DepositID: real.DepositID, PayID: a.ID}, s.record(s.sms(a.Amount, 7, spoof)))
	require.Equal(t, 1, value[int](s.world, `SELECT count(*) FROM deposits`))

	b := s.transfer(10_000)
	first := s.record(s.sms(b.Amount, 8, spoof))
	require.Zero(t, first.PayID)
	require.Equal(t, b.ID, s.record(s.sms(b.Amount, 8)).PayID)
	require.True(t, s.record(s.sms(b.Amount, 8, spoof)).Repeated)
	s.requireTrue()
}

// Text without a deposit is kept, and read by people when nobody could.
func TestOtherSMS(t *testing.T) {
	s := newShop(t)
	keep := func(kind, reason, text string) {
		got := s.record(s.sms(0, 0, func(m *store.SMS) {
			m.Kind, m.Reason, m.Deposit, m.Content = kind, reason, nil, sha256.Sum256([]byte(text))
			m.Text = s.vault.SealText(s.m.ID, vault.SMSText, text)
		}))
		require.Equal(t, store.Intake{}, got)
	}
	keep("withdraw", "withdrawal", "a")
	keep("other", "not_customer_money", "b")
	keep("other", "unknown_layout", "c")
	list, err := s.UnreadSMS(t.Context(), s.m.ID, 10)
	require.NoError(t, err)
	require.Len(t, list, 1)
	plain, err := s.vault.OpenText(s.m.ID, vault.SMSText, list[0].Text)
	require.NoError(t, err)
	require.Equal(t, "c", plain)
	list, err = s.UnreadSMS(t.Context(), s.newMerchant().ID, 10)
	require.NoError(t, err)
	require.Empty(t, list)
	require.Zero(t, value[int](s.world, `SELECT count(*) FROM deposits`))
	s.requireTrue()
}

func TestResolveDeposit(t *testing.T) {
	s := newShop(t)
	a := s.transfer(10_000)
	resolve := func(id int64, as state.Deposit, payID int64) error {
		return s.ResolveDeposit(t.Context(), store.DepositResolution{DepositID: id, MerchantID: s.m.ID, As: as, PayID: payID, By: "Sara N.", Why: "receipt seen"})
	}
	stray := func(amount money.Rial) int64 { return s.record(s.sms(amount, rand.Int64N(1<<40))).DepositID }

	assigned := stray(a.Amount + 1)
	require.NoError(t, resolve(assigned, state.DepositAssigned, a.ID))
	require.Equal(t, state.TransferPaid, s.again(a).State)
	require.Equal(t, "start paid", s.sagaHears("transfer", a.ID))
	require.Equal(t, "start resolved", s.sagaHears("deposit", assigned))
	require.Equal(t, "created assigned", s.history(a))
	require.ErrorIs(t, resolve(assigned, state.DepositRefunded, 0), store.ErrConflict, "twice")
	require.ErrorIs(t, resolve(assigned, state.DepositAssigned, a.ID), store.ErrConflict, "twice the same")
	second := stray(a.Amount + 2)
	facts := s.facts()
	require.ErrorIs(t, resolve(second, state.DepositAssigned, a.ID), store.ErrNotPayable, "it has one")
	require.ErrorIs(t, resolve(second, state.DepositAssigned, 999_999), store.ErrNotPayable)
	require.ErrorIs(t, resolve(second, state.DepositMatched, a.ID), store.ErrConflict, "people assign, they do not match")
	require.ErrorIs(t, resolve(999_999, state.DepositIgnored, 0), store.ErrNotFound)
	require.ErrorIs(t, s.ResolveDeposit(t.Context(), store.DepositResolution{DepositID: second, MerchantID: s.newMerchant().ID, As: state.DepositIgnored, By: "x", Why: "y"}), store.ErrNotFound, "another merchant's")
	require.Equal(t, facts, s.facts(), "what is refused changes nothing")

	require.NoError(t, resolve(second, state.DepositRefunded, 0))
	require.NoError(t, resolve(stray(77), state.DepositIgnored, 0))
	s.requireTrue()

	// A matched deposit is nobody's to resolve.
	b := s.transfer(10_000)
	require.ErrorIs(t, resolve(s.deposit(b).DepositID, state.DepositRefunded, 0), store.ErrConflict)

	// Of many people at once, one decides.
	id := stray(555)
	won := 0
	for i, err := range together(12, func(i int) error {
		return resolve(id, []state.Deposit{state.DepositRefunded, state.DepositIgnored}[i%2], 0)
	}) {
		if err == nil {
			won++
			continue
		}
		require.ErrorIs(t, err, store.ErrConflict, i)
	}
	require.Equal(t, 1, won)
	s.requireTrue()
}

// A person may accept money from another card than the payer named, and money that came too late.
func TestAssignAfterTheEnd(t *testing.T) {
	s := newShop(t)
	card := s.seal("6037991234567893")
	a := s.transfer(10_000, func(in *store.NewTransfer) { in.PayerCard = &card })
	id := s.record(s.sms(a.Amount, 1, func(m *store.SMS) { m.Deposit.PayerMask = "1111" })).DepositID
	require.NoError(t, s.ResolveDeposit(t.Context(), store.DepositResolution{DepositID: id, As: state.DepositAssigned, PayID: a.ID, By: "x", Why: "y"}))
	require.Equal(t, state.TransferPaid, s.again(a).State)

	b := s.ago(s.transfer(10_000), 3*time.Hour)
	_, err := s.AtTransferDeadline(t.Context(), b.ID)
	require.NoError(t, err)
	late := s.record(s.sms(b.Amount, 2)).DepositID
	require.NoError(t, s.ResolveDeposit(t.Context(), store.DepositResolution{DepositID: late, As: state.DepositAssigned, PayID: b.ID, By: "x", Why: "y"}))
	checked, err := s.CheckTransfer(t.Context(), s.m.ID, b.ID)
	require.NoError(t, err)
	require.True(t, checked.First)
	s.requireTrue()
}

func TestDepositsAndSuggestions(t *testing.T) {
	s := newShop(t)
	a := s.transfer(10_000)
	far := s.transfer(900_000)
	ids := map[string]int64{
		"same_amount": s.record(s.sms(a.Amount, 1, func(m *store.SMS) { m.Deposit.Account = "1234567" })).DepositID,
		"price":       s.record(s.sms(10_000, 2)).DepositID,
		"times_ten":   s.record(s.sms(a.Amount*10, 3)).DepositID,
		"near":        s.record(s.sms(a.Amount+30, 4)).DepositID,
		"":            s.record(s.sms(400_000_000, 5)).DepositID,
	}
	if far.Amount%10 == 0 {
		ids["tenth"] = s.record(s.sms(far.Amount/10, 6)).DepositID
	}
	var all []int64
	for _, id := range ids {
		all = append(all, id)
	}
	found, err := s.Suggestions(t.Context(), all)
	require.NoError(t, err)
	for why, id := range ids {
		if why == "" {
			require.Empty(t, found[id])
			continue
		}
		require.NotEmpty(t, found[id], why)
		require.Equal(t, why, found[id][0].Why)
		want := a
		if why == "tenth" {
			want = far
		}
		require.Equal(t, want.ID, found[id][0].PayID, why)
	}

	list, err := s.Deposits(t.Context(), store.DepositList{MerchantID: s.m.ID, State: state.DepositSuspense, Size: 4})
	require.NoError(t, err)
	require.Len(t, list, 4)
	require.Greater(t, list[0].ID, list[3].ID, "newest first")
	rest, err := s.Deposits(t.Context(), store.DepositList{State: state.DepositSuspense, Size: 4, Before: list[3].ID})
	require.NoError(t, err)
	require.Len(t, rest, len(ids)-4)
	none, err := s.Deposits(t.Context(), store.DepositList{MerchantID: s.newMerchant().ID, Size: 4})
	require.NoError(t, err)
	require.Empty(t, none)
}

// The deposit's SMS and the expiry timer at the same instant: one of them decides, wholly.
func TestDepositAgainstTheDeadline(t *testing.T) {
	s := newShop(t)
	outcomes := map[state.Transfer]int{}
	for i := range 30 {
		a := s.ago(s.transfer(rial(10_000*(i+1))), 75*time.Minute-10*time.Millisecond)
		m := s.sms(a.Amount, rand.Int64N(1<<40), bankSaid(a.CreatedAt.Add(time.Minute)))
		require.NoError(t, errorsOf(together(6, func(i int) error {
			time.Sleep(time.Duration(i) * 4 * time.Millisecond)
			if i == 2 {
				_, err := s.RecordSMS(t.Context(), m)
				return err
			}
			_, err := s.AtTransferDeadline(t.Context(), a.ID)
			return err
		})))
		a = s.again(a)
		outcomes[a.State]++
		switch a.State {
		case state.TransferPaid:
			require.NotNil(t, a.DepositID)
		case state.TransferExpired:
			require.Nil(t, a.DepositID)
		default:
			require.Fail(t, "neither", a.State)
		}
	}
	t.Log(outcomes)
	s.requireTrue()
}

func errorsOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestDevices(t *testing.T) {
	s := newShop(t)
	require.NoError(t, s.AddDevice(t.Context(), s.m.ID, "abcdef1", "shop", s.vault.SealText(s.m.ID, vault.DeviceSecret, "hidden")))
	d, err := s.Device(t.Context(), "abcdef1")
	require.NoError(t, err)
	require.Equal(t, s.m.ID, d.Merchant.ID)
	require.Equal(t, s.m.SMSDelay, d.Merchant.SMSDelay)
	secret, err := s.vault.OpenText(s.m.ID, vault.DeviceSecret, d.Secret)
	require.NoError(t, err)
	require.Equal(t, "hidden", secret)
	list, err := s.Devices(t.Context(), s.m.ID)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.NoError(t, s.RevokeDevice(t.Context(), "abcdef1"))
	_, err = s.Device(t.Context(), "abcdef1")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorIs(t, s.RevokeDevice(t.Context(), "nobody1"), store.ErrNotFound)
}
