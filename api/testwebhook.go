package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/paysaga/paysaga/outbound"
	"github.com/paysaga/paysaga/payload"
	"github.com/paysaga/paysaga/services"
	"github.com/paysaga/paysaga/sign"
	"github.com/paysaga/paysaga/store"
)

// Contract: testing webhooks, /v1/test-webhook. One webhook is delivered as it would be in earnest, and nothing is stored.

const (
	minTestURL  = 6 // characters; narrower than elsewhere
	maxTestURL  = 150
	maxTestID   = 32
	maxTestText = 1000
	// defaultTestWait is how long a receiver may take. Its caller waits, so it is shorter than in earnest.
	defaultTestWait = 5 * time.Second
	// webhookAnswer is a header of ours: what the receiver said.
	webhookAnswer = "X-Webhook-Answer"
)

// testRequest is what a test is asked for.
type testRequest struct {
	kind     payload.Kind
	url      string
	uuid     string
	orderID  string
	status   payload.Status
	pair     services.Pair
	existing *store.Record // nil: an invented one
}

func (a *API) testWebhook(kind payload.Kind) fiber.Handler {
	return func(c *fiber.Ctx) error {
		merchant := principal(c).Merchant
		if err := a.limits.tests.take(merchant.ID); err != nil {
			return err
		}
		in, err := a.readTest(c, kind)
		if err != nil {
			return err
		}
		ctx, cancel := requestContext(c)
		defer cancel()
		if err := a.findTested(ctx, merchant.ID, &in); err != nil {
			return err
		}
		body, err := a.testBody(ctx, merchant.ID, in)
		if err != nil {
			return err
		}
		answer, err := a.deliverTest(ctx, in.url, body)
		if err != nil {
			return err
		}
		a.Log.Info("test webhook", "merchant", merchant.PublicID, "kind", string(kind), "answer", answer, "request_id", requestID(c))
		c.Set(webhookAnswer, answer)
		return v1OK(c, nil)
	}
}

func (a *API) readTest(c *fiber.Ctx, kind payload.Kind) (testRequest, error) {
	in := testRequest{kind: kind}
	f, err := readV1(c)
	if err != nil {
		return in, err
	}
	in.url = f.url("url_callback", f.required("url_callback", minTestURL, maxTestURL), a.Dev)
	currency := f.required("currency", 1, maxTestText)
	network := f.required("network", 1, maxTestText)
	in.uuid = f.uuid("uuid")
	in.orderID = f.alphaDash("order_id", 1, maxTestID)
	in.status = payload.Status(f.oneOf("status", string(payload.Paid), statusNames(kind)))
	if err := f.err(); err != nil {
		return in, err
	}
	in.pair, err = services.Find(kind, currency, network)
	if errors.Is(err, services.ErrUnknown) {
		if kind == payload.KindPayout {
			return in, v1Refusal("Payout service not found")
		}
		return in, v1Refusal("Payment service not found") // for wallets too: they have no message of their own
	}
	return in, err
}

func statusNames(kind payload.Kind) (names []string) {
	for _, s := range payload.TestStatuses(kind) {
		names = append(names, string(s))
	}
	return names
}

// findTested finds the record that is named, or invents one.
func (a *API) findTested(ctx context.Context, merchantID int64, in *testRequest) error {
	if in.uuid == "" && in.orderID == "" {
		in.uuid, in.orderID = uuid.NewString(), randomHex(16)
		return nil
	}
	find := map[payload.Kind]func(context.Context, int64, string, string) (store.Record, error){
		payload.KindPayment: a.Store.PaymentRecord, payload.KindWallet: a.Store.WalletRecord, payload.KindPayout: a.Store.PayoutRecord,
	}[in.kind]
	found, err := find(ctx, merchantID, in.uuid, in.orderID)
	if errors.Is(err, store.ErrNotFound) {
		return v1Refusal("Not found " + string(in.kind))
	}
	in.existing, in.uuid, in.orderID = &found, found.UUID, found.OrderID
	return err
}

