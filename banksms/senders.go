package banksms

import (
	"regexp"
	"strings"
)

// knownSenders are the ids banks were seen to send from. There is no official list. Numbers stand here in their
// short form, lettered ids as printed.
var knownSenders = map[Bank][]string{
	Ayandeh:       {"AyandehBank", "700745"},
	Blu:           {"9999987641", "90000258", "300087641"},
	EghtesadNovin: {"ENBank"},
	Keshavarzi:    {"KESHAVARZI"},
	Khavarmianeh:  {"20004861", "20004860", "KH M BANK"},
	Maskan:        {"Bank Maskan"},
	MehrIran:      {"B.QMEHRIRAN"},
	Mellat:        {"Bank Mellat", "6104", "200033"},
	Melli:         {"Bank Melli", "700717", "6037", "300017", "30009417", "100041415001"},
	Parsian:       {"PARSIANBANK"},
	Pasargad:      {"B.Pasargad", "wepod"},
	Refah:         {"Refah Bank", "100031", "100032"},
	Resalat:       {"ResalatBank", "20004747"},
	Saderat:       {"BankSaderat", "700719", "30009419"},
	Saman:         {"9999920000", "20000", "6219"},
	Sepah:         {"BankSepah", "30001557", "671557"},
	Shahr:         {"Bank Shahr", "20003501", "20003502"},
	Tejarat:       {"TejaratBank"},
	ToseeTaavon:   {"TTBank"},
}

// bankOfSender holds every known sender by its key. A lettered id made of "bank" and the bank's English name counts
// too: only operators hand those out, and for several banks nobody has written down what they use.
var bankOfSender = func() map[string]Bank {
	known := map[string]Bank{}
	for b := range bankNames {
		known[senderKey("Bank "+strings.ReplaceAll(string(b), "-", " "))] = b
	}
	known[senderKey("Post Bank")] = PostBank
	for b, list := range knownSenders {
		for _, sender := range list {
			known[senderKey(sender)] = b
		}
	}
	return known
}()

type senderKind int

const (
	senderNone    senderKind = iota // nothing was given
	senderBank                      // a known sender of a bank
	senderPhone                     // somebody's mobile phone
	senderUnknown                   // anything else
)

var (
	senderDigits = regexp.MustCompile(`^\+?[\d ()-]+$`)
	mobileNumber = regexp.MustCompile(`^9\d{9}$`)
)

// identify tells which bank a sender id belongs to.
func identify(sender string) (Bank, senderKind) {
	key := senderKey(sender)
	if key == "" {
		if strings.TrimSpace(sender) == "" {
			return "", senderNone
		}
		return "", senderUnknown
	}
	if b, ok := bankOfSender[key]; ok {
		return b, senderBank
	}
	if mobileNumber.MatchString(key) {
		return "", senderPhone
	}
	return "", senderUnknown
}

// senderKey brings a sender id to one form. A number loses its country code and leading zeros. A lettered id loses
// case, spaces and punctuation, and the word "bank" moves to its end; it is never reduced to its digits.
func senderKey(sender string) string {
	id := strings.TrimSpace(normalise(sender))
	if senderDigits.MatchString(id) {
		return shortNumber(id)
	}
	key := strings.ToLower(lettersAndDigits(id))
	if rest, ok := strings.CutPrefix(key, "bank"); ok && rest != "" {
		key = rest + "bank"
	}
	return key
}

// shortNumber strips +, 00, 0 and 98, also a doubled 98, as long as a number remains.
func shortNumber(id string) string {
	const shortest = 4
	digits := lettersAndDigits(id)
	for {
		rest := strings.TrimLeft(digits, "0")
		if short, ok := strings.CutPrefix(rest, "98"); ok && len(short) >= shortest {
			rest = short
		}
		if rest == digits {
			return digits
		}
		digits = rest
	}
}
