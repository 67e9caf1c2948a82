package api

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/store"
)

// What can be bought, and the balance it is bought from.

const (
	mostProducts = 500
	maxSearch    = 100
)

func (a *API) topUpRoutes() {
	group := a.app.Group("/api")
	group.Post("/top-up", a.authenticate, a.topUp)
	group.Get("/top-up/:code", a.authenticate, a.followTopUp)
	group.Get("/product", a.authenticate, a.listProducts)
	group.Get("/product/:id", a.authenticate, a.getProduct)
	group.Get("/filter", a.authenticate, a.listProducts)
	group.Get("/balance", a.authenticate, a.getBalance)
	group.Get("/balance/statement", a.authenticate, a.getStatement)
}

// listProducts serves product and filter: without filters, everything.
func (a *API) listProducts(c *fiber.Ctx) error {
	f := store.ProductFilter{Type: c.Query("type"), SimCardType: c.Query("sim_card_type"), Text: c.Query("q"), Size: mostProducts}
	bad := fieldErrors{}
	number := func(name string, least, most int64) (n int64) {
		if text := c.Query(name); text != "" {
			var err error
			if n, err = strconv.ParseInt(money.LatinDigits(text), 10, 64); err != nil || n < least || n > most {
				bad.add(name, "The "+name+" must be a number.")
			}
		}
		return n
	}
	operator, after := number("operator_id", 1, math.MaxInt32), number("after", 0, math.MaxInt64)
	for name, text := range map[string]string{"type": f.Type, "q": f.Text} {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || len([]rune(text)) > maxSearch {
			bad.add(name, "The "+name+" is too long, or not a text.")
		}
	}
	if f.SimCardType != "" && f.SimCardType != "credit" && f.SimCardType != "permanent" {
		bad.add("sim_card_type", "The sim card type is credit or permanent.")
	}
	if len(bad) > 0 {
		return bad
	}
	f.OperatorID, f.After = int(operator), after
	ctx, cancel := requestContext(c)
	defer cancel()
	rows, err := a.Store.Products(ctx, f)
	if err != nil {
		return err
	}
	list := make([]contracts.Product, len(rows))
	for i, p := range rows {
		list[i] = product(p)
	}
	return c.JSON(list)
}

func (a *API) getProduct(c *fiber.Ctx) error {
	id, err := strconv.ParseInt(c.Params("id"), 10, 64)
	if err != nil {
		return store.ErrNotFound
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	p, err := a.Store.Product(ctx, id)
	if err != nil {
		return err
	}
	return c.JSON(product(p))
}

func product(p store.Product) contracts.Product {
	out := contracts.Product{
		ID: p.ID, Name: p.Name, NameEn: p.NameEn, Description: p.Description, DescriptionFull: p.DescriptionFull,
		Price: int64(p.Price), SecondPrice: (*int64)(p.SecondPrice), Type: p.Type, SimCardType: p.SimCardType, OperatorID: p.OperatorID,
		Capacity: p.Capacity, Period: p.Period, Order: p.Sort, CreatedAt: tehranTimeOrNull(p.CreatedAt), UpdatedAt: tehranTimeOrNull(p.UpdatedAt), Categories: []string{},
	}
	if p.Active {
		out.Status = 1
	}
	if p.ProfileID != "" {
		out.ProfileID = &p.ProfileID
	}
	return out
}

func (a *API) getBalance(c *fiber.Ctx) error {
	ctx, cancel := requestContext(c)
	defer cancel()
	b, err := a.Store.Balance(ctx, principal(c).Merchant.ID)
	if err != nil {
		return err
	}
	return c.JSON(contracts.TopUpBalance{Balance: int64(b.Available), Held: int64(b.Held), Statement: "/api/balance/statement"})
}

func (a *API) getStatement(c *fiber.Ctx) error {
	before := int64(0)
	if text := c.Query("before"); text != "" {
		var err error
		if before, err = strconv.ParseInt(text, 10, 64); err != nil || before < 1 {
			return fieldErrors{"before": {"Send the value of next."}}
		}
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	rows, err := a.Store.Statement(ctx, principal(c).Merchant.ID, before, defaultSize+1) // one more tells whether there is a next page
	if err != nil {
		return err
	}
	next := ""
	if len(rows) > defaultSize {
		rows = rows[:defaultSize]
		next = strconv.FormatInt(rows[len(rows)-1].ID, 10)
	}
	out := contracts.TopUpStatement{Lines: make([]contracts.TopUpStatementLine, len(rows)), Next: next}
	for i, line := range rows {
		out.Lines[i] = contracts.TopUpStatementLine{Amount: int64(line.Amount), Ref: line.Ref, At: tehranTime(line.At)}
	}
	return c.Status(http.StatusOK).JSON(out)
}

// linkTopUp shows a saga's page in the Temporal UI to those who may look at it.
func (a *API) linkTopUp(c *fiber.Ctx, id int64) {
	if principal(c).Has(auth.ScopeOperator) {
		c.Set("X-Saga-Link", a.Sagas.TopUpLink(id))
	}
}
