package api

import (
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strconv"
	"strings"

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

// Payouts, /v1/payout: money from a merchant's balance to a card or an account. The amount is held at once; the saga
// sends it.

const (
	maxOrderID = 100
	maxHolder  = 100
	maxNote    = 100
	pageV1     = 50
)

// PayoutBank is the way on which payouts leave.
type PayoutBank struct {
	Provider string // its name in rows; empty: none, and no payout is taken
	// Rail is the rail that carries an amount to a network, or why none does.
	Rail func(network string, amount money.Rial) (string, error)
}

func (a *API) payoutRoutes() {
	key := a.signed(store.PayoutKey)
	a.app.Post("/v1/payout", key, a.createPayout)
	a.app.Post("/v1/payout/info", key, a.payoutInfo)
	a.app.Post("/v1/payout/list", key, a.listPayouts)
	a.app.Post("/v1/payout/cancel", key, a.cancelPayout)
}

func (a *API) createPayout(c *fiber.Ctx) error {
	merchant := principal(c).Merchant
	in, err := a.readPayout(c, merchant)
	if err != nil {
		return err
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	p, err := a.Store.OrderPayout(ctx, in)
	if err != nil {
		return payoutProblem(err)
	}
	out := payoutInfo(p)
	balance, err := a.Store.Balance(ctx, merchant.ID)
	if err != nil {
		return err
	}
	left := payload.Rial(balance.Available)
	out.Balance = &left
	return v1OK(c, out)
}

func (a *API) readPayout(c *fiber.Ctx, merchant store.Merchant) (store.NewPayout, error) {
	in := store.NewPayout{Merchant: merchant, Provider: a.Payouts.Provider}
	f, err := readV1(c)
	if err != nil {
		return in, err
	}
	amount := f.decimal("amount")
	currency := f.required("currency", 1, maxTestText)
	in.Network = f.required("network", 1, maxTestText)
	in.OrderID = f.requiredAlphaDash("order_id", 1, maxOrderID)
	address := f.required("address", 16, 64)
	in.Holder = f.text("holder", 0, maxHolder)
	in.Note = f.text("note", 0, maxNote)
	if f.has("url_callback") {
		in.CallbackURL = f.url("url_callback", f.text("url_callback", minTestURL, 255), a.Dev)
	}
	if err := f.err(); err != nil {
		return in, err
	}
	pair, err := services.Find(payload.KindPayout, currency, in.Network)
	if err != nil || !pair.Available || in.Provider == "" {
		return in, v1Refusal("Payout service not found")
	}
	number, masked, err := destination(in.Network, address)
	if err != nil {
		return in, fieldErrors{"address": {err.Error()}}
	}
	if in.Amount, err = wholeRial(amount); err != nil || !pair.Takes(amount) {
		return in, fieldErrors{"amount": {ruleAmount}}
	}
	if in.Fee, err = wholeRial(roundUp(pair.Commission(amount))); err != nil {
		return in, fmt.Errorf("commission: %w", err)
	}
	if in.Rail, err = a.Payouts.Rail(in.Network, in.Amount); err != nil {
		return in, v1Refusal("The amount cannot be sent there: " + err.Error())
	}
	in.Destination = masked
	in.Number = a.Vault.SealText(merchant.ID, vault.PayoutDestination, number)
	in.Request = a.Vault.Fingerprint(strings.Join([]string{amount.RatString(), currency, in.Network, number, in.Holder, in.Note, in.CallbackURL}, "\x00"))
	in.Secret = a.Vault.SealText(merchant.ID, vault.EndpointSecret, sign.NewSecret())
	return in, nil
}

// The dialect's names of the rules of payouts.
const (
	ruleAmount = "validation.amount"
	ruleIBAN   = "validation.iban"
	ruleCard   = "validation.card"
)

// destination reads a card's or an account's number; both have check digits, so that a slip is found here.
func destination(network, address string) (number, masked string, err error) {
	if network == networkCard {
		card, err := vault.ParsePAN(address)
		if err != nil {
			return "", "", errors.New(ruleCard)
		}
		return string(card), card.String(), nil
	}
	iban, err := money.ParseIBAN(address)
	if err != nil {
		return "", "", errors.New(ruleIBAN)
	}
	return string(iban), iban.Masked(), nil
}

// networkCard is the network whose addresses are card numbers.
const networkCard = "card"

// roundUp makes a commission whole rial.
func roundUp(n *big.Rat) *big.Rat {
	whole := new(big.Int).Add(n.Num(), n.Denom())
	whole.Sub(whole, big.NewInt(1)).Quo(whole, n.Denom())
	return new(big.Rat).SetInt(whole)
}

var errNotRial = errors.New("not a whole number of rial")

func wholeRial(n *big.Rat) (money.Rial, error) {
	if n == nil || !n.IsInt() || !n.Num().IsInt64() || n.Sign() < 0 || money.Rial(n.Num().Int64()) > money.Max {
		return 0, errNotRial
	}
	return money.Rial(n.Num().Int64()), nil
}

// decimal reads a positive decimal number, a text or a number on the wire.
func (f *v1Form) decimal(name string) *big.Rat {
	v, ok := f.fields[name]
	if !ok || v.kind == null || v.text == "" {
		f.bad.add(name, ruleRequired)
		return nil
	}
	digits := money.LatinDigits(v.text)
	if (v.kind != number && v.kind != text) || len(digits) > 40 || strings.Trim(digits, "0123456789.") != "" || strings.Count(digits, ".") > 1 {
		f.bad.add(name, ruleAmount)
		return nil
	}
	n, ok := new(big.Rat).SetString(digits)
	if !ok || n.Sign() <= 0 {
		f.bad.add(name, ruleAmount)
		return nil
	}
	return n
}

func (f *v1Form) requiredAlphaDash(name string, least, most int) string {
	if !f.has(name) {
		f.bad.add(name, ruleRequired)
		return ""
	}
	return f.alphaDash(name, least, most)
}

// named reads which record is meant: with both given the order_id wins, as documented for what is no test.
func (f *v1Form) named() (orderID, id string, err error) {
	orderID, id = f.alphaDash("order_id", 1, maxOrderID), f.uuid("uuid")
	if orderID == "" && id == "" && len(f.bad) == 0 {
		f.bad.add("uuid", ruleRequired)
		f.bad.add("order_id", ruleRequired)
	}
	return orderID, id, f.err()
}

func (a *API) payoutInfo(c *fiber.Ctx) error {
	return a.onPayout(c, func(c *fiber.Ctx, orderID, id string) (store.Payout, error) {
		ctx, cancel := requestContext(c)
		defer cancel()
		return a.Store.PayoutBy(ctx, principal(c).Merchant.ID, orderID, id)
	})
}

func (a *API) cancelPayout(c *fiber.Ctx) error {
	return a.onPayout(c, func(c *fiber.Ctx, orderID, id string) (store.Payout, error) {
		ctx, cancel := requestContext(c)
		defer cancel()
		merchant := principal(c).Merchant.ID
		p, err := a.Store.CancelPayout(ctx, merchant, orderID, id)
		if errors.Is(err, store.ErrConflict) { // cancelling again is fine
			if now, again := a.Store.PayoutBy(ctx, merchant, orderID, id); again == nil && now.State == state.PayoutCancelled {
				return now, nil
			}
		}
		return p, err
	})
}

func (a *API) onPayout(c *fiber.Ctx, command func(c *fiber.Ctx, orderID, id string) (store.Payout, error)) error {
	f, err := readV1(c)
	if err != nil {
		return err
	}
	orderID, id, err := f.named()
	if err != nil {
		return err
	}
	p, err := command(c, orderID, id)
	if err != nil {
		return payoutProblem(err)
	}
	return v1OK(c, payoutInfo(p))
}

func (a *API) listPayouts(c *fiber.Ctx) error {
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
	list, err := a.Store.Payouts(ctx, principal(c).Merchant.ID, before, pageV1+1)
	if err != nil {
		return err
	}
	return v1OK(c, v1Page(list, payoutInfo, func(p store.Payout) int64 { return p.ID }))
}

// cursor reads where a page begins; absent is the newest.
func (f *v1Form) cursor() (int64, error) {
	text := f.text("cursor", 0, 20)
	if text == "" {
		return 0, f.err()
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		f.bad.add("cursor", ruleIn)
	}
	return n, f.err()
}

// v1Page answers a page of rows; one row more than a page has tells that there is another.
func v1Page[R, I any](rows []R, info func(R) I, id func(R) int64) contracts.V1Page {
	var next *string
	if len(rows) > pageV1 {
		rows = rows[:pageV1]
		text := strconv.FormatInt(id(rows[pageV1-1]), 10)
		next = &text
	}
	items := make([]I, len(rows))
	for i, r := range rows {
		items[i] = info(r)
	}
	return contracts.V1Page{Items: items, Paginate: contracts.V1Cursor{Count: len(items), NextCursor: next}}
}

func payoutInfo(p store.Payout) contracts.V1Payout {
	word, _ := payload.OfEvent("payout." + string(p.State))
	out := contracts.V1Payout{
		UUID: p.UUID, OrderID: p.OrderID, Amount: payload.Rial(p.Amount), Commission: payload.Rial(p.Fee), MerchantAmt: payload.Rial(p.Amount + p.Fee),
		Currency: p.Currency, Network: p.Network, Address: p.Destination, Status: string(word.Status), IsFinal: word.Final,
		PayerCurrency: p.Currency, PayerAmount: payload.Rial(p.Amount), CreatedAt: tehranTime(p.CreatedAt),
		EndedAt: tehranTimeOrNull(p.EndedAt), DueAt: tehranTimeOrNull(p.DueAt),
	}
	if p.TrackingID != "" {
		out.TxID = &p.TrackingID
	}
	if p.Why != "" {
		out.Why = &p.Why
	}
	return out
}

func payoutProblem(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return v1Refusal("Not found payout")
	case errors.Is(err, store.ErrOrderReused):
		return v1Refusal("The order_id was used with another request")
	case errors.Is(err, store.ErrBalance):
		return v1Refusal("Not enough funds")
	case errors.Is(err, store.ErrMerchantDisabled):
		return &problem{status: http.StatusForbidden, code: "disabled", message: "The merchant is disabled"}
	case errors.Is(err, store.ErrConflict):
		return v1Refusal("The payout has left or is decided and cannot be cancelled")
	}
	return err
}
