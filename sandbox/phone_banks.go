package sandbox

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/paysaga/paysaga/money"
)

// smsBank is a bank as the phone knows it: who its text messages come from and how they look.
type smsBank struct {
	slug    string
	title   string
	sender  string   // one of the ids it sends from
	bins    []string // first digits of its cards
	account string   // the shape of its accounts in messages, # = a digit; accountTail, accountNone
	compose func(m sms) string
	payer   bool // its layout has a place for the payer's card
}

const (
	accountTail = "tail" // messages name the last four digits of the card
	accountNone = ""     // messages name no account
)

// smsBanks are in the order in which the page offers them.
var smsBanks = []smsBank{
	{"saman", "سامان", "+989999920000", []string{"621986"}, "8##-###-#######-1", saman, false},
	{"mellat", "ملت", "Bank Mellat", []string{"610433", "991975"}, "4#########", mellat, false},
	{"melli", "ملی", "Bank Melli", []string{"603799", "170019"}, "#####", melli, false},
	{"tejarat", "تجارت", "TejaratBank", []string{"627353", "585983"}, "01###########", tejarat, false},
	{"saderat", "صادرات", "BankSaderat", []string{"603769", "903769"}, "#####", saderat, false},
	{"parsian", "پارسیان", "PARSIANBANK", []string{"622106", "627884", "639194"}, "301###########", parsian, true},
	{"blu", "بلو", "+989999987641", []string{"62198618", "62198619"}, accountNone, blu, false},
	{"pasargad", "پاسارگاد", "B.Pasargad", []string{"502229", "639347"}, "2##.8##.########.1", pasargad, false},
	{"resalat", "رسالت", "ResalatBank", []string{"504172"}, "10.########.1", resalat, false},
	{"refah", "رفاه", "Refah Bank", []string{"589463"}, "2########", refah, false},
	{"sepah", "سپه", "BankSepah", []string{"589210", "604932"}, "4##########", sepah, false},
	{"keshavarzi", "کشاورزی", "KESHAVARZI", []string{"603770", "639217"}, accountTail, keshavarzi, false},
	{"maskan", "مسکن", "Bank Maskan", []string{"628023"}, "31##########", maskan, false},
	{"shahr", "شهر", "Bank Shahr", []string{"502806", "504706"}, "9############", shahr, false},
	{"gardeshgari", "گردشگری", "Bank Gardeshgari", []string{"505416", "505426"}, "110.####.#######.1", gardeshgari, false},
	{"mehr-iran", "مهر ایران", "B.QMEHRIRAN", []string{"606373"}, "300#########", mehrIran, false},
	{"post-bank", "پست بانک", "Post Bank", []string{"627760"}, accountTail, postBank, false},
	{"khavarmianeh", "خاورمیانه", "KH M BANK", []string{"585947", "505809", "585949"}, "0##/#########", khavarmianeh, true},
	{"eghtesad-novin", "اقتصاد نوین", "ENBank", []string{"627412"}, "1##-###-#######-1", eghtesadNovin, false},
	{"ayandeh", "آینده", "AyandehBank", []string{"636214"}, "02########", ayandeh, false},
}

func findSMSBank(slug string) (*smsBank, bool) {
	slug = strings.ToLower(strings.TrimSpace(slug))
	i := slices.IndexFunc(smsBanks, func(b smsBank) bool { return b.slug == slug })
	if i < 0 {
		return nil, false
	}
	return &smsBanks[i], true
}

// smsBankOfCard names the bank that a card's first digits belong to; the longest match wins.
func smsBankOfCard(card string) (*smsBank, bool) {
	var found *smsBank
	length := 0
	for i := range smsBanks {
		for _, bin := range smsBanks[i].bins {
			if len(bin) > length && strings.HasPrefix(card, bin) {
				found, length = &smsBanks[i], len(bin)
			}
		}
	}
	return found, found != nil
}

func smsBankSlugs() string {
	var slugs []string
	for _, b := range smsBanks {
		slugs = append(slugs, b.slug)
	}
	return strings.Join(slugs, ", ")
}

// accountOf invents the account behind a card, always the same one. Its digits come from a hash: they
// must not give away the card's.
func (b *smsBank) accountOf(card string) string {
	switch b.account {
	case accountTail:
		return card[len(card)-4:]
	case accountNone:
		return ""
	}
	sum := sha256.Sum256([]byte(b.slug + card))
	account := []byte(b.account)
	for i, c := range account {
		if c == '#' {
			account[i] = '0' + sum[i%len(sum)]%10
		}
	}
	return string(account)
}

// openingBalance is what an account holds before the phone first moves money on it: whole tomans.
func openingBalance(key string) money.Rial {
	sum := sha256.Sum256([]byte(key))
	return 20_000_000 + money.Rial(uint32(sum[0])<<16|uint32(sum[1])<<8|uint32(sum[2]))*10
}

// readCard reads a card number of 16 digits; Persian digits and separators are fine.
func readCard(text string) (string, error) {
	card := strings.NewReplacer(" ", "", "-", "", "_", "", ".", "", "\u200e", "").Replace(money.LatinDigits(text))
	if len(card) != 16 || strings.Trim(card, "0123456789") != "" {
		return "", fmt.Errorf("must be a card number of 16 digits")
	}
	sum := 0
	for i, c := range card {
		digit := int(c - '0')
		if i%2 == 0 {
			if digit *= 2; digit > 9 {
				digit -= 9
			}
		}
		sum += digit
	}
	if sum%10 != 0 {
		return "", fmt.Errorf("its check digit is wrong")
	}
	return card, nil
}

func maskCard(card string) string { return card[:6] + "******" + card[12:] }
