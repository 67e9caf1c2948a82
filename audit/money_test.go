package audit_test

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

const masked = "IR05017***************9012"

// iban is an account of the simulated bank.
func iban(n int) string { return fmt.Sprintf("IR%024d", n) }

// addPayouts adds a payout of 50,000 rial and a fee of 100 in each state, and one more that is paid, by a person's word.
func (b *books) addPayouts() {
	b.Helper()
	ctx := b.Context()
	require.NoError(b, b.store.CreditBalance(ctx, b.payer.PublicID, 1_000_000, "sara", "test"))
	b.payouts = map[state.Payout]store.Payout{}
	for _, s := range state.Payouts.States() {
		p := b.payout(string(s), "https://payer.example/back")
		if s == state.PayoutCancelled {
			_, err := b.store.CancelPayout(ctx, b.payer.ID, p.OrderID, "")
			require.NoError(b, err)
		} else if s != state.PayoutReserved {
			b.submit(p)
			now, err := b.store.RecordPayout(ctx, store.PayoutWord{PayoutID: p.ID, State: s, Code: "c", Note: "sandbox"})
			require.NoError(b, err)
			require.Equal(b, s, now)
		}
		b.payouts[s] = b.paid(p)
	}
	b.byHand = b.payout("by hand", "")
	b.submit(b.byHand)
	_, err := b.store.RecordPayout(ctx, store.PayoutWord{PayoutID: b.byHand.ID, State: state.PayoutUnknown})
	require.NoError(b, err)
	require.NoError(b, b.store.ResolvePayout(ctx, store.PayoutResolution{UUID: b.byHand.UUID, As: state.PayoutPaid, By: "sara", Why: "seen"}))
	b.byHand = b.paid(b.byHand)
}

func (b *books) payout(order, callback string) store.Payout {
	b.Helper()
	p, err := b.store.OrderPayout(b.Context(), store.NewPayout{
		Merchant: b.payer, OrderID: order, Amount: 50_000, Fee: 100, Network: "iban", Rail: "paya", Provider: "sandbox", Destination: masked,
		Number: vault.Text{KeyID: "k", Sealed: []byte("x")}, CallbackURL: callback, Secret: vault.Text{KeyID: "k", Sealed: []byte("x")},
	})
	require.NoError(b, err)
	return p
}

func (b *books) submit(p store.Payout) {
	b.Helper()
	_, may, err := b.store.SubmitPayout(b.Context(), p.ID)
	require.NoError(b, err)
	require.True(b, may)
}

func (b *books) paid(p store.Payout) store.Payout {
	b.Helper()
	p, err := b.store.Payout(b.Context(), p.UUID)
	require.NoError(b, err)
	return p
}

// addWallets adds a wallet in each state; the active one has two deposits.
func (b *books) addWallets() {
	b.Helper()
	ctx := b.Context()
	b.wallets = map[state.Wallet]store.Wallet{}
	for i, s := range state.Wallets.States() {
		w, err := b.store.OpenWallet(ctx, store.NewWallet{
			Merchant: b.payer, OrderID: string(s), Network: "iban", Provider: "sandbox", CallbackURL: "https://payer.example/wallet",
			Secret: vault.Text{KeyID: "k", Sealed: []byte("x")},
		})
		require.NoError(b, err)
		switch s {
		case state.WalletActive:
			_, err = b.store.WalletOpened(ctx, w.ID, iban(i), "")
			require.NoError(b, err)
			n, err := b.store.CreditWallet(ctx, w.ID, []store.WalletDeposit{
				{ProviderID: "601", Amount: 7_000, At: w.CreatedAt}, {ProviderID: "602", Amount: 8_000, At: w.CreatedAt},
			})
			require.NoError(b, err)
			require.Equal(b, 2, n)
		case state.WalletBlocked:
			_, err = b.store.WalletOpened(ctx, w.ID, "", "no")
			require.NoError(b, err)
		}
		w, err = b.store.Wallet(ctx, w.ID)
		require.NoError(b, err)
		b.wallets[s] = w
	}
}

