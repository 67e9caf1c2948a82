package banksms

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSenders(t *testing.T) {
	for sender, want := range map[string]struct {
		bank Bank
		kind senderKind
	}{
		"":                  {"", senderNone},
		"  ":                {"", senderNone},
		"700717":            {Melli, senderBank},
		"+98700717":         {Melli, senderBank},
		"0098700717":        {Melli, senderBank},
		"98 700 717":        {Melli, senderBank},
		"۷۰۰۷۱۷":            {Melli, senderBank},
		"+9830009417":       {Melli, senderBank},
		"+989830009419":     {Saderat, senderBank},
		"98700719":          {Saderat, senderBank},
		"0999 998 7641":     {Blu, senderBank},
		"+989999987641":     {Blu, senderBank},
		"98300087641":       {Blu, senderBank},
		"+989999920000":     {Saman, senderBank},
		"9820000":           {Saman, senderBank},
		"20000":             {Saman, senderBank},
		"+98 20 0048 61":    {Khavarmianeh, senderBank},
		"+989820004860":     {Khavarmianeh, senderBank},
		"Bank Shahr":        {Shahr, senderBank},
		"BANK-SHAHR":        {Shahr, senderBank},
		"shahr bank":        {Shahr, senderBank},
		"sepah bank":        {Sepah, senderBank},
		"B.QMEHRIRAN":       {MehrIran, senderBank},
		"b.pasargad":        {Pasargad, senderBank},
		"KH M BANK":         {Khavarmianeh, senderBank},
		"Post Bank":         {PostBank, senderBank},
		"Bank Gardeshgari":  {Gardeshgari, senderBank},
		"EghtesadNovinBank": {EghtesadNovin, senderBank},
		"V.REFAH":           {"", senderUnknown},
		"Tel100031":         {"", senderUnknown},
		"10003":             {"", senderUnknown},
		"100031":            {Refah, senderBank},
		"1000311":           {"", senderUnknown},
		"Bank":              {"", senderUnknown},
		"...":               {"", senderUnknown},
		"09121234567":       {"", senderPhone},
		"+98 912 123 4567":  {"", senderPhone},
		"00989121234567":    {"", senderPhone},
		"۰۹۱۲۱۲۳۴۵۶۷":       {"", senderPhone},
	} {
		bank, kind := identify(sender)
		require.Equal(t, want.bank, bank, sender)
		require.Equal(t, want.kind, kind, sender)
	}
}

func TestBanksHaveNames(t *testing.T) {
	require.True(t, slices.IsSorted(Banks()))
	for _, b := range Banks() {
		require.NotEmpty(t, b.English())
		require.NotEmpty(t, b.Persian())
		for _, name := range []string{string(b), b.English(), b.Persian()} {
			got, ok := BankNamed(name)
			require.True(t, ok, name)
			require.Equal(t, b, got, name)
		}
	}
	for name, want := range map[string]Bank{"MELLI": Melli, "بانك ملي": Melli, "ملت": Mellat, "Mehr Iran": MehrIran, "mehr_iran": MehrIran,
		"Bank Saman": Saman, "بانک سامان": Saman, "Bankino": Khavarmianeh, "بلو": Blu, "بانك رفاه": Refah} {
		got, ok := BankNamed(name)
		require.True(t, ok, name)
		require.Equal(t, want, got, name)
	}
	for _, name := range []string{"", " ", "bank", "بانک", "nobody"} {
		_, ok := BankNamed(name)
		require.False(t, ok, name)
	}
	require.Equal(t, "بانک سامان", Saman.Persian())
	require.Equal(t, "بانک ملت", Mellat.Persian())
	require.Empty(t, Bank("").English())
	require.True(t, Parsian.ShowsPayerCard())
	require.False(t, Saman.ShowsPayerCard())
}

func TestBankOfCard(t *testing.T) {
	for card, want := range map[string]Bank{
		"6219861011223344":    Saman,
		"621986":              Saman,
		"6219861811223344":    Blu,
		"6219861911223344":    Blu,
		"6219862011223344":    Saman,
		"6037-9911-2233-4455": Melli,
		"۶۱۰۴۳۳۱۱۲۲۳۳۴۴۵۵":    Mellat,
		"627353******1234":    Tejarat,
	} {
		got, ok := BankOfCard(card)
		require.True(t, ok, card)
		require.Equal(t, want, got, card)
	}
	for _, card := range []string{"", "6219", "62198", "6275931122334455", "1111111111111111", "******1234"} {
		_, ok := BankOfCard(card)
		require.False(t, ok, card)
	}
	require.Len(t, bankOfPrefix, 55+2)
	for _, b := range bankOfPrefix {
		require.True(t, b == "" || b.English() != "", b)
	}
}

// Every bank with a template must be able to name itself, and every known sender must be one bank's.
func TestTablesAgree(t *testing.T) {
	seen := map[string]Bank{}
	for b, list := range knownSenders {
		for _, sender := range list {
			require.Empty(t, seen[senderKey(sender)], sender)
			seen[senderKey(sender)] = b
		}
	}
	named := map[Bank]bool{}
	for _, h := range heads {
		named[h.bank] = true
		require.NotEmpty(t, h.bank.English())
	}
	for _, tpl := range templates {
		require.True(t, named[tpl.bank], tpl.bank)
	}
}
