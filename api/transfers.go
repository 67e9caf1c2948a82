package api

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/banksms"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// Contract: card-to-card payments, /api/create, setCard, check, carts.

const (
	leastPrice  = money.Rial(10_000)
	maxCallback = 1000 // characters
)

func (a *API) createTransfer(c *fiber.Ctx) error {
	in, err := a.readTransfer(c)
	if err != nil {
		return err
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	cards, err := a.Store.DestinationCards(ctx, in.Merchant.ID)
	if err != nil {
		return err
	}
	if len(cards) == 0 {
		return codeNoCards
	}
	for _, card := range cards {
		in.Cards = append(in.Cards, card.ID)
	}
	t, err := a.Store.CreateTransfer(ctx, in)
	switch {
	case errors.Is(err, store.ErrInvoiceUsed):
		return codeInvoiceUsed
	case errors.Is(err, store.ErrNoFreeAmount):
		return codeNoFreeAmount
	case err != nil:
		return err
	}
	cart, err := a.show(in.Merchant.ID, cards)
	if err != nil {
		return err
	}
	a.linkTransfer(c, t.ID)
	return c.JSON(contracts.CardCreated{
		Status: true, Code: http.StatusOK, Expire: t.ExpiresAt.Unix(), PayID: t.ID, Amount: int64(t.Amount),
		Link: a.payLink(t), Cart: cart,
	})
}

// readTransfer checks in the contract's order: price, invoice number, card.
func (a *API) readTransfer(c *fiber.Ctx) (store.NewTransfer, error) {
	merchant := principal(c).Merchant
	in := store.NewTransfer{Merchant: merchant}
	f, err := readFields(c)
	if err != nil {
		return in, err
	}
	if in.Price, err = readPrice(f); err != nil {
		return in, err
	}
	if in.FID, err = f.whole("fid"); err != nil {
		return in, codeNoInvoice
	}
	if in.PayerCard, err = a.readCard(f, merchant.ID); err != nil {
		return in, err
	}
	if in.Callback, err = a.readCallback(f); err != nil {
		return in, err
	}
	phone, err := f.any("phone", 20)
	if err != nil {
		return in, codeBadPhone
	}
	mobile, ok := readMobile(phone)
	if !ok {
		return in, codeBadPhone
	}
	in.Payer = maskMobile(mobile)
	if !merchant.Enabled() {
		return in, codeForbidden
	}
	return in, nil
}

func readPrice(f fields) (money.Rial, error) {
	v := f["price"]
	price, err := money.ParseAmount(v.text)
	switch {
	case errors.Is(err, money.ErrNegative):
		return 0, codeTooLittle
	case err != nil || v.kind == boolean || v.kind == null || price > money.Max/2: // room for the delta
		return 0, codeNotNumeric
	case price < leastPrice:
		return 0, codeTooLittle
	}
	return price, nil
}

// readCard seals the payer's card; nil when none came.
func (a *API) readCard(f fields, merchantID int64) (*vault.Sealed, error) {
	number, err := f.any("card", 40)
	if err != nil {
		return nil, codeBadCard
	}
	if strings.TrimSpace(number) == "" {
		return nil, nil
	}
	card, err := vault.ParsePAN(number)
	if err != nil {
		return nil, codeBadCard
	}
	sealed, err := a.Vault.Seal(merchantID, card)
	return &sealed, err
}

// readCallback reads the address that the payer goes back to, under its name or its alias.
func (a *API) readCallback(f fields) (string, error) {
	text, err := f.text("callback", maxCallback)
	if text == "" && err == nil {
		text, err = f.text("callbackUrl", maxCallback)
	}
	if err != nil || text == "" {
		return "", codeOr(err, codeBadCallback)
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || (u.Scheme != "https" && !(u.Scheme == "http" && a.Dev)) {
		return "", codeBadCallback
	}
	return text, nil
}

func codeOr(err error, code cardCode) error {
	if err != nil {
		return code
	}
	return nil
}

// payLink is the payer's page; null when the merchant gave no address to return to.
func (a *API) payLink(t store.Transfer) *string {
	if t.Callback == "" {
		return nil
	}
	link := a.PublicURL + transferPath(t.LinkToken)
	return &link
}

// show opens destination cards: the payer needs the whole number.
func (a *API) show(merchantID int64, cards []store.DestinationCard) ([]contracts.CardShow, error) {
	out := make([]contracts.CardShow, len(cards))
	for i, d := range cards {
		number, err := a.Vault.Open(merchantID, d.Card)
		if err != nil {
			return nil, err
		}
		out[i] = contracts.CardShow{Number: string(number), Name: d.Holder, Bank: banksms.Bank(d.Bank).Persian()}
	}
	return out, nil
}

func (a *API) linkTransfer(c *fiber.Ctx, payID int64) {
	if principal(c).Has(auth.ScopeOperator) {
		c.Set("X-Saga-Link", a.Sagas.TransferLink(payID))
	}
}

func (a *API) setCard(c *fiber.Ctx) error {
	f, err := readFields(c)
	if err != nil {
		return err
	}
	payID, err := readPayID(f)
	if err != nil {
		return err
	}
	merchantID := principal(c).Merchant.ID
	card, err := a.readCard(f, merchantID)
	if err != nil || card == nil {
		return codeBadCard
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	t, err := a.Store.SetPayerCard(ctx, merchantID, payID, *card)
	if errors.Is(err, store.ErrConflict) {
		return cardNotSet(t)
	}
	if err != nil {
		return err
	}
	a.linkTransfer(c, payID)
	return cardOK(c, http.StatusOK, "شماره کارت ثبت شد.")
}

func readPayID(f fields) (int64, error) {
	if v, ok := f["pay_id"]; !ok || v.kind == null || v.text == "" {
		return 0, codeNoPayID
	}
	id, err := f.whole("pay_id")
	if err != nil {
		return 0, codeUnknownPayID
	}
	return id, nil
}

// cardNotSet says why a transfer takes no card.
func cardNotSet(t store.Transfer) cardCode {
	switch {
	case t.State != state.TransferPending && t.State != state.TransferExpired:
		return codeFinalised
	case t.PayerCardID != nil:
		return codeCardSet
	}
	return codeExpired
}

// checkTransfer answers whether a transfer is paid, and verifies it the first time.
func (a *API) checkTransfer(c *fiber.Ctx) error {
	payID, err := readPayID(fields{"pay_id": {text, c.Query("pay_id")}})
	if err != nil {
		return err
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	found, err := a.Store.CheckTransfer(ctx, principal(c).Merchant.ID, payID)
	if err != nil {
		return err
	}
	a.linkTransfer(c, payID)
	switch {
	case found.First:
		return cardOK(c, http.StatusCreated, "تراکنش موفق بوده و برای اولین بار وریفای شده است.")
	case found.State == state.TransferVerified:
		return cardOK(c, http.StatusOK, "Payment is complete.")
	case found.State == state.TransferMismatched:
		return codeMismatched
	case found.Over || found.State == state.TransferExpired:
		return codeExpired
	}
	return codeNotPaid
}

func (a *API) listCarts(c *fiber.Ctx) error {
	ctx, cancel := requestContext(c)
	defer cancel()
	merchantID := principal(c).Merchant.ID
	cards, err := a.Store.DestinationCards(ctx, merchantID)
	if err != nil {
		return err
	}
	list, err := a.show(merchantID, cards)
	if err != nil {
		return err
	}
	return c.JSON(list)
}

// cardOK answers success: HTTP 200, whatever the contract's code.
func cardOK(c *fiber.Ctx, code int, msg string) error {
	return c.JSON(contracts.CardAnswer{Status: true, Code: code, Msg: msg})
}

// whole reads a positive whole number, with Latin or Persian digits.
func (f fields) whole(name string) (int64, error) {
	v, ok := f[name]
	if !ok || v.kind == boolean || v.kind == null {
		return 0, invalid(name, "required", "The field is required")
	}
	n, err := strconv.ParseInt(strings.TrimSpace(money.LatinDigits(v.text)), 10, 64)
	if err != nil || n <= 0 {
		return 0, invalid(name, "not_number", "The field must be a whole number above zero")
	}
	return n, nil
}

// any reads a text or a number as text: clients send phone and card numbers both ways.
func (f fields) any(name string, most int) (string, error) {
	v := f[name]
	if v.kind == boolean || len([]rune(v.text)) > most {
		return "", invalid(name, "type", "The field must be a text")
	}
	return v.text, nil
}

// readMobile brings a mobile number to the form 09xxxxxxxxx; empty stays empty.
func readMobile(text string) (string, bool) {
	number := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune("-()", r) { // also the invisible marks of Persian text
			return -1
		}
		return r
	}, money.LatinDigits(text))
	switch {
	case number == "":
		return "", true
	case strings.HasPrefix(text, "-"): // a number below zero
		return "", false
	}
	for _, prefix := range []string{"+98", "0098", "98", "0"} {
		if rest, ok := strings.CutPrefix(number, prefix); ok {
			number = rest
			break
		}
	}
	return "0" + number, mobilePattern.MatchString("0" + number)
}
