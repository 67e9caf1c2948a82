// Package workflows holds the sagas, one file each. A saga owns time and the outside world; facts
// are Postgres rows that it changes through activities.
package workflows

import "strconv"

// MaxIDLength bounds workflow ids, here and in the server's configuration: PostgreSQL keeps 255
// bytes, and ids of child runs need room.
const MaxIDLength = 200

// Registered names. They live in histories, so they never change; pinned by a test.
const (
	PaymentName  = "payment.v1"
	TransferName = "transfer.v1"
	DepositName  = "deposit.v1"
	TopUpName    = "topup.v1"
	PurchaseName = "purchase.v1"
	WebhookName  = "webhook.v1"
	PayoutName   = "payout.v1"
	WalletName   = "wallet.v1"

	CatalogueName = "catalogue.v1"
)

// Task queues.
const (
	SagaQueue    = "sagas"    // workflows and store activities
	GatewayQueue = "gateways" // durable calls to banks, rate-limited per bank
	WebhookQueue = "webhooks" // deliveries to merchants: slow receivers hold up nothing else
)

// PaymentID is the workflow id of a payment's saga.
func PaymentID(token string) string { return "payment/" + token }

// TransferID is the workflow id of a transfer's saga.
func TransferID(payID int64) string { return "transfer/" + strconv.FormatInt(payID, 10) }

// DepositID is the workflow id of the saga of a deposit without an owner.
func DepositID(id int64) string { return "deposit/" + strconv.FormatInt(id, 10) }

// TopUpID is the workflow id of a top-up's saga.
func TopUpID(id int64) string { return "topup/" + strconv.FormatInt(id, 10) }

// CatalogueID is the id of the schedule that refreshes a reseller's products.
func CatalogueID(provider string) string { return "catalogue/" + provider }

// PurchaseID is the workflow id of a purchase's saga.
func PurchaseID(id int64) string { return "purchase/" + strconv.FormatInt(id, 10) }

// WebhookID is the workflow id of the saga of one message to one endpoint.
func WebhookID(id int64) string { return "webhook/" + strconv.FormatInt(id, 10) }

// PayoutID is the workflow id of a payout's saga.
func PayoutID(uuid string) string { return "payout/" + uuid }

// WalletID is the workflow id of a static wallet's saga.
func WalletID(uuid string) string { return "wallet/" + uuid }
