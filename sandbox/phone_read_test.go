package sandbox

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/banksms"
	"github.com/paysaga/paysaga/money"
)

// What the phone sends, the product must read. The two share no code, so only this test holds them together.
func TestWhatThePhoneSendsIsRead(t *testing.T) {
	const card, amount, balance = "6037991122334455", money.Rial(11_380), money.Rial(98_765_430)
	moment := time.Date(2026, 9, 27, 5, 37, 0, 0, time.UTC)
	received := moment.Add(time.Minute)
	kinds := map[string]banksms.Type{kindDeposit: banksms.Deposit, kindWithdraw: banksms.Withdraw, kindReversal: banksms.Other}
	for i := range smsBanks {
		b := &smsBanks[i]
		for kind, want := range kinds {
			for _, payer := range []string{"", "5022291122334452"} {
				if payer != "" && kind != kindDeposit {
					continue
				}
				m := sms{kind: kind, amount: amount, balance: balance, account: b.accountOf(card), card: card, payer: payer, at: toJalali(moment), id: 7}
				text := b.text(m)
				for _, sender := range []string{b.sender, ""} {
					t.Run(b.slug+"/"+kind+"/"+payer+"/"+sender, func(t *testing.T) {
						got := banksms.Parse(sender, text, received)
						require.Equal(t, want, got.Type, "%q %+v", text, got)
						require.Equal(t, b.slug, string(got.Bank))
						require.Equal(t, amount, got.Amount)
						require.NotNil(t, got.Balance)
						require.Equal(t, balance, *got.Balance)
						require.Equal(t, kind == kindDeposit, got.Settles, got.Reason)
						if b.account == accountTail {
							require.Contains(t, got.Account, m.account)
						} else {
							require.Equal(t, m.account, got.Account)
						}
						if payer == "" {
							require.Empty(t, got.PayerCard)
						} else {
							require.Contains(t, []string{payer, payer[12:]}, got.PayerCard)
						}
					})
				}
			}
		}
	}
}
