package banksms

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/money"
)

// read is a message and what it must be read as. All texts of the tests are invented.
type read struct {
	name    string
	sender  string
	text    string
	bank    Bank
	kind    Type
	amount  money.Rial
	account string
	payer   string
	balance money.Rial // none stands for a text without
	at      string     // Tehran; empty when nothing is printed
	reason  string     // empty means it settles
}

const none money.Rial = -1

func check(t *testing.T, cases []read) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := Parse(c.sender, c.text, received)
			require.Equal(t, c.kind, got.Type, "%+v", got)
			require.Equal(t, c.reason, got.Reason)
			require.Equal(t, c.reason == "", got.Settles)
			require.Equal(t, c.bank, got.Bank)
			require.Equal(t, c.amount, got.Amount, "amount")
			require.Equal(t, c.account, got.Account, "account")
			require.Equal(t, c.payer, got.PayerCard, "payer's card")
			if c.balance == none {
				require.Nil(t, got.Balance, "balance")
			} else if require.NotNil(t, got.Balance, "balance"); true {
				require.Equal(t, c.balance, *got.Balance, "balance")
			}
			at := ""
			if !got.At.IsZero() {
				at = got.At.In(tehran).Format(time.DateTime)
			}
			require.Equal(t, c.at, at, "at")
			if c.kind == Deposit && strings.Contains(c.text, "+") {
				flipped := Parse(c.sender, strings.ReplaceAll(c.text, "+", "-"), received)
				require.NotEqual(t, Deposit, flipped.Type, "the sign turns round, %+v", flipped)
				require.Equal(t, c.amount, flipped.Amount)
				if c.account != "" {
					require.Equal(t, c.account, flipped.Account)
				}
			}
		})
	}
}
