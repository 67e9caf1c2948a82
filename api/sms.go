package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/api/forwarders"
	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/banksms"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// Bank SMS on their way in: POST /api/sms.

const (
	phoneKey = "phone"
	// signatureLife is how old a phone's signature may be: it is a phone, so its clock may be off.
	signatureLife = 15 * time.Minute
)

var deviceID = regexp.MustCompile(`^[a-z0-9]{6,40}$`)

// phone is who forwards: a device, or whoever holds a key.
type phone struct {
	merchant store.Merchant
	source   string
}

// authenticatePhone lets in a signed device, or a key that may send SMS.
func (a *API) authenticatePhone(c *fiber.Ctx) error {
	if device := cmp.Or(c.Get("X-Device"), c.Query("device")); device != "" {
		return a.authenticateDevice(c, device)
	}
	p, err := a.cardKey(c)
	if err != nil {
		return err
	}
	if !p.Has(auth.ScopeSMS) && !p.Has(auth.ScopeMerchant) {
		return auth.ErrUnauthorized
	}
	c.Locals(phoneKey, phone{merchant: p.Merchant, source: "key/" + strconv.FormatInt(p.KeyID, 10)})
	return c.Next()
}

func (a *API) authenticateDevice(c *fiber.Ctx, id string) error {
	wrong := func() error { return cmp.Or(a.limits.wrong.take(clientIP(c)), error(auth.ErrUnauthorized)) }
	ctx, cancel := requestContext(c)
	defer cancel()
	if !deviceID.MatchString(id) {
		return wrong()
	}
	d, err := a.Store.Device(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return wrong()
	}
	if err != nil {
		return err
	}
	secret, err := a.Vault.OpenText(d.Merchant.ID, vault.DeviceSecret, d.Secret)
	if err != nil {
		return err
	}
	err = forwarders.Verify(secret, c.Body(), c.Get("X-Timestamp"), c.Get("X-Signature"), time.Now(), signatureLife)
	if err != nil {
		a.Log.Warn("signature of a phone refused", "device", d.ID, "error", err, "request_id", requestID(c))
		return wrong()
	}
	if err := a.limits.phones.take(d.ID); err != nil {
		return err
	}
	c.Locals(phoneKey, phone{merchant: d.Merchant, source: "device/" + d.ID})
	return c.Next()
}

// receiveSMS takes one message or a batch. A bad one among them does not hold up the others.
func (a *API) receiveSMS(c *fiber.Ctx) error {
	messages, err := forwarders.Read(c.Get(fiber.HeaderContentType), c.Body())
	if err != nil {
		return &problem{status: http.StatusUnprocessableEntity, code: "sms", message: err.Error()}
	}
	from, _ := c.Locals(phoneKey).(phone)
	ctx, cancel := requestContext(c)
	defer cancel()
	out := contracts.CardSMS{
		CardAnswer: contracts.CardAnswer{Status: true, Code: http.StatusOK, Msg: "پیامک دریافت شد."},
		Messages:   make([]contracts.CardSMSResult, len(messages)),
	}
	invalid := 0
	for i, m := range messages {
		if out.Messages[i], err = a.takeSMS(ctx, from, m); err != nil {
			return err // the phone sends all again; what is here already is recognised
		}
		if m.Problem != "" {
			invalid++
		}
	}
	if invalid > 0 && invalid == len(messages) { // so that an app's test button shows a wrong template
		return &problem{status: http.StatusUnprocessableEntity, code: "sms", message: messages[0].Problem}
	}
	return c.JSON(out)
}

// takeSMS reads a message and records what it says. One-time passwords go no further.
func (a *API) takeSMS(ctx context.Context, from phone, m forwarders.Message) (contracts.CardSMSResult, error) {
	if m.Problem != "" {
		return contracts.CardSMSResult{Result: "invalid", Msg: m.Problem}, nil
	}
	if now := time.Now(); m.ReceivedAt.IsZero() || m.ReceivedAt.After(now) {
		m.ReceivedAt = now
	}
	read := banksms.Parse(m.Sender, m.Text, m.ReceivedAt)
	if read.Secret {
		return contracts.CardSMSResult{Result: "secret"}, nil
	}
	in, err := a.smsOf(from, m, read)
	if err != nil {
		return contracts.CardSMSResult{}, err
	}
	done, err := a.Store.RecordSMS(ctx, in)
	if err != nil {
		return contracts.CardSMSResult{}, err
	}
	result := contracts.CardSMSResult{PayID: done.PayID, DepositID: done.DepositID, Result: "stored"}
	switch {
	case done.Repeated:
		result.Result = "duplicate"
	case done.PayID != 0:
		result.Result = "paid"
	case done.DepositID != 0:
		result.Result = "queued"
	}
	return result, nil
}

