package banksms

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/money"
)

var received = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) // 1405/09/01

type sample struct {
	ID      string      `json:"id"`
	Bank    string      `json:"bank"`
	Text    string      `json:"sms"`
	Amount  *money.Rial `json:"amount_rial"`
	Type    Type        `json:"type"`
	Account string      `json:"card_or_account"`
	Payer   string      `json:"payer_card"`
	Balance *money.Rial `json:"balance"`
	Sender  string      `json:"sender"`
	Note    string      `json:"note"`
}

// samples are messages gathered from public sources. They are not part of the repository, so this test runs only
// where they lie beside it.
func samples(t *testing.T) []sample {
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		data, err := os.ReadFile(filepath.Join(dir, "shared", "data", "sms_samples.json"))
		if err == nil {
			var list []sample
			require.NoError(t, json.Unmarshal(data, &list))
			return list
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Skip("no shared/data/sms_samples.json above the module")
		}
		dir = parent
	}
}

func TestSamplesReadRight(t *testing.T) {
	list := samples(t)
	require.GreaterOrEqual(t, len(list), 113)
	for _, s := range list {
		for _, sender := range []string{s.Sender, ""} {
			t.Run(s.ID+"/"+sender, func(t *testing.T) {
				r := Parse(sender, s.Text, received)
				require.Equal(t, s.Type, r.Type, "%+v", r)
				if s.Amount == nil {
					require.Zero(t, r.Amount)
				} else {
					require.Equal(t, *s.Amount, r.Amount)
				}
				require.Equal(t, s.Account, r.Account)
				require.Equal(t, s.Payer, r.PayerCard)
				require.Equal(t, s.Balance, r.Balance)
				if s.Type == Deposit && s.ID != "s054" {
					require.True(t, r.Settles, r.Reason)
					require.Equal(t, s.Bank, r.Bank.English())
				} else if s.Type != Deposit {
					require.False(t, r.Settles)
				}
			})
		}
	}
}

// Carriers, forwarders and telephones change how a text is written, never what it says.
func TestSamplesInAnotherDress(t *testing.T) {
	dress := map[string]func(string) string{
		"one line":        func(s string) string { return strings.Join(strings.Fields(s), " ") },
		"Windows":         func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"Persian digits":  money.PersianDigits,
		"Arabic digits":   func(s string) string { return digitsFrom(s, '٠') },
		"hard spaces":     func(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") },
		"Arabic letters":  strings.NewReplacer("ی", "ي", "ک", "ك").Replace,
		"Persian letters": strings.NewReplacer("ي", "ی", "ك", "ک").Replace,
		"more spaces":     strings.NewReplacer("\n", "  \n\n ", ":", " : ").Replace,
		"Persian commas":  func(s string) string { return thousands.ReplaceAllString(s, "$1٬$2") },
		"marks":           func(s string) string { return "\u200f" + strings.ReplaceAll(s, "\n", "\u200e\n\u200f") + "\u202c" },
	}
	for _, s := range samples(t) {
		plain := Parse(s.Sender, s.Text, received)
		for name, wear := range dress {
			t.Run(s.ID+"/"+name, func(t *testing.T) {
				text := wear(s.Text)
				if name == "more spaces" { // clocks keep their colons
					text = clockColon.ReplaceAllString(text, "$1:$2")
				}
				got := Parse(s.Sender, text, received)
				got.Normal, plain.Normal = "", ""
				if plain.Secret { // whose password it is matters little
					got.Bank, plain.Bank = "", ""
				}
				require.Equal(t, plain, got)
			})
		}
	}
}

var (
	thousands  = regexp.MustCompile(`(\d),(\d)`)
	clockColon = regexp.MustCompile(`(\p{Nd}) : (\p{Nd})`)
)

func digitsFrom(text string, zero rune) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return zero + c - '0'
		}
		return c
	}, text)
}
