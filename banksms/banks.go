package banksms

import (
	"slices"
	"strings"
)

// Bank is a bank's slug: "saman", "mehr-iran".
type Bank string

// The banks whose messages are known.
const (
	Ansar             Bank = "ansar"
	Ayandeh           Bank = "ayandeh"
	Blu               Bank = "blu"
	Day               Bank = "day"
	EghtesadNovin     Bank = "eghtesad-novin"
	ExportDevelopment Bank = "export-development"
	Gardeshgari       Bank = "gardeshgari"
	Ghavamin          Bank = "ghavamin"
	Hekmat            Bank = "hekmat"
	IndustryMine      Bank = "industry-mine"
	IranVenezuela     Bank = "iran-venezuela"
	IranZamin         Bank = "iran-zamin"
	Karafarin         Bank = "karafarin"
	Keshavarzi        Bank = "keshavarzi"
	Khavarmianeh      Bank = "khavarmianeh"
	Kosar             Bank = "kosar"
	Maskan            Bank = "maskan"
	MehrEghtesad      Bank = "mehr-eghtesad"
	MehrIran          Bank = "mehr-iran"
	Melal             Bank = "melal"
	Mellat            Bank = "mellat"
	Melli             Bank = "melli"
	Noor              Bank = "noor"
	Parsian           Bank = "parsian"
	Pasargad          Bank = "pasargad"
	PostBank          Bank = "post-bank"
	Refah             Bank = "refah"
	Resalat           Bank = "resalat"
	Saderat           Bank = "saderat"
	Saman             Bank = "saman"
	Sarmayeh          Bank = "sarmayeh"
	Sepah             Bank = "sepah"
	Shahr             Bank = "shahr"
	Sina              Bank = "sina"
	Tejarat           Bank = "tejarat"
	ToseeTaavon       Bank = "tosee-taavon"
)

type names struct {
	english, persian string
	also             []string // other names people write
}

// bankNames also holds banks known by their cards only.
var bankNames = map[Bank]names{
	Ayandeh:           {"Ayandeh", "بانک آینده", nil},
	Blu:               {"Blu", "بلوبانک", []string{"blubank", "بلو", "بلو بانک"}},
	Day:               {"Day", "بانک دی", nil},
	EghtesadNovin:     {"Eghtesad Novin", "بانک اقتصاد نوین", []string{"ENBank"}},
	Gardeshgari:       {"Gardeshgari", "بانک گردشگری", []string{"Tourism"}},
	IranZamin:         {"Iran Zamin", "بانک ایران زمین", nil},
	Karafarin:         {"Karafarin", "بانک کارآفرین", nil},
	Keshavarzi:        {"Keshavarzi", "بانک کشاورزی", []string{"bki"}},
	Khavarmianeh:      {"Khavarmianeh / Bankino", "بانک خاورمیانه", []string{"Khavarmianeh", "Bankino", "Middle East", "بانکینو"}},
	Maskan:            {"Maskan", "بانک مسکن", nil},
	MehrIran:          {"Mehr Iran (Gharzolhasaneh)", "بانک قرض‌الحسنه مهر ایران", []string{"Mehr Iran", "Mehr", "مهر ایران"}},
	Mellat:            {"Mellat", "بانک ملت", nil},
	Melli:             {"Melli", "بانک ملی ایران", []string{"BMI", "ملی", "بانک ملی"}},
	Parsian:           {"Parsian", "بانک پارسیان", nil},
	Pasargad:          {"Pasargad", "بانک پاسارگاد", []string{"Wepod"}},
	PostBank:          {"Post Bank", "پست بانک ایران", []string{"Post", "پست بانک"}},
	Refah:             {"Refah", "بانک رفاه کارگران", []string{"Refah Kargaran", "رفاه", "بانک رفاه"}},
	Resalat:           {"Resalat", "بانک قرض‌الحسنه رسالت", []string{"رسالت"}},
	Saderat:           {"Saderat", "بانک صادرات ایران", []string{"صادرات", "بانک صادرات"}},
	Saman:             {"Saman", "بانک سامان", nil},
	Sepah:             {"Sepah", "بانک سپه", nil},
	Shahr:             {"Shahr", "بانک شهر", []string{"City"}},
	Sina:              {"Sina", "بانک سینا", nil},
	Tejarat:           {"Tejarat", "بانک تجارت", nil},
	Ansar:             {"Ansar", "بانک انصار", nil},
	"central":         {"Central Bank", "بانک مرکزی", nil},
	ExportDevelopment: {"Export Development (EDBI)", "بانک توسعه صادرات", []string{"EDBI", "Export Development"}},
	Ghavamin:          {"Ghavamin", "بانک قوامین", nil},
	Hekmat:            {"Hekmat Iranian", "بانک حکمت ایرانیان", []string{"Hekmat"}},
	IndustryMine:      {"Industry and Mine", "بانک صنعت و معدن", nil},
	IranVenezuela:     {"Iran-Venezuela Bi-National", "بانک مشترک ایران و ونزوئلا", nil},
	Kosar:             {"Kosar", "موسسه کوثر", nil},
	MehrEghtesad:      {"Mehr Eghtesad", "بانک مهر اقتصاد", nil},
	Melal:             {"Melal", "موسسه اعتباری ملل", nil},
	Noor:              {"Noor", "موسسه اعتباری نور", nil},
	Sarmayeh:          {"Sarmayeh", "بانک سرمایه", nil},
	"tosee":           {"Tose'e credit institution", "موسسه اعتباری توسعه", nil},
	ToseeTaavon:       {"Tose'e Ta'avon", "بانک توسعه تعاون", nil},
}

// English is the bank's English name, "Saman"; empty for an unknown bank.
func (b Bank) English() string { return bankNames[b].english }

// Persian is the bank's name as a payer reads it, «بانک سامان»; empty for an unknown bank.
func (b Bank) Persian() string { return bankNames[b].persian }

// ShowsPayerCard says whether the bank's deposit messages print the card the money came from. Only then is it
// safe to ask a payer for the card.
func (b Bank) ShowsPayerCard() bool { return b == Parsian }

// Banks lists all known banks in alphabetical order.
func Banks() []Bank {
	list := make([]Bank, 0, len(bankNames))
	for b := range bankNames {
		list = append(list, b)
	}
	slices.Sort(list)
	return list
}

// BankNamed finds a bank by its slug, English name or Persian name. Case, spaces and punctuation do not matter,
// nor does the word "bank".
func BankNamed(text string) (Bank, bool) {
	key := nameKey(text)
	if key == "" {
		return "", false
	}
	for b, n := range bankNames {
		if key == nameKey(string(b)) || key == nameKey(n.english) || key == nameKey(n.persian) {
			return b, true
		}
		for _, name := range n.also {
			if key == nameKey(name) {
				return b, true
			}
		}
	}
	return "", false
}

func nameKey(text string) string {
	key := strings.ToLower(lettersAndDigits(normalise(text)))
	for _, word := range [...]string{"bank", "بانک"} {
		if rest := strings.TrimPrefix(key, word); rest != "" {
			key = rest
		}
		if rest := strings.TrimSuffix(key, word); rest != "" {
			key = rest
		}
	}
	return key
}