// addEndpoints gives the payer who hears of everything an endpoint that works, and one that is paused.
func (b *books) addEndpoints() {
	b.Helper()
	for _, e := range []*int64{&b.endpoint, &b.paused} {
		added, err := b.store.AddEndpoint(b.Context(), b.payer.ID, store.Endpoint{URL: "https://payer.example/hook", Events: []string{"payout.*"}}, vault.Text{KeyID: "k", Sealed: []byte("x")})
		require.NoError(b, err)
		*e = added.ID
	}
	_, err := b.store.PauseEndpoint(b.Context(), b.payer.ID, b.paused)
	require.NoError(b, err)
}

// deliver brings a message to each state.
func (b *books) deliver() {
	b.Helper()
	ctx := b.Context()
	b.told = map[state.Webhook]int64{}
	var ids, waiting []int64
	for endpoint, into := range map[int64]*[]int64{b.endpoint: &ids, b.paused: &waiting} {
		require.NoError(b, b.owner.NewRaw(`SELECT id FROM webhook_messages WHERE endpoint_id = ? ORDER BY id`, endpoint).Scan(ctx, into))
	}
	for i, s := range []state.Webhook{state.WebhookPending, state.WebhookDelivered, state.WebhookFailed, state.WebhookReplaced, state.WebhookDropped} {
		id := ids[i]
		b.told[s] = id
		switch s {
		case state.WebhookDelivered, state.WebhookFailed:
			b.tried(id, 1, 500, state.WebhookPending)
			b.tried(id, 2, map[state.Webhook]int{state.WebhookDelivered: 204, state.WebhookFailed: 404}[s], s)
		case state.WebhookReplaced:
			again, err := b.store.SendAgain(ctx, b.payer.ID, id)
			require.NoError(b, err)
			b.successor = again.ID
		case state.WebhookDropped:
			b.exec(`UPDATE webhook_messages SET state = 'dropped', ended_at = now() WHERE id = ?`, id)
		}
	}
	for _, id := range waiting {
		now, err := b.store.HoldMessage(ctx, id)
		require.NoError(b, err)
		require.Equal(b, state.WebhookHeld, now)
		b.told[state.WebhookHeld] = id
	}
}

func (b *books) tried(id int64, try, status int, then state.Webhook) {
	b.Helper()
	now, err := b.store.RecordTry(b.Context(), store.Try{MessageID: id, Try: try, Status: status, Then: then})
	require.NoError(b, err)
	require.Equal(b, then, now)
}

