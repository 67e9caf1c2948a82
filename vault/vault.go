// Package vault seals card numbers. The whole number never leaves it except to be opened on purpose.
package vault

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/google/uuid"

	"github.com/paysaga/paysaga/keys"
	"github.com/paysaga/paysaga/money"
)

// ErrNotCard means that a text is not a card number.
var ErrNotCard = errors.New("not a card number")

// PAN is a whole card number. It shows itself masked wherever it is printed.
type PAN string

// ParsePAN reads 16 digits, Latin or Persian, with or without separators, and checks Luhn's digit.
func ParsePAN(text string) (PAN, error) {
	digits := strings.NewReplacer(" ", "", "-", "").Replace(money.LatinDigits(text))
	if len(digits) != 16 || strings.Trim(digits, "0123456789") != "" || !money.Luhn(digits) {
		return "", ErrNotCard
	}
	return PAN(digits), nil
}

// Bin is the first six digits, Last4 the last four: what may be shown.
func (p PAN) Bin() string   { return string(p[:6]) }
func (p PAN) Last4() string { return string(p[12:]) }

func (p PAN) String() string {
	if len(p) != 16 {
		return "[card]"
	}
	return p.Bin() + "******" + p.Last4()
}
func (p PAN) GoString() string             { return p.String() }
func (p PAN) LogValue() slog.Value         { return slog.StringValue(p.String()) }
func (p PAN) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Sealed is a card as it is stored.
type Sealed struct {
	ID     uuid.UUID
	KeyID  string
	Sealed []byte
	Hash   []byte // keyed: an unkeyed hash of a card number is found again in a second
	Bin    string
	Last4  string
}

// Vault seals and opens cards.
type Vault struct{ ring *keys.Ring }

// New makes a vault from PAYSAGA_VAULT_KEYS.
func New(text string) (*Vault, error) {
	ring, err := keys.Parse(text, "vault")
	if err != nil {
		return nil, err
	}
	return &Vault{ring}, nil
}

// Seal encrypts a card for one merchant; another merchant's row cannot be opened with it.
func (v *Vault) Seal(merchantID int64, card PAN) (Sealed, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Sealed{}, fmt.Errorf("card id: %w", err)
	}
	keyID, sealed := v.ring.Seal([]byte(card), bound(merchantID, id))
	return Sealed{ID: id, KeyID: keyID, Sealed: sealed, Hash: v.Hash(card), Bin: card.Bin(), Last4: card.Last4()}, nil
}

// Open decrypts a merchant's card.
func (v *Vault) Open(merchantID int64, s Sealed) (PAN, error) {
	plain, err := v.ring.Open(s.KeyID, s.Sealed, bound(merchantID, s.ID))
	if err != nil {
		return "", fmt.Errorf("open card: %w", err)
	}
	return PAN(plain), nil
}

// Text is an encrypted text: an SMS as it came in, the secret of a phone, a merchant's credentials at a bank.
type Text struct {
	KeyID  string `bun:"key_id"`
	Sealed []byte `bun:"sealed"`
}

// What texts are sealed for.
const (
	SMSText      = "sms"
	DeviceSecret = "device secret"
	// EndpointSecret signs what is told to a merchant's URL.
	EndpointSecret = "webhook endpoint"
	// PayoutDestination is the card or account that a payout goes to.
	PayoutDestination = "payout destination"
	// GatewayAccount is followed by the gateway's name: an account at one bank must not open as one at another.
	GatewayAccount = "gateway account "
)

// SealText encrypts a text for one merchant and one purpose.
func (v *Vault) SealText(merchantID int64, purpose, text string) Text {
	keyID, sealed := v.ring.Seal([]byte(text), fmt.Appendf(nil, "%d|%s", merchantID, purpose))
	return Text{KeyID: keyID, Sealed: sealed}
}

// OpenText decrypts a text.
func (v *Vault) OpenText(merchantID int64, purpose string, t Text) (string, error) {
	plain, err := v.ring.Open(t.KeyID, t.Sealed, fmt.Appendf(nil, "%d|%s", merchantID, purpose))
	if err != nil {
		return "", fmt.Errorf("open %s: %w", purpose, err)
	}
	return string(plain), nil
}

// Hash finds equal cards without opening them.
func (v *Vault) Hash(card PAN) []byte { return v.ring.Hash([]byte(card)) }

// Fingerprint tells equal texts without keeping them; it is keyed, because texts of banks are easily guessed.
func (v *Vault) Fingerprint(text string) [32]byte { return [32]byte(v.ring.Hash([]byte(text))) }

func bound(merchantID int64, id uuid.UUID) []byte {
	return fmt.Appendf(nil, "%d|%s", merchantID, id)
}
