package activities_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/paysaga/paysaga/accounts"
	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/vault"
)

// closedBank wants a password and notes with which one it was asked.
type closedBank struct {
	*bank
	with []string
}

func (b *closedBank) Name() string { return "zibal" }
func (b *closedBank) Fields() []gateways.Field {
	return []gateways.Field{{Name: "password", Label: "password", Secret: true}}
}

func (b *closedBank) Open(c gateways.Credentials) (gateways.Gateway, error) {
	if err := c.CheckFields(b.Fields()); err != nil {
		return nil, err
	}
	b.with = append(b.with, c["password"])
	return b.bank, nil
}

// A saga's every call is made with the account of the attempt's session, whatever the merchant uses by then.
func TestBankIsCalledWithTheAttemptsAccount(t *testing.T) {
	s := newTill(t)
	ctx := t.Context()
	v, err := vault.New("dev:cGF5c2FnYS1kZXZlbG9wbWVudC12YXVsdC1rZXktMSE=")
	require.NoError(t, err)
	b := &closedBank{bank: &bank{result: paid, how: gateways.Cancelled}}
	book := accounts.Book{Store: s.store, Vault: v}
	calls := &activities.Bank{Gateways: gateways.Registry{"zibal": b}, Accounts: book}
	put := func(password string) {
		_, err := book.Put(ctx, s.merchant.ID, b, gateways.Credentials{"password": password}, false)
		require.NoError(t, err)
	}
	open := func() activities.PaidVisit {
		id := s.open(s.payment(false))
		at := visit
		at.AttemptID = id
		return activities.PaidVisit{Visit: at, BankTran: "99"}
	}
	ask := func(v activities.PaidVisit) error {
		b.result.Invoice = v.AttemptID
		for _, call := range []func() error{
			func() error { _, err := calls.InquireAtBank(ctx, v.Visit); return err },
			func() error { _, err := calls.ConfirmAtBank(ctx, v.Visit); return err },
			func() error { return calls.SettleAtBank(ctx, v) },
			func() error { _, err := calls.UndoAtBank(ctx, v); return err },
		} {
			if err := call(); err != nil {
				return err
			}
		}
		return nil
	}
	without := open()
	put("first-word")
	first := open()
	put("second-word")
	second := open()
	require.NoError(t, s.store.RetireGatewayAccount(ctx, s.merchant.ID, "zibal"))

	for password, v := range map[string]activities.PaidVisit{"first-word": first, "second-word": second} {
		b.with, b.asked = nil, nil
		require.NoError(t, ask(v))
		require.Equal(t, []string{password, password, password, password}, b.with[len(b.with)-4:])
		require.Equal(t, []string{"result", "result", "verify", "settle", "undo"}, b.asked)
	}

	// What cannot be opened waits, because the money is still there; and nothing tells what is in it.
	other, err := vault.New("other:b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQtb2xkLW9sZC0=")
	require.NoError(t, err)
	stopped, stop := context.WithCancel(ctx)
	stop()
	for name, tt := range map[string]struct {
		calls *activities.Bank
		ctx   context.Context
		v     activities.PaidVisit
	}{
		"the key is gone":            {&activities.Bank{Gateways: calls.Gateways, Accounts: accounts.Book{Store: s.store, Vault: other}}, ctx, first},
		"opened without an account":  {calls, ctx, without},
		"the database does not come": {calls, stopped, first},
		"no accounts here":           {&activities.Bank{Gateways: calls.Gateways}, ctx, first},
	} {
		b.asked = nil
		err := tt.calls.SettleAtBank(tt.ctx, tt.v)
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app, name)
		require.Equal(t, []any{activities.ErrUnavailable, false}, []any{app.Type(), app.NonRetryable()}, name)
		require.NotContains(t, err.Error(), "word", name)
		require.Empty(t, b.asked, name)
	}
}