func wrongMoney() []wrong {
	const (
		held    = "money held for a merchant is the money of undecided attempts, top-ups and payouts"
		sums    = "a balance equals the sum of its transfers"
		booked  = "a payout held its amount and fee once, and spent or gave them back once when it ended"
		left    = "a payout left before its bank could have it, and one that was cancelled did not leave"
		ends    = "a payout ends, or a person is called"
		opens   = "a wallet gets its account, or a person is called"
		credits = "a wallet's deposit is credited once, to the wallet's merchant"
	)
	of := func(s state.Payout) func(*books) string {
		return func(b *books) string { return "payout " + b.payouts[s].UUID }
	}
	booking := func(s state.Payout, step, change string) func(*books) {
		return func(b *books) { b.exec(change+` WHERE ref = ?`, fmt.Sprintf("payout/%d/%s", b.payouts[s].ID, step)) }
	}
	change := func(s state.Payout, set string) func(*books) {
		return func(b *books) { b.exec(`UPDATE payouts SET `+set+` WHERE id = ?`, b.payouts[s].ID) }
	}
	credited := func(change string) func(*books) {
		return func(b *books) {
			b.exec(change + ` WHERE ref = (SELECT 'wallet_deposit/' || id || '/credited' FROM wallet_deposits WHERE provider_id = '602')`)
		}
	}
	deposit := func(b *books) string {
		var id string
		require.NoError(b, b.owner.NewRaw(`SELECT uuid FROM wallet_deposits WHERE provider_id = '602'`).Scan(b.Context(), &id))
		return "wallet deposit " + id
	}
	return []wrong{
		{"a payout held nothing", booking(state.PayoutReserved, "held", `DELETE FROM ledger_transfers`), booked, of(state.PayoutReserved), []string{held, sums}},
		{"a payout held no fee", booking(state.PayoutSent, "held", `UPDATE ledger_transfers SET amount = 50000`), booked, of(state.PayoutSent), []string{held, sums}},
		{"paid and never spent", booking(state.PayoutPaid, "paid", `DELETE FROM ledger_transfers`), booked, of(state.PayoutPaid), []string{held}},
		{"spent at another bank", booking(state.PayoutPaid, "paid", `UPDATE ledger_transfers SET credit_account = 'payout/elsewhere'`), booked, of(state.PayoutPaid), nil},
		{"paid, and given back", booking(state.PayoutPaid, "paid", `UPDATE ledger_transfers SET credit_account = replace(debit_account, 'held', 'available')`), booked, of(state.PayoutPaid), []string{sums}},
		{"refused and never given back", booking(state.PayoutRefused, "refused", `DELETE FROM ledger_transfers`), booked, of(state.PayoutRefused), []string{held, sums}},
		{"cancelled, and the fee was kept", booking(state.PayoutCancelled, "cancelled", `UPDATE ledger_transfers SET amount = 50000`), booked, of(state.PayoutCancelled), []string{held, sums}},
		{"given back before it was decided", func(b *books) {
			b.exec(`INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref)
				SELECT debit_account, credit_account, amount, ? FROM ledger_transfers WHERE ref = ?`,
				fmt.Sprintf("payout/%d/refused", b.payouts[state.PayoutUnknown].ID), fmt.Sprintf("payout/%d/refused", b.payouts[state.PayoutRefused].ID))
		}, factless, func(b *books) string {
			return fmt.Sprintf("transfer payout/%d/refused", b.payouts[state.PayoutUnknown].ID)
		}, []string{held}},
		{"paid and never sent", change(state.PayoutPaid, `submitted_at = NULL`), left, of(state.PayoutPaid), nil},
		{"cancelled after it left", change(state.PayoutCancelled, `submitted_at = now()`), left, of(state.PayoutCancelled), nil},
		{"a payout was forgotten", change(state.PayoutUnknown, `created_at = now() - interval '61 seconds'`),
			ends, func(b *books) string { return of(state.PayoutUnknown)(b) + " (unknown)" }, nil},
		{"a payout was forgotten after its cycle", change(state.PayoutSent, `created_at = now() - interval '1 day', due_at = now() - interval '61 seconds'`),
			ends, func(b *books) string { return of(state.PayoutSent)(b) + " (sent)" }, nil},
		{"a wallet was forgotten", func(b *books) {
			b.exec(`UPDATE wallets SET created_at = now() - interval '61 seconds' WHERE state = 'opening'`)
		}, opens, func(b *books) string { return "wallet " + b.wallets[state.WalletOpening].UUID }, nil},
		{"a deposit was never credited", credited(`DELETE FROM ledger_transfers`), credits, deposit, []string{sums}},
		{"a deposit was credited with another amount", credited(`UPDATE ledger_transfers SET amount = amount + 1`), credits, deposit, []string{sums}},
		{"a deposit of another bank", func(b *books) {
			b.exec(`UPDATE wallet_deposits SET provider = 'elsewhere' WHERE provider_id = '602'`)
		}, credits, deposit, nil},
		{"credited without a deposit", func(b *books) {
			b.exec(`INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref) VALUES ('wallet/sandbox', ?, 5, 'wallet_deposit/999/credited')`,
				fmt.Sprintf("merchant/%d/available", b.payer.ID))
		}, factless, func(*books) string { return "transfer wallet_deposit/999/credited" }, nil},
	}
}