// testBody is the signed body.
func (a *API) testBody(ctx context.Context, merchantID int64, in testRequest) ([]byte, error) {
	kind, fields := store.PaymentKey, in.payment().Fields
	if in.kind == payload.KindPayout {
		kind, fields = store.PayoutKey, in.payout().Fields
	}
	key, err := a.Store.SigningSecret(ctx, a.Vault, merchantID, kind)
	if errors.Is(err, store.ErrNotFound) {
		return nil, v1Refusal("The merchant has no " + string(kind) + " key to sign with")
	}
	if err != nil {
		return nil, err
	}
	body, err := sign.Body(key, fields()...)
	if err != nil {
		return nil, fmt.Errorf("test webhook: %w", err)
	}
	return body, nil
}

// amount is the record's where the test is in its currency, else an invented one.
func (in testRequest) amount() *big.Rat {
	switch {
	case in.pair.Currency != "IRR":
		return big.NewRat(15, 1)
	case in.existing != nil && in.existing.Amount > 0:
		return big.NewRat(int64(in.existing.Amount), 1)
	}
	return big.NewRat(150_000, 1)
}

func (in testRequest) payment() payload.Payment {
	amount, paid, commission := in.amount(), new(big.Rat), new(big.Rat)
	switch in.status {
	case payload.Paid, payload.RefundProcess, payload.RefundFail, payload.RefundPaid:
		paid.Set(amount)
	case payload.PaidOver:
		paid.Mul(amount, big.NewRat(3, 2))
	case payload.WrongAmount:
		paid.Mul(amount, big.NewRat(1, 2))
	}
	out := payload.Payment{
		Type: in.kind, UUID: in.uuid, OrderID: in.orderID, Status: in.status, IsFinal: in.status.Final(), Amount: decimal(amount),
		Network: in.pair.Network, Currency: in.pair.Currency, PayerCurrency: in.pair.Currency,
	}
	if paid.Sign() > 0 {
		commission = in.pair.Commission(paid)
		txID := randomHex(32)
		out.TxID = &txID
	}
	text := decimal(paid)
	out.PaymentAmount, out.PayerAmount = &text, &text
	out.Commission, out.MerchantAmount = decimal(commission), decimal(new(big.Rat).Sub(paid, commission))
	if in.kind == payload.KindWallet {
		out.WalletAddressUUID = &in.uuid
	}
	if in.existing != nil && in.existing.Data != "" {
		out.AdditionalData = &in.existing.Data
	}
	return out
}

func (in testRequest) payout() payload.Payout {
	amount := in.amount()
	commission := in.pair.Commission(amount)
	out := payload.Payout{
		UUID: in.uuid, OrderID: in.orderID, Status: in.status, IsFinal: in.status.Final(), Amount: decimal(amount),
		Commission: decimal(commission), MerchantAmount: decimal(new(big.Rat).Add(amount, commission)),
		Network: in.pair.Network, Currency: in.pair.Currency, PayerCurrency: in.pair.Currency, PayerAmount: decimal(amount),
	}
	if in.status == payload.Paid {
		txID := randomHex(32)
		out.TxID = &txID
	}
	return out
}

// deliverTest posts the body once and says what came of it: a status, "timeout" or "unreachable". Whether a receiver works is
// what the caller wants to know, not a mistake of the request; only a URL that we do not call is.
func (a *API) deliverTest(ctx context.Context, target string, body []byte) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, a.TestWait)
	defer cancel()
	answer, err := a.outbound.Post(ctx, target, http.Header{fiber.HeaderContentType: {fiber.MIMEApplicationJSON}}, body)
	switch {
	case errors.Is(err, outbound.ErrForbidden), errors.Is(err, outbound.ErrNotURL): // where its name leads
		return "", fieldErrors{"url_callback": {ruleURL}}
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout", nil
	case err != nil:
		return "unreachable", nil
	}
	return strconv.Itoa(answer.Status), nil
}

func decimal(n *big.Rat) string { return n.FloatString(amountDigits) }

func randomHex(bytes int) string {
	out := make([]byte, bytes)
	_, _ = rand.Read(out) // never fails
	return hex.EncodeToString(out)
}
