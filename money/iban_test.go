package money

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const iban = "IR270170000000100324200001"

func TestParseIBAN(t *testing.T) {
	for _, same := range []string{
		iban, "ir270170000000100324200001", "270170000000100324200001", "IR27 0170 0000 0010 0324 2000 01", "IR27-0170-0000-0010-0324-2000-01",
		"IR۲۷۰۱۷۰۰۰۰۰۰۰۱۰۰۳۲۴۲۰۰۰۰۱", "٢٧٠١٧٠٠٠٠٠٠٠١٠٠٣٢٤٢٠٠٠٠١", "IR\u00a0270170000000100324200001",
	} {
		got, err := ParseIBAN(same)
		require.NoError(t, err, same)
		require.Equal(t, iban, string(got), same)
	}
	for _, other := range []string{"IR930560000000001234567890", "IR100120000000005400112233", "IR850620000000100123456789"} {
		_, err := ParseIBAN(other)
		require.NoError(t, err, other)
	}
	for text, want := range map[string]error{
		"": ErrNotIBAN, "IR": ErrNotIBAN, iban + "0": ErrNotIBAN, iban[:25]: ErrNotIBAN, "DE" + iban[2:]: ErrNotIBAN, "IRIR" + iban[4:]: ErrNotIBAN,
		"IR27017000000010032420000x": ErrNotIBAN, "IR+70170000000100324200001": ErrNotIBAN, "DE89370400440532013000": ErrNotIBAN,
		"6219860000000019": ErrNotIBAN, "IR" + strings.Repeat("٤", 23): ErrNotIBAN,
		"IR280170000000100324200001": ErrIBANCheck, "IR270170000000100324200010": ErrIBANCheck, "IR270710000000100324200001": ErrIBANCheck,
	} {
		_, err := ParseIBAN(text)
		require.ErrorIs(t, err, want, "%q", text)
	}
}

// One digit mistyped, or two neighbours swapped, is always noticed.
func TestIBANNoticesMistakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		account := rapid.StringMatching(`[0-9]{22}`).Draw(t, "account")
		good := fmt.Sprintf("%02d%s", 98-mod97(account+"182700"), account)
		_, err := ParseIBAN("IR" + good)
		require.NoError(t, err)

		at := rapid.IntRange(0, 22).Draw(t, "at")
		wrong := []byte(good)
		if rapid.Bool().Draw(t, "swap") {
			wrong[at], wrong[at+1] = wrong[at+1], wrong[at]
		} else {
			wrong[at] = '0' + (wrong[at]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "by")))%10
		}
		if string(wrong) != good {
			_, err = ParseIBAN("IR" + string(wrong))
			require.ErrorIs(t, err, ErrIBANCheck)
		}
	})
}

func TestIBANShowsItselfMasked(t *testing.T) {
	i, err := ParseIBAN(iban)
	require.NoError(t, err)
	const masked = "IR27017***************0001"
	raw, err := json.Marshal(map[string]any{"to": i})
	require.NoError(t, err)
	for _, text := range []string{i.Masked(), fmt.Sprint(i), fmt.Sprintf("%v %+v %#v %s %q", i, i, i, i, i), string(raw)} {
		require.Contains(t, text, masked)
		require.NotContains(t, text, "100324200001")
	}
	require.Len(t, masked, len(iban))
	require.Equal(t, "[IBAN]", IBAN("").Masked())
}

func TestLuhn(t *testing.T) {
	for _, good := range []string{"6219860000000019", "6037991234567893", "1020304050607084", "9080706050403027", "79927398713"} {
		require.True(t, Luhn(good), good)
	}
	for _, bad := range []string{"", "6219860000000018", "6291860000000019", "621986000000001x", "79927398710"} {
		require.False(t, Luhn(bad), bad)
	}
}
