package activities_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/gateways/wallets"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// accountBank gives out accounts and lists what came, page by page, or fails as told.
type accountBank struct {
	err      error
	openings []wallets.Opening
	deposits []wallets.Deposit
	asked    []string
}

func (b *accountBank) Name() string { return "sandbox" }
func (b *accountBank) Open(_ context.Context, o wallets.Opening) (wallets.Account, error) {
	b.openings = append(b.openings, o)
	return wallets.Account{IBAN: payeeIBAN}, b.err
}

func (b *accountBank) Deposits(_ context.Context, iban, after string) ([]wallets.Deposit, error) {
	b.asked = append(b.asked, strings.TrimPrefix(iban, payeeIBAN)+"after "+after)
	if b.err != nil {
		return nil, b.err
	}
	from := 0
	for i, d := range b.deposits {
		if d.ID == after {
			from = i + 1
		}
	}
	return b.deposits[from:min(len(b.deposits), from+wallets.Page)], nil
}

// depositor is a merchant with a wallet.
type depositor struct {
	*testing.T
	db       *bun.DB
	store    *store.Store
	env      *testsuite.TestActivityEnvironment
	acts     *activities.Wallets
	bank     *accountBank
	merchant store.Merchant
	wallet   store.Wallet
}

func newDepositor(t *testing.T) *depositor {
	d := &depositor{T: t, db: server.Open(t), bank: &accountBank{}}
	d.store = store.New(d.db, func() {})
	d.acts = &activities.Wallets{Store: d.store, Providers: wallets.Registry{"sandbox": d.bank}}
	var suite testsuite.WorkflowTestSuite
	d.env = suite.NewTestActivityEnvironment()
	d.env.RegisterActivity(d.acts)
	var err error
	d.merchant, err = d.store.PutMerchant(t.Context(), store.Merchant{PublicID: "shop", CollectWindow: 1200, Gateways: []string{"zibal"}})
	require.NoError(t, err)
	d.wallet, err = d.store.OpenWallet(t.Context(), store.NewWallet{Merchant: d.merchant, OrderID: "o-1", Network: "iban", Provider: "sandbox"})
	require.NoError(t, err)
	return d
}

func (d *depositor) opening() activities.OpeningWallet {
	return activities.OpeningWallet{WalletID: d.wallet.ID, UUID: d.wallet.UUID, Holder: "فروشگاه", Provider: "sandbox"}
}

func (d *depositor) open() (now state.Wallet, err error) {
	d.Helper()
	value, err := d.env.ExecuteLocalActivity(d.acts.OpenAtBank, d.opening())
	if err == nil {
		err = value.Get(&now)
	}
	d.wallet = must(d.store.Wallet(d.Context(), d.wallet.ID))
	return now, err
}

func (d *depositor) look() (got activities.Arrivals, err error) {
	d.Helper()
	value, err := d.env.ExecuteLocalActivity(d.acts.BookArrivals, d.wallet.ID)
	if err == nil {
		err = value.Get(&got)
	}
	return got, err
}

func (d *depositor) arrive(n int) {
	for range n {
		d.bank.deposits = append(d.bank.deposits, wallets.Deposit{
			ID: fmt.Sprint("d-", len(d.bank.deposits)+1), Amount: 1_000, From: "621986******0019", TrackingID: "t", At: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC),
		})
	}
}

func (d *depositor) requireCredited(deposits int) {
	d.Helper()
	got, err := d.store.Balance(d.Context(), d.merchant.ID)
	require.NoError(d, err)
	require.Equal(d, store.Balance{Available: money.Rial(deposits) * 1_000}, got)
}

func TestOpenAtBank(t *testing.T) {
	d := newDepositor(t)
	for range 2 { // the same account for ever
		now, err := d.open()
		require.NoError(t, err)
		require.Equal(t, state.WalletActive, now)
		require.Equal(t, payeeIBAN, *d.wallet.Address)
	}
	require.Equal(t, wallets.Opening{Reference: d.wallet.UUID, Holder: "فروشگاه"}, d.bank.openings[0])
	d.bank.err = &gateways.Refused{Op: "open", Code: "refused", Why: "no"} // a bank that changes its mind changes nothing
	now, err := d.open()
	require.NoError(t, err)
	require.Equal(t, state.WalletActive, now)
}

