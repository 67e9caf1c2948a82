package audit_test

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

const (
	account   = "826-810-3456701-1"
	strayRial = 777 // every deposit that nobody waited for
)

// addTransfers adds a transfer and a deposit of each kind.
func (b *books) addTransfers() {
	b.Helper()
	ctx := b.Context()
	var err error
	b.vault, err = vault.New("k:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	require.NoError(b, err)
	for _, pan := range []string{"6219860000000019", "6104330000000011"} {
		card := store.DestinationCard{Bank: "saman", Card: b.seal(pan)}
		if len(b.cards) == 0 {
			card.Accounts = []string{account}
		}
		require.NoError(b, b.store.AddDestinationCard(ctx, b.merchant.ID, card))
		cards, err := b.store.DestinationCards(ctx, b.merchant.ID)
		require.NoError(b, err)
		b.cards = append(b.cards, cards[len(cards)-1].ID)
	}
	b.transfers = map[state.Transfer]store.Transfer{}
	for _, to := range []state.Transfer{state.TransferPending, state.TransferPaid, state.TransferVerified, state.TransferMismatched, state.TransferExpired} {
		t := b.transfer(to == state.TransferMismatched)
		switch to {
		case state.TransferPaid, state.TransferVerified:
			require.Equal(b, t.ID, b.arrives(t.Amount, "").PayID)
			if to == state.TransferVerified {
				checked, err := b.store.CheckTransfer(ctx, b.merchant.ID, t.ID)
				require.NoError(b, err)
				require.True(b, checked.First)
			}
		case state.TransferMismatched:
			b.mismatch = b.arrives(t.Amount, "603799******7893").DepositID
		case state.TransferExpired:
			b.past(t, 30*time.Minute)
		}
		b.transfers[to] = b.again(t)
		require.Equal(b, to, b.transfers[to].State)
	}
	b.late = b.transfer(false)
	b.past(b.late, 2*time.Hour)

	b.deposits = map[state.Deposit]int64{state.DepositMatched: *b.transfers[state.TransferPaid].DepositID}
	for _, as := range []state.Deposit{state.DepositSuspense, state.DepositAssigned, state.DepositRefunded, state.DepositIgnored} {
		b.deposits[as] = b.arrives(strayRial, "").DepositID
		about := store.DepositResolution{DepositID: b.deposits[as], As: as, By: "sara", Why: "receipt seen"}
		if as == state.DepositAssigned {
			about.PayID = b.late.ID
		}
		if as != state.DepositSuspense {
			require.NoError(b, b.store.ResolveDeposit(ctx, about))
		}
	}
	b.late = b.again(b.late)
	b.message(store.SMS{Kind: "withdraw", Reason: "withdrawal"})
}

func (b *books) seal(pan string) vault.Sealed {
	b.Helper()
	sealed, err := b.vault.Seal(b.merchant.ID, vault.PAN(pan))
	require.NoError(b, err)
	return sealed
}

func (b *books) transfer(fromCard bool) store.Transfer {
	b.Helper()
	b.messages++
	in := store.NewTransfer{Merchant: b.merchant, FID: int64(b.messages), Price: 10_000, Cards: b.cards}
	if fromCard {
		card := b.seal("6221060000000012")
		in.PayerCard = &card
	}
	t, err := b.store.CreateTransfer(b.Context(), in)
	require.NoError(b, err)
	return t
}

func (b *books) again(t store.Transfer) store.Transfer {
	b.Helper()
	t, err := b.store.Transfer(b.Context(), b.merchant.ID, t.ID)
	require.NoError(b, err)
	return t
}

// past moves a transfer back in time and lets its deadlines act.
func (b *books) past(t store.Transfer, d time.Duration) {
	b.Helper()
	b.exec(`UPDATE transfers SET created_at = created_at - make_interval(secs => ?), expires_at = expires_at - make_interval(secs => ?),
		reserved_until = reserved_until - make_interval(secs => ?) WHERE id = ?`, d.Seconds(), d.Seconds(), d.Seconds(), t.ID)
	_, err := b.store.AtTransferDeadline(b.Context(), t.ID)
	require.NoError(b, err)
}

// arrives tells of money on the first card, with a balance of its own.
func (b *books) arrives(amount money.Rial, payer string) store.Intake {
	b.Helper()
	b.messages++
	balance, now := money.Rial(1_000_000+b.messages), time.Now()
	return b.message(store.SMS{Kind: "deposit", Deposit: &store.SeenDeposit{
		Account: account, Amount: amount, Balance: &balance, From: now, To: now.Add(time.Minute), Settles: true, PayerMask: payer,
	}})
}

func (b *books) message(m store.SMS) store.Intake {
	b.Helper()
	b.messages++
	m.Merchant, m.Source, m.Sender, m.Bank, m.ReceivedAt = b.merchant, "key/1", "+989999920000", "saman", time.Now()
	m.Facts = sha256.Sum256(fmt.Append(nil, "facts", b.messages))
	m.Content, m.Text = sha256.Sum256(fmt.Append(nil, b.messages)), b.vault.SealText(b.merchant.ID, vault.SMSText, "…")
	got, err := b.store.RecordSMS(b.Context(), m)
	require.NoError(b, err)
	return got
}

// Names of invariants that more than one list breaks.
const (
	factless  = "every transfer has its fact"
	cardsOf   = "cards belong to the merchant they are used for"
	suspended = "suspense holds the deposits without an owner"
)

func wrongTransfers() []wrong {
	const (
		agree      = "a paid transfer and its one deposit agree"
		mismatched = "a mismatched transfer names the deposit that came from another card"
		verified   = "a verified transfer, and no other, was verified once"
		amounts    = "no two open transfers of a merchant wait for the same amount"
		ends       = "every transfer ends"
	)
	of := func(s state.Transfer) func(*books) string {
		return func(b *books) string { return fmt.Sprint("transfer ", b.transfers[s].ID) }
	}
	change := func(s state.Transfer, set string) func(*books) {
		return func(b *books) { b.exec(`UPDATE transfers SET `+set+` WHERE id = ?`, b.transfers[s].ID) }
	}
	paid, pending := of(state.TransferPaid), of(state.TransferPending)
	return []wrong{
		{"paid by another deposit than it says", func(b *books) {
			b.exec(`UPDATE transfers SET deposit_id = ? WHERE id = ?`, b.deposits[state.DepositSuspense], b.transfers[state.TransferPaid].ID)
		}, agree, paid, nil},
		{"the deposit says that it paid another transfer", func(b *books) {
			b.exec(`UPDATE deposits SET transfer_id = ? WHERE id = ?`, b.transfers[state.TransferExpired].ID, b.deposits[state.DepositMatched])
		}, agree, paid, nil},
		{"an expired transfer has a deposit", func(b *books) {
			b.exec(`UPDATE deposits SET transfer_id = ? WHERE id = ?`, b.transfers[state.TransferExpired].ID, b.deposits[state.DepositMatched])
		}, agree, of(state.TransferExpired), nil},
		{"paid by another amount", change(state.TransferPaid, `amount = amount + 1`), agree, paid, nil},
		{"paid on a card that was not shown", change(state.TransferPaid, `cards = cards[2:2]`), agree, paid, nil},
		{"paid with another merchant's deposit", func(b *books) {
			b.exec(`UPDATE transfers SET merchant_id = ? WHERE id = ?`, b.other.ID, b.transfers[state.TransferPaid].ID)
		}, agree, paid, []string{cardsOf}},
		{"mismatched with nothing", change(state.TransferMismatched, `deposit_id = 999999`), mismatched, of(state.TransferMismatched), nil},
		{"mismatched with another amount", change(state.TransferMismatched, `amount = amount + 1`), mismatched, of(state.TransferMismatched), nil},
		{"mismatched with another merchant's deposit", func(b *books) {
			b.exec(`UPDATE transfers SET merchant_id = ? WHERE id = ?`, b.other.ID, b.transfers[state.TransferMismatched].ID)
		}, mismatched, of(state.TransferMismatched), []string{cardsOf}},
		{"mismatched for another reason", func(b *books) {
			b.exec(`UPDATE deposits SET reason = 'late' WHERE id = ?`, b.mismatch)
		}, mismatched, of(state.TransferMismatched), nil},
		{"verified and nobody was told", func(b *books) { b.exec(`DELETE FROM transfer_events WHERE kind = 'verified'`) },
			verified, of(state.TransferVerified), nil},
		{"verified twice", func(b *books) {
			b.exec(`INSERT INTO transfer_events (transfer_id, kind) VALUES (?, 'verified')`, b.transfers[state.TransferVerified].ID)
		}, verified, of(state.TransferVerified), nil},
		{"told verified and still paid", func(b *books) {
			b.exec(`INSERT INTO transfer_events (transfer_id, kind) VALUES (?, 'verified')`, b.transfers[state.TransferPaid].ID)
		}, verified, paid, nil},
		{"two wait for one amount", func(b *books) {
			b.exec(`UPDATE transfers SET amount = ?, reserved = false WHERE id = ?`, b.transfers[state.TransferPending].Amount, b.transfers[state.TransferExpired].ID)
		}, amounts, func(b *books) string {
			return fmt.Sprintf("transfers %d and %d", b.transfers[state.TransferPending].ID, b.transfers[state.TransferExpired].ID)
		}, nil},
		{"an amount was given away too early", change(state.TransferPending, `reserved = false`), amounts, pending, nil},
		{"shown a card of nobody", change(state.TransferPending, `cards = '{999999}'`), cardsOf, pending, nil},
		{"shown another merchant's card", func(b *books) {
			b.exec(`UPDATE destination_cards SET merchant_id = ? WHERE id = ?`, b.other.ID, b.cards[1])
		}, cardsOf, pending, nil},
		{"the payer's card is another merchant's", func(b *books) {
			b.exec(`UPDATE card_vault SET merchant_id = ? WHERE id = ?`, b.other.ID, *b.transfers[state.TransferMismatched].PayerCardID)
		}, cardsOf, of(state.TransferMismatched), nil},
		{"a pending transfer was forgotten", change(state.TransferPending, `expires_at = now() - interval '61 seconds'`),
			ends, func(b *books) string { return pending(b) + " (pending)" }, nil},
		{"a paid transfer was never checked", change(state.TransferPaid, `paid_at = now() - interval '1 day 61 seconds'`),
			ends, func(b *books) string { return paid(b) + " (paid)" }, nil},
	}
}

func wrongDeposits() []wrong {
	const (
		booked   = "a deposit is booked once, with its amount, on its transfer or in suspense"
		resolved = "a resolved deposit, and no other, left suspense with its amount, to where its resolution says"
		sms      = "an SMS that tells of a deposit became one deposit of its merchant, and no other SMS did"
		once     = "one movement at a bank is credited once"
		trusted  = "a deposit found its transfer by a trusted message, in time, and not from another card"
		called   = "a person is called for every deposit without an owner, and for no other"
		overdue  = "a deposit that nobody resolved in time is called overdue"
	)
	of := func(s state.Deposit) func(*books) string {
		return func(b *books) string { return fmt.Sprint("deposit ", b.deposits[s]) }
	}
	booking := func(s state.Deposit, step, change string) func(*books) {
		return func(b *books) { b.exec(change+` WHERE ref = ?`, fmt.Sprintf("deposit/%d/%s", b.deposits[s], step)) }
	}
	change := func(s state.Deposit, set string) func(*books) {
		return func(b *books) { b.exec(`UPDATE deposits SET `+set+` WHERE id = ?`, b.deposits[s]) }
	}
	message := func(s state.Deposit, set string) func(*books) {
		return func(b *books) {
			b.exec(`UPDATE sms SET `+set+` WHERE id = (SELECT sms_id FROM deposits WHERE id = ?)`, b.deposits[s])
		}
	}
	smsOf := func(where string) func(*books) string {
		return func(b *books) string {
			var id int64
			require.NoError(b, b.owner.NewRaw(`SELECT id FROM sms WHERE `+where).Scan(b.Context(), &id))
			return fmt.Sprint("SMS ", id)
		}
	}
	suspense := func(b *books) string { return fmt.Sprintf("merchant/%d/suspense", b.merchant.ID) }
	matched, stray := of(state.DepositMatched), of(state.DepositSuspense)
	straySMS := func(b *books) string {
		return smsOf(fmt.Sprintf(`id = (SELECT sms_id FROM deposits WHERE id = %d)`, b.deposits[state.DepositSuspense]))(b)
	}
	return []wrong{
		{"a deposit was never booked", booking(state.DepositMatched, "seen", `DELETE FROM ledger_transfers`), booked, matched, nil},
		{"another amount was booked", booking(state.DepositSuspense, "seen", `UPDATE ledger_transfers SET amount = amount + 1`), booked, stray, []string{suspended}},
		{"a transfer's deposit was booked in suspense", booking(state.DepositMatched, "seen", `UPDATE ledger_transfers SET credit_account = replace(credit_account, 'received', 'suspense')`),
			booked, matched, []string{suspended}},
		{"booked on another card", booking(state.DepositMatched, "seen", `UPDATE ledger_transfers SET debit_account = 'card/999'`), booked, matched, nil},
		{"a resolution was never booked", booking(state.DepositRefunded, "resolved", `DELETE FROM ledger_transfers`), resolved, of(state.DepositRefunded), []string{suspended}},
		{"money in suspense was moved without a word", func(b *books) {
			b.exec(`INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref) VALUES (?, 'merchant/' || ? || '/own', ?, ?)`,
				suspense(b), b.merchant.ID, strayRial, fmt.Sprintf("deposit/%d/resolved", b.deposits[state.DepositSuspense]))
		}, resolved, stray, []string{suspended, factless}},
		{"assigned money became the merchant's own", booking(state.DepositAssigned, "resolved", `UPDATE ledger_transfers SET credit_account = replace(credit_account, 'received', 'own')`),
			resolved, of(state.DepositAssigned), nil},
		{"refunded money became the merchant's", booking(state.DepositRefunded, "resolved", `UPDATE ledger_transfers SET credit_account = 'merchant/1/received'`),
			resolved, of(state.DepositRefunded), nil},
		{"ignored money can be spent", booking(state.DepositIgnored, "resolved", `UPDATE ledger_transfers SET credit_account = replace(credit_account, 'own', 'elsewhere')`),
			resolved, of(state.DepositIgnored), nil},
		{"money in suspense without a deposit", func(b *books) {
			b.exec(`INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref) VALUES ('card/1', ?, 7, 'gift')`, suspense(b))
		}, suspended, suspense, []string{factless}},
		{"a message of a deposit without one", func(b *books) { b.exec(`UPDATE sms SET kind = 'deposit' WHERE kind = 'withdraw'`) },
			sms, smsOf(`reason = 'withdrawal'`), nil},
		{"a withdrawal was taken for a deposit", message(state.DepositSuspense, `kind = 'withdraw'`), sms, straySMS, nil},
		{"another merchant's message", func(b *books) {
			b.exec(`UPDATE sms SET merchant_id = ? WHERE id = (SELECT sms_id FROM deposits WHERE id = ?)`, b.other.ID, b.deposits[state.DepositSuspense])
		}, sms, straySMS, nil},
		{"one movement was credited twice", func(b *books) {
			b.exec(`UPDATE deposits SET (balance, at) = (SELECT balance, at FROM deposits WHERE id = ?) WHERE id = ?`, b.deposits[state.DepositSuspense], b.deposits[state.DepositIgnored])
		}, once, func(b *books) string {
			return fmt.Sprintf("deposits %d, %d", b.deposits[state.DepositSuspense], b.deposits[state.DepositIgnored])
		}, nil},
		{"a person gave a transfer the copy of money that was credited", func(b *books) {
			b.exec(`UPDATE deposits SET (balance, at) = (SELECT balance, at FROM deposits WHERE id = ?) WHERE id = ?`, b.deposits[state.DepositIgnored], b.deposits[state.DepositAssigned])
			b.exec(`UPDATE sms SET reason = 'unknown_sender' WHERE id = (SELECT sms_id FROM deposits WHERE id = ?)`, b.deposits[state.DepositAssigned])
		}, once, func(b *books) string {
			return fmt.Sprintf("deposits %d, %d", b.deposits[state.DepositAssigned], b.deposits[state.DepositIgnored])
		}, nil},
		{"settled by a message that nobody trusts", message(state.DepositMatched, `reason = 'unknown_sender'`), trusted, matched, nil},
		{"settled after the reservation", func(b *books) {
			b.exec(`UPDATE transfers SET expires_at = now() - interval '1 hour', reserved_until = now() - interval '1 hour' WHERE id = ?`, b.transfers[state.TransferPaid].ID)
			b.exec(`UPDATE deposits SET at = now() - interval '2 hours' WHERE id = ?`, b.deposits[state.DepositMatched])
		}, trusted, matched, nil},
		{"settled by next year's money", change(state.DepositMatched, `at = at + interval '1 year'`), trusted, matched, nil},
		{"settled by last year's money", change(state.DepositMatched, `at = at - interval '1 year'`), trusted, matched, nil},
		{"settled from another card than the payer named", func(b *books) {
			b.exec(`UPDATE deposits SET payer_card_id = (SELECT card_id FROM destination_cards WHERE id = ?) WHERE id = ?`, b.cards[0], b.deposits[state.DepositMatched])
			b.exec(`UPDATE transfers SET payer_card_id = (SELECT card_id FROM destination_cards WHERE id = ?) WHERE id = ?`, b.cards[1], b.transfers[state.TransferPaid].ID)
		}, trusted, matched, nil},
		{"arrived on another merchant's card", func(b *books) {
			b.exec(`UPDATE destination_cards SET merchant_id = ? WHERE id = ?`, b.other.ID, b.cards[0])
		}, cardsOf, matched, nil},
		{"nobody was called for a deposit", change(state.DepositSuspense, `needs_attention = NULL`), called, stray, nil},
		{"a person is called for a deposit with an owner", change(state.DepositMatched, `needs_attention = 'late'`), called, matched, nil},
		{"a deposit was forgotten", change(state.DepositSuspense, `resolve_by = now() - interval '61 seconds'`), overdue, stray, nil},
	}
}
