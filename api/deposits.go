package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/api/pages"
	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/banksms"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// Deposits without an owner: seen and resolved by people. A merchant sees its own, an operator all.

// depositActions are what a person may do with a deposit.
var depositActions = map[string]state.Deposit{
	"assign": state.DepositAssigned,
	"refund": state.DepositRefunded,
	"ignore": state.DepositIgnored,
}

// whose is the merchant whose deposits the caller may see; 0 for all.
func (a *API) whose(c *fiber.Ctx) int64 {
	if p := principal(c); !p.Has(auth.ScopeOperator) {
		return p.Merchant.ID
	}
	return 0
}

func (a *API) listDeposits(c *fiber.Ctx) error {
	in, err := readDepositList(c)
	if err != nil {
		return err
	}
	in.MerchantID = a.whose(c)
	ctx, cancel := requestContext(c)
	defer cancel()
	rows, err := a.Store.Deposits(ctx, in)
	if err != nil {
		return err
	}
	var open []int64
	for _, d := range rows {
		if d.State == state.DepositSuspense {
			open = append(open, d.ID)
		}
	}
	suggestions := map[int64][]store.Suggestion{}
	if len(open) > 0 {
		if suggestions, err = a.Store.Suggestions(ctx, open); err != nil {
			return err
		}
	}
	out := contracts.CardDeposits{Status: true, Code: http.StatusOK, Deposits: make([]contracts.CardDeposit, len(rows))}
	for i, d := range rows {
		out.Deposits[i] = a.cardDeposit(c, d, suggestions[d.ID])
	}
	if len(rows) == in.Size {
		out.Next = strconv.FormatInt(rows[len(rows)-1].ID, 10)
	}
	return c.JSON(out)
}

func readDepositList(c *fiber.Ctx) (store.DepositList, error) {
	in := store.DepositList{State: state.Deposit(c.Query("state")), Size: defaultSize}
	known := in.State == ""
	for _, s := range state.Deposits.States() {
		known = known || s == in.State
	}
	if !known {
		return in, invalid("state", "unknown", "No deposit is ever in this state")
	}
	var err error
	if size := c.Query("size"); size != "" {
		if in.Size, err = strconv.Atoi(size); err != nil || in.Size < 1 || in.Size > maxSize {
			return in, invalid("size", "range", fmt.Sprintf("The size is a number from 1 to %d", maxSize))
		}
	}
	if before := c.Query("before"); before != "" {
		if in.Before, err = strconv.ParseInt(before, 10, 64); err != nil || in.Before < 1 {
			return in, invalid("before", "cursor", "Send the value of next")
		}
	}
	return in, nil
}

func (a *API) cardDeposit(c *fiber.Ctx, d store.Deposit, suggestions []store.Suggestion) contracts.CardDeposit {
	out := contracts.CardDeposit{
		ID: d.ID, Merchant: d.Merchant, Bank: d.Bank, BankName: banksms.Bank(d.Bank).Persian(), Account: d.Account, Amount: int64(d.Amount),
		Balance: (*int64)(d.Balance), At: tehranTime(d.At), ReceivedAt: tehranTime(d.CreatedAt), ResolveBy: tehranTime(d.ResolveBy),
		Overdue: d.Overdue, State: string(d.State), Reason: d.Reason, Transfer: d.TransferID,
		Suggestions: make([]contracts.CardSuggestion, len(suggestions)),
	}
	if d.PayerCard != "" {
		out.PayerCard = &d.PayerCard
	}
	if d.Reason != "" && principal(c).Has(auth.ScopeOperator) {
		out.SagaLink = a.Sagas.DepositLink(d.ID)
	}
	for i, s := range suggestions {
		out.Suggestions[i] = contracts.CardSuggestion{
			PayID: s.PayID, FID: s.FID, Amount: int64(s.Amount), Difference: int64(d.Amount - s.Amount),
			State: string(s.State), CreatedAt: tehranTime(s.CreatedAt), Why: s.Why,
		}
	}
	if d.ResolvedAt != nil {
		out.Resolved = &contracts.CardResolved{
			Action: actionOf(d.State), By: d.ResolvedBy, Reason: d.ResolvedWhy, Reference: d.Reference, At: tehranTime(*d.ResolvedAt),
		}
	}
	return out
}

func actionOf(s state.Deposit) string {
	for action, becomes := range depositActions {
		if becomes == s {
			return action
		}
	}
	return ""
}

func (a *API) resolveDeposit(c *fiber.Ctx) error {
	r, err := readResolution(c)
	if err != nil {
		return err
	}
	r.MerchantID = a.whose(c)
	ctx, cancel := requestContext(c)
	defer cancel()
	err = a.Store.ResolveDeposit(ctx, r)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return codeNoDeposit
	case errors.Is(err, store.ErrNotPayable):
		return cardCode{http.StatusConflict, http.StatusConflict, "این پرداخت وجود ندارد یا واریز دیگری دارد."}
	case errors.Is(err, store.ErrConflict):
		return cardCode{http.StatusConflict, http.StatusConflict, "این واریز پیش‌تر تعیین تکلیف شده است."}
	case err != nil:
		return err
	}
	return cardOK(c, http.StatusOK, "ثبت شد.")
}

const (
	maxPerson    = 100 // characters
	maxReference = 100
)

func readResolution(c *fiber.Ctx) (store.DepositResolution, error) {
	var r store.DepositResolution
	var err error
	if r.DepositID, err = strconv.ParseInt(c.Params("id"), 10, 64); err != nil || r.DepositID < 1 {
		return r, codeNoDeposit
	}
	f, err := readFields(c)
	if err != nil {
		return r, err
	}
	action, actionErr := f.text("action", 20)
	by, byErr := f.text("by", maxPerson)
	why, whyErr := f.text("reason", maxReason)
	reference, referenceErr := f.text("reference", maxReference)
	if err := firstError(actionErr, byErr, whyErr, referenceErr); err != nil {
		return r, err
	}
	r.As, r.By, r.Why, r.Reference = depositActions[action], strings.TrimSpace(by), strings.TrimSpace(why), maskCards(reference)
	switch {
	case r.As == "":
		return r, invalid("action", "unknown", "The action is assign, refund or ignore")
	case r.By == "":
		return r, invalid("by", "required", "Say who decides")
	case r.Why == "":
		return r, invalid("reason", "required", "Say why")
	}
	r.By, r.Why = maskCards(r.By), maskCards(r.Why)
	if r.As == state.DepositAssigned {
		if r.PayID, err = f.whole("pay_id"); err != nil {
			return r, err
		}
	}
	return r, nil
}

// depositsPage is the operators' list; it asks for a key and calls the endpoints above.
func (a *API) depositsPage(c *fiber.Ctx) error {
	return a.render(c, http.StatusOK, pages.Deposits{}, nil)
}
