package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/payload"
	"github.com/paysaga/paysaga/services"
	"github.com/paysaga/paysaga/sign"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// Static wallets, /v1/wallet: an account number for each order_id, for good; what arrives there is the merchant's.

const (
	walletWait     = 8 * time.Second // for the bank to give the account
	latestDeposits = 50
)

func (a *API) walletRoutes() {
	key := a.signed(store.PaymentKey)
	a.app.Post("/v1/wallet", key, a.openWallet)
	a.app.Post("/v1/wallet/info", key, a.walletInfo)
	a.app.Post("/v1/wallet/list", key, a.listWallets)
	a.app.Post("/v1/wallet/notify", a.walletNotified)
}

// openWallet opens one and waits for its account; asked again, it answers the one that is there.
func (a *API) openWallet(c *fiber.Ctx) error {
	merchant := principal(c).Merchant
	in, err := a.readWallet(c, merchant)
	if err != nil {
		return err
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	w, err := a.Store.OpenWallet(ctx, in)
	if err != nil {
		return walletProblem(err)
	}
	if w.Address == nil && w.State != state.WalletBlocked {
		if w, err = a.awaitWallet(ctx, w); err != nil {
			return err
		}
	}
	return v1OK(c, walletInfo(w, nil))
}

func (a *API) readWallet(c *fiber.Ctx, merchant store.Merchant) (store.NewWallet, error) {
	in := store.NewWallet{Merchant: merchant, Provider: a.WalletBank}
	f, err := readV1(c)
	if err != nil {
		return in, err
	}
	currency := f.required("currency", 1, maxTestText)
	in.Network = f.required("network", 1, maxTestText)
	in.OrderID = f.requiredAlphaDash("order_id", 1, maxOrderID)
	if f.has("url_callback") {
		in.CallbackURL = f.url("url_callback", f.text("url_callback", minTestURL, 255), a.Dev)
	}
	if err := f.err(); err != nil {
		return in, err
	}
	if pair, err := services.Find(payload.KindWallet, currency, in.Network); err != nil || !pair.Available || in.Provider == "" {
		return in, v1Refusal("Payment service not found")
	}
	in.Secret = a.Vault.SealText(merchant.ID, vault.EndpointSecret, sign.NewSecret())
	return in, nil
}

// awaitWallet waits for the saga, then answers from the row.
func (a *API) awaitWallet(ctx context.Context, w store.Wallet) (store.Wallet, error) {
	waiting, cancel := context.WithTimeout(ctx, walletWait)
	defer cancel()
	waited := a.Sagas.AwaitWallet(waiting, w.UUID)
	w, err := a.Store.Wallet(ctx, w.ID)
	if err == nil && w.State == state.WalletOpening {
		return w, &problem{status: http.StatusServiceUnavailable, code: "opening", message: "The bank has not given the account yet; ask again", retry: 5 * time.Second, cause: waited}
	}
	return w, err
}

func (a *API) walletInfo(c *fiber.Ctx) error {
	f, err := readV1(c)
	if err != nil {
		return err
	}
	orderID, id, err := f.named()
	if err != nil {
		return err
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	w, err := a.Store.WalletBy(ctx, principal(c).Merchant.ID, orderID, id)
	if err != nil {
		return walletProblem(err)
	}
	deposits, err := a.Store.WalletDeposits(ctx, w.ID, latestDeposits)
	if err != nil {
		return err
	}
	return v1OK(c, walletInfo(w, deposits))
}

func (a *API) listWallets(c *fiber.Ctx) error {
	f, err := readV1(c)
	if err != nil {
		return err
	}
	before, err := f.cursor()
	if err != nil {
		return err
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	list, err := a.Store.Wallets(ctx, principal(c).Merchant.ID, before, pageV1+1)
	if err != nil {
		return err
	}
	info := func(w store.Wallet) contracts.V1Wallet { return walletInfo(w, nil) }
	return v1OK(c, v1Page(list, info, func(w store.Wallet) int64 { return w.ID }))
}

// walletNotified hears from anybody that money arrived somewhere. It proves nothing: the saga asks the bank. Whether
// the account is ours is not told.
func (a *API) walletNotified(c *fiber.Ctx) error {
	if err := a.limits.notes.take(clientIP(c)); err != nil {
		return err
	}
	f, err := readV1(c)
	if err != nil {
		return err
	}
	iban, err := money.ParseIBAN(f.required("iban", 1, 64))
	if missing := f.err(); missing != nil {
		return missing
	}
	if err != nil {
		return fieldErrors{"iban": {ruleIBAN}}
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	if err := a.Store.NotifyWallet(ctx, string(iban)); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return v1OK(c, nil)
}

func walletInfo(w store.Wallet, deposits []store.CreditedDeposit) contracts.V1Wallet {
	out := contracts.V1Wallet{
		WalletUUID: w.UUID, UUID: w.UUID, OrderID: w.OrderID, Address: w.Address, Network: w.Network, Currency: w.Currency,
		Status: string(w.State), CreatedAt: tehranTime(w.CreatedAt),
	}
	for _, d := range deposits {
		out.Deposits = append(out.Deposits, contracts.V1WalletDeposit{
			UUID: d.UUID, Amount: payload.Rial(d.Amount), From: d.Payer, TxID: d.TrackingID, At: tehranTime(d.At),
		})
	}
	return out
}

func walletProblem(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return v1Refusal("Not found wallet")
	case errors.Is(err, store.ErrMerchantDisabled):
		return &problem{status: http.StatusForbidden, code: "disabled", message: "The merchant is disabled"}
	}
	return err
}
