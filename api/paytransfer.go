package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/api/pages"
	"github.com/paysaga/paysaga/banksms"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// The payer's page of a card-to-card transfer.

func (a *API) payTransferRoutes() {
	a.app.Get("/pay/transfer/:token/status", a.transferStatus)
	a.app.Get("/pay/transfer/:token", a.transferPage)
	a.app.Post("/pay/transfer/:token/card", a.transferCard)
	a.app.Get("/pay/transfer/:token/card", func(c *fiber.Ctx) error { // a reload of a refused form
		return c.Redirect(reader(c).Link(transferPath(c.Params("token"))), http.StatusSeeOther)
	})
}

func transferPath(linkToken string) string { return "/pay/transfer/" + linkToken }

func (a *API) transferPage(c *fiber.Ctx) error {
	ctx, cancel := requestContext(c)
	defer cancel()
	page, err := a.readTransferPage(ctx, c)
	if err != nil {
		return err
	}
	view, err := a.transferView(ctx, page)
	if err != nil {
		return err
	}
	return a.render(c, http.StatusOK, view, nil)
}

func (a *API) readTransferPage(ctx context.Context, c *fiber.Ctx) (store.TransferPage, error) {
	page, err := a.Store.TransferPage(ctx, c.Params("token"))
	return page, a.missed(c, err)
}

func (a *API) transferView(ctx context.Context, p store.TransferPage) (pages.Transfer, error) {
	t := p.Transfer
	view := pages.Transfer{
		Merchant: face(p.Merchant),
		Amount:   t.Amount, Price: t.Price, Fid: t.FID, State: t.State, Expires: t.ExpiresAt, Now: p.Now,
		ReturnURL: transferReturn(t), Token: t.LinkToken,
	}
	if t.PaidAt != nil {
		view.PaidAt = *t.PaidAt
	}
	if p.PayerLast4 != "" {
		view.PayerCard = p.PayerBin + "******" + p.PayerLast4
	}
	if t.State != state.TransferPending {
		return view, nil
	}
	cards, err := a.Store.TransferCards(ctx, t.Cards)
	if err != nil {
		return view, err
	}
	for _, d := range cards {
		number, err := a.Vault.Open(t.MerchantID, d.Card)
		if err != nil {
			return view, err
		}
		view.Cards = append(view.Cards, pages.DestinationCard{
			Number: string(number), Holder: d.Holder, BankSlug: d.Bank,
			Bank: banksms.Bank(d.Bank).Persian(), BankEnglish: banksms.Bank(d.Bank).English(),
		})
	}
	// A payer is asked for a card only where the bank's SMS will show it.
	view.AskPayerCard = view.PayerCard == "" &&
		slices.ContainsFunc(cards, func(d store.DestinationCard) bool { return banksms.Bank(d.Bank).ShowsPayerCard() })
	return view, nil
}

// transferReturn is the merchant's callback with what it needs to check.
func transferReturn(t store.Transfer) string {
	u, err := url.Parse(t.Callback)
	if err != nil || t.Callback == "" {
		return ""
	}
	query := u.Query()
	query.Set("pay_id", strconv.FormatInt(t.ID, 10))
	query.Set("fid", strconv.FormatInt(t.FID, 10))
	u.RawQuery = query.Encode()
	return u.String()
}

func (a *API) transferStatus(c *fiber.Ctx) error {
	ctx, cancel := requestContext(c)
	defer cancel()
	now, err := a.Store.TransferNow(ctx, c.Params("token"))
	if err := a.missed(c, err); err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(now)
}

// transferCard registers the card that the payer says they pay from.
func (a *API) transferCard(c *fiber.Ctx) error {
	ctx, cancel := requestContext(c)
	defer cancel()
	page, err := a.readTransferPage(ctx, c)
	if err != nil {
		return err
	}
	if err := a.limits.pay.take(page.Transfer.LinkToken); err != nil {
		return err
	}
	view, err := a.transferView(ctx, page)
	if err != nil {
		return err
	}
	view.PayerCardText = c.FormValue("card")
	card, err := vault.ParsePAN(view.PayerCardText)
	switch {
	case !view.AskPayerCard: // it has one, or its bank never shows one: then a card would lose the payment
		return c.Redirect(reader(c).Link(view.Path()), http.StatusSeeOther)
	case err != nil:
		view.CardError = pages.CardWrong
		return a.render(c, http.StatusBadRequest, view, nil)
	}
	sealed, err := a.Vault.Seal(page.Merchant.ID, card)
	if err != nil {
		return err
	}
	_, err = a.Store.SetPayerCard(ctx, page.Merchant.ID, page.Transfer.ID, sealed)
	if err != nil && !errors.Is(err, store.ErrConflict) { // else the page shows how it stands
		return err
	}
	return c.Redirect(reader(c).Link(view.Path()), http.StatusSeeOther)
}