func wrongMessages() []wrong {
	const (
		delivered = "a message is delivered when its receiver said so, and only then"
		heldOnly  = "a message is held only while its endpoint takes none"
		forgotten = "no message that is due is forgotten"
		again     = "a message that was sent again has one successor, which says the same"
		own       = "a message goes to its own merchant, and to a callback only for the record that named it"
	)
	of := func(s state.Webhook) func(*books) string {
		return func(b *books) string { return fmt.Sprint("message ", b.told[s]) }
	}
	change := func(s state.Webhook, set string) func(*books) {
		return func(b *books) { b.exec(`UPDATE webhook_messages SET `+set+` WHERE id = ?`, b.told[s]) }
	}
	with := func(s state.Webhook) func(*books) string {
		return func(b *books) string { return fmt.Sprintf("message %d (%s)", b.told[s], s) }
	}
	successor := func(b *books) string { return fmt.Sprint("message ", b.successor) }
	return []wrong{
		{"delivered, and the receiver never said so", func(b *books) {
			b.exec(`UPDATE webhook_attempts SET status = 500 WHERE message_id = ?`, b.told[state.WebhookDelivered])
		}, delivered, with(state.WebhookDelivered), nil},
		{"the receiver said so, and it is sent again and again", func(b *books) {
			b.exec(`INSERT INTO webhook_attempts (message_id, try, status) VALUES (?, 1, 200)`, b.told[state.WebhookPending])
		}, delivered, with(state.WebhookPending), nil},
		{"held, and its endpoint is enabled", func(b *books) {
			b.exec(`UPDATE webhook_endpoints SET state = 'enabled' WHERE id = ?`, b.paused)
			b.exec(`UPDATE webhook_messages SET ended_at = now() - interval '61 seconds' WHERE id = ?`, b.told[state.WebhookHeld])
		}, heldOnly, of(state.WebhookHeld), nil},
		{"held, and its endpoint is gone", func(b *books) {
			b.exec(`UPDATE webhook_endpoints SET state = 'deleted' WHERE id = ?`, b.paused)
			b.exec(`UPDATE webhook_messages SET ended_at = now() - interval '61 seconds' WHERE id = ?`, b.told[state.WebhookHeld])
		}, heldOnly, of(state.WebhookHeld), nil},
		{"never tried", func(b *books) {
			b.exec(`UPDATE webhook_attempts SET at = now() - interval '2 hours'`)
			b.exec(`UPDATE webhook_messages SET created_at = now() - interval '1 hour 61 seconds' WHERE id = ?`, b.told[state.WebhookPending])
		}, forgotten, of(state.WebhookPending), nil},
		{"not tried again", func(b *books) {
			b.exec(`UPDATE webhook_attempts SET at = now() - interval '2 hours'`)
			b.exec(`UPDATE webhook_messages SET next_try_at = now() - interval '1 hour 61 seconds' WHERE id = ?`, b.told[state.WebhookPending])
		}, forgotten, of(state.WebhookPending), nil},
		{"replaced by nothing", change(state.WebhookFailed, `state = 'replaced'`), again, of(state.WebhookFailed), nil},
		{"replaced twice", func(b *books) {
			b.exec(`INSERT INTO webhook_messages (webhook_id, endpoint_id, merchant_id, kind, subject_id, event, version, facts, replaces)
				SELECT webhook_id, endpoint_id, merchant_id, kind, subject_id, event, version, facts, replaces FROM webhook_messages WHERE id = ?`, b.successor)
		}, again, of(state.WebhookReplaced), nil},
		{"sent again as something else", func(b *books) {
			b.exec(`UPDATE webhook_messages SET webhook_id = 'msg_other' WHERE id = ?`, b.successor)
		}, again, successor, nil},
		{"another merchant's message", func(b *books) {
			b.exec(`UPDATE webhook_messages SET merchant_id = ? WHERE id = ?`, b.other.ID, b.told[state.WebhookPending])
		}, own, of(state.WebhookPending), nil},
		{"a callback hears of what is not its own", func(b *books) {
			b.exec(`UPDATE webhook_messages SET subject_id = ? WHERE endpoint_id IN (SELECT id FROM webhook_endpoints WHERE callback)
				AND id = (SELECT min(m.id) FROM webhook_messages m JOIN webhook_endpoints e ON e.id = m.endpoint_id WHERE e.callback)`, b.byHand.ID)
		}, own, func(b *books) string {
			var id int64
			require.NoError(b, b.owner.NewRaw(`SELECT min(m.id) FROM webhook_messages m JOIN webhook_endpoints e ON e.id = m.endpoint_id WHERE e.callback`).Scan(b.Context(), &id))
			return fmt.Sprint("message ", id)
		}, nil},
	}
}