// A final no blocks the wallet; everything else is tried again.
func TestOpenAtBankFails(t *testing.T) {
	d := newDepositor(t)
	for kind, failure := range map[string]error{
		activities.ErrUnavailable: &gateways.Unavailable{Op: "open", Err: errors.New("away")},
		activities.ErrUnknown:     &gateways.Unknown{Op: "open", Err: errors.New("lost")},
	} {
		d.bank.err = failure
		_, err := d.open()
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		require.Equal(t, kind, app.Type())
		require.False(t, app.NonRetryable())
		require.Equal(t, state.WalletOpening, d.wallet.State)
	}
	d.acts.Providers = wallets.Registry{}
	_, err := d.open()
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, activities.ErrUnavailable, app.Type())

	d.acts.Providers = wallets.Registry{"sandbox": d.bank}
	d.bank.err = fmt.Errorf("call: %w", &gateways.Refused{Op: "open", Code: "refused", Why: "the bank opens no account"})
	now, err := d.open()
	require.NoError(t, err)
	require.Equal(t, state.WalletBlocked, now)
	require.Equal(t, []any{state.WalletBlocked, "the bank opens no account"}, []any{d.wallet.State, d.wallet.Why})
	require.Nil(t, d.wallet.Address, "whatever came with the no")
}

// What arrived is booked once, in pages, from where we were.
func TestBookArrivals(t *testing.T) {
	d := newDepositor(t)
	got, err := d.look()
	require.NoError(t, err)
	require.Zero(t, got)
	require.Empty(t, d.bank.asked, "there is no account yet")

	_, err = d.open()
	require.NoError(t, err)
	for _, step := range []struct {
		arrive int
		want   activities.Arrivals
	}{
		{0, activities.Arrivals{}},
		{2, activities.Arrivals{Booked: 2}},
		{0, activities.Arrivals{}},
		{wallets.Page + 3, activities.Arrivals{Booked: wallets.Page, More: true}},
		{0, activities.Arrivals{Booked: 3}},
		{wallets.Page, activities.Arrivals{Booked: wallets.Page, More: true}},
		{0, activities.Arrivals{}},
	} {
		d.arrive(step.arrive)
		got, err := d.look()
		require.NoError(t, err)
		require.Equal(t, step.want, got)
	}
	d.requireCredited(len(d.bank.deposits))
	require.Equal(t, []string{"after ", "after ", "after d-2", "after d-2", "after d-52", "after d-55", "after d-105"}, d.bank.asked)
	list := must(d.store.WalletDeposits(t.Context(), d.wallet.ID, 1))
	require.Equal(t, []any{money.Rial(1_000), "621986******0019", "t"}, []any{list[0].Amount, list[0].Payer, list[0].TrackingID})
}

// A list that was booked and not heard of is listed again: it is credited once.
func TestBookArrivalsTwice(t *testing.T) {
	d := newDepositor(t)
	_, err := d.open()
	require.NoError(t, err)
	d.arrive(3)
	_, err = d.look()
	require.NoError(t, err)
	_, err = d.db.NewRaw(`UPDATE wallets SET seen = '' WHERE id = ?`, d.wallet.ID).Exec(t.Context())
	require.NoError(t, err)
	d.arrive(1)
	got, err := d.look()
	require.NoError(t, err)
	require.Equal(t, activities.Arrivals{Booked: 1}, got)
	d.requireCredited(4)
}

// There is no final no to the question what arrived: the money is there or it is not.
func TestBookArrivalsAsksAgain(t *testing.T) {
	d := newDepositor(t)
	_, err := d.open()
	require.NoError(t, err)
	d.arrive(1)
	for _, failure := range []error{
		&gateways.Refused{Op: "deposits", Code: "no_such_account"}, &gateways.Unavailable{Op: "deposits", Err: errors.New("away")}, errors.New("lost"),
	} {
		d.bank.err = failure
		_, err := d.look()
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		require.Equal(t, activities.ErrUnavailable, app.Type())
		require.False(t, app.NonRetryable())
	}
	d.bank.err = nil
	_, err = d.look()
	require.NoError(t, err)
	d.requireCredited(1)
}

func TestWalletAttention(t *testing.T) {
	d := newDepositor(t)
	for _, reason := range []string{"unexpected_error", "unexpected_error", ""} {
		_, err := d.env.ExecuteActivity(d.acts.SetWalletAttention, activities.WalletAttention{WalletID: d.wallet.ID, Reason: reason})
		require.NoError(t, err)
		now := must(d.store.Wallet(t.Context(), d.wallet.ID)).NeedsAttention
		require.Equal(t, reason != "", now != nil)
	}
}
