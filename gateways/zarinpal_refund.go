package gateways

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/paysaga/paysaga/money"
)

// ZarinPal's refunds are in its GraphQL API, which knows payments by an id of its own. Nothing there makes a
// mutation safe to repeat, so each refund begins with looking whether it has been done.

// zarinpalLeast is the smallest refund, in rial.
const zarinpalLeast money.Rial = 20_000

const zarinpalSessions = `query Sessions($terminal_id: ID!, $reference_id: String) {
  refunded: Session(terminal_id: $terminal_id, reference_id: $reference_id, filter: REFUNDED) { id amount }
  verified: Session(terminal_id: $terminal_id, reference_id: $reference_id, filter: VERIFIED) { id amount }
}`

const zarinpalAddRefund = `mutation AddRefund($session_id: ID!, $amount: BigInteger!, $description: String, $method: InstantPayoutActionTypeEnum, $reason: RefundReasonEnum) {
  resource: AddRefund(session_id: $session_id, amount: $amount, description: $description, method: $method, reason: $reason) { id }
}`

type zarinpalSession struct {
	ID     word   `json:"id"`
	Amount number `json:"amount"`
}

// refund sends verified money back to the card's account with the next cycle of bank transfers.
func (g *zarinpal) refund(ctx context.Context, v Visit) (Undone, error) {
	const op = "refund"
	if v.Amount < zarinpalLeast {
		return "", &Refused{Op: op, Code: "amount", Why: fmt.Sprintf("the least refund is %d rial", zarinpalLeast)}
	}
	receipt, err := g.Verify(ctx, v) // it is verified: this only reads the reference
	if err != nil {
		return "", err
	}
	var found struct{ Refunded, Verified []zarinpalSession }
	err = g.graphQL(ctx, "sessions", true, zarinpalSessions, map[string]any{"terminal_id": g.terminal, "reference_id": receipt.RRN}, &found)
	switch {
	case err != nil:
		return "", err
	case receipt.RRN == "":
		return "", &Unknown{Op: op, Err: errors.New("the payment has no reference")}
	case zarinpalIsThis(found.Refunded, v):
		return Refunded, nil
	case !zarinpalIsThis(found.Verified, v):
		return "", &Refused{Op: op, Code: "session", Why: "the payment was not found; refund it in ZarinPal's panel"}
	}
	var added struct{ Resource zarinpalSession }
	err = g.graphQL(ctx, op, false, zarinpalAddRefund, map[string]any{
		"session_id": string(found.Verified[0].ID), "amount": v.Amount, "description": fmt.Sprint("Refund ", v.Invoice),
		"method": "PAYA", "reason": "CUSTOMER_REQUEST",
	}, &added)
	switch {
	case err != nil:
		return "", err
	case added.Resource.ID == "":
		return "", &Unknown{Op: op, Err: errors.New("the answer holds no refund")}
	}
	return Refunded, nil
}

// zarinpalIsThis says that a list holds one payment, of this amount.
func zarinpalIsThis(list []zarinpalSession, v Visit) bool {
	return len(list) == 1 && list[0].ID != "" && money.Rial(list[0].Amount) == v.Amount
}

// graphQL makes one call. Its errors are words without codes, so none of them is a final no.
func (g *zarinpal) graphQL(ctx context.Context, op string, readOnly bool, query string, variables map[string]any, data any) error {
	header := http.Header{"Authorization": {"Bearer " + g.token}}
	got, err := postJSON(ctx, g.client, op, readOnly, g.graph, header, map[string]any{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	var out struct {
		Data   json.RawMessage   `json:"data"`
		Errors []json.RawMessage `json:"errors"`
	}
	switch {
	case got.status == http.StatusUnauthorized, got.status == http.StatusForbidden:
		return &Unavailable{Op: op, Err: fmt.Errorf("the access token is not accepted (HTTP %d)", got.status)}
	case got.status != http.StatusOK, json.Unmarshal(got.body, &out) != nil:
		return &Unknown{Op: op, Err: fmt.Errorf("unclear answer: HTTP %d", got.status)}
	case len(out.Errors) > 0:
		return &Unknown{Op: op, Err: errors.New("answered with errors")}
	case json.Unmarshal(out.Data, data) != nil:
		return &Unknown{Op: op, Err: errors.New("the answer is not the bank's")}
	}
	return nil
}