// smsOf is a message as it is stored: its text encrypted, its figures in the open.
func (a *API) smsOf(from phone, m forwarders.Message, read banksms.Reading) (store.SMS, error) {
	if m.Sender == "" && read.Settles { // the sender is the gate
		read.Settles, read.Reason = false, banksms.ReasonSender
	}
	facts := factsOf(m, read)
	in := store.SMS{
		Merchant: from.merchant, Source: from.source, MessageID: m.MessageID,
		// What may not settle is never the same as what may: a spoof that comes first must not swallow the bank's own.
		Content: a.Vault.Fingerprint(facts + "\x00" + read.Reason), Facts: a.Vault.Fingerprint(facts),
		Sender: maskCards(m.Sender), Text: a.Vault.SealText(from.merchant.ID, vault.SMSText, m.Text),
		Bank: string(read.Bank), Kind: string(read.Type), Reason: read.Reason, ReceivedAt: m.ReceivedAt,
	}
	if read.Type != banksms.Deposit || read.Amount <= 0 {
		return in, nil
	}
	seen := &store.SeenDeposit{
		Account: shownAccount(read.Account), Amount: read.Amount, Balance: read.Balance, Settles: read.Settles, PayerMask: shownCard(read.PayerCard),
	}
	seen.From, seen.To = windowOf(read, m.ReceivedAt, from.merchant.SMSDelay.Duration())
	if card, err := vault.ParsePAN(read.PayerCard); err == nil {
		sealed, err := a.Vault.Seal(from.merchant.ID, card)
		if err != nil {
			return in, err
		}
		seen.PayerCard = &sealed
	}
	in.Deposit = seen
	return in, nil
}

// windowOf is when the money arrived, as exactly as the message says. Banks print minutes; without a time
// it was some time of the day, without a date some time before the message came.
func windowOf(read banksms.Reading, received time.Time, delay time.Duration) (from, to time.Time) {
	switch {
	case read.HasTime:
		return read.At, read.At.Add(time.Minute)
	case read.HasDate:
		return read.At, read.At.Add(24 * time.Hour)
	}
	return received.Add(-delay), received
}

// factsOf is what makes two messages the same, whoever sent them: a deposit's or withdrawal's account, amount,
// printed time and balance, anything else's text. A bank that prints neither time nor balance says the same of
// two deposits; then the moment of receipt tells them apart.
func factsOf(m forwarders.Message, read banksms.Reading) string {
	if read.Type == banksms.Other || read.Amount == 0 {
		return "text\x00" + read.Normal
	}
	balance, at := "", ""
	if read.Balance != nil {
		balance = strconv.FormatInt(int64(*read.Balance), 10)
	}
	if read.HasDate || read.HasTime {
		at = read.At.UTC().Format(time.RFC3339)
	}
	if balance == "" && !read.HasTime {
		at += "/" + m.ReceivedAt.UTC().Truncate(time.Minute).Format(time.RFC3339)
	}
	return fmt.Sprintf("%s\x00%s\x00%s\x00%d\x00%s\x00%s", read.Type, read.Bank, read.Account, read.Amount, balance, at)
}

// shownCard masks a payer's card, also one with a wrong check digit: what banks print need not be right.
func shownCard(printed string) string {
	if len(printed) == 16 {
		return vault.PAN(printed).String()
	}
	return printed
}

// shownAccount is an account as it is stored. Of a whole card of ours the end is kept, which tells it as well.
func shownAccount(printed string) string {
	card, err := vault.ParsePAN(printed)
	if err != nil {
		return printed
	}
	return strings.Repeat("*", 12) + card.Last4()
}

func (a *API) listUnread(c *fiber.Ctx) error {
	ctx, cancel := requestContext(c)
	defer cancel()
	rows, err := a.Store.UnreadSMS(ctx, a.whose(c), maxSize)
	if err != nil {
		return err
	}
	out := contracts.CardUnread{Status: true, Code: http.StatusOK, Messages: make([]contracts.CardUnreadMessage, len(rows))}
	for i, m := range rows {
		plain, err := a.Vault.OpenText(m.MerchantID, vault.SMSText, m.Text)
		if err != nil {
			return err
		}
		out.Messages[i] = contracts.CardUnreadMessage{
			ID: m.ID, Merchant: m.Merchant, Sender: m.Sender, Bank: m.Bank, Reason: m.Reason,
			Text: maskCards(plain), ReceivedAt: tehranTime(m.ReceivedAt),
		}
	}
	return c.JSON(out)
}
