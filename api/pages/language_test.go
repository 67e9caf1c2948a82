package pages

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
)

func TestReaderOf(t *testing.T) {
	for _, tt := range []struct {
		query, header string
		want          Reader
	}{
		{"", "", Reader{Lang: Persian}},
		{"en", "", Reader{English, true}},
		{"fa", "en", Reader{Persian, true}},
		{"EN", "", Reader{Lang: Persian}},
		{"", "en-US,fa;q=0.5", Reader{Lang: English}},
		{"", "fa-AF", Reader{Lang: Persian}},
		{"", "ckb, *;q=0.1", Reader{Lang: Persian}},
		{"", strings.Repeat("en-", 5_000), Reader{Lang: Persian}},
	} {
		require.Equal(t, tt.want, ReaderOf(tt.query, tt.header), "%q %.40q", tt.query, tt.header)
	}
}

// What is ours on an English page is English: Persian is left only to names and the bank's words.
func TestEnglishPagesAreEnglish(t *testing.T) {
	views := samples()
	maps.Copy(views, transferSamples())
	for name, v := range views {
		switch name {
		case "checkout-errors": // what was typed, and the bank's words
			continue
		case "checkout-long", "transfer-long":
			continue
		}
		_, text := read(t, drawIn(t, v, English))
		for _, theirs := range []string{"تاکسی‌رانی آفتاب", "سفر درون‌شهری", samplePayment().Description, "فروشگاه آفتاب", "کتاب و نوشت‌افزار",
			"شاهین محسنی", "فارسی", "کارت‌به‌کارت", "۶۲۱۹ ۸۶۱۰ ۱۲"} {
			text = strings.ReplaceAll(text, theirs, "")
		}
		text = strings.Trim(text, "تف")
		require.NotRegexp(t, `[\p{Arabic}]{2,}|[۰-۹]`, text, name)
	}
}

func TestReceiptInEnglish(t *testing.T) {
	_, text := read(t, drawIn(t, sampleStatus(state.PaymentCollected), English))
	for _, want := range []string{"Payment successful", "1,200,000 rial", "50,000 rial", "1,250,000", "one hundred twenty-five thousand toman", "AsanPardakht",
		"6037 99** **** 7893", "0938*****25", "21 Nov 2025, 14:00 Tehran time"} {
		require.Contains(t, text, want)
	}
}

// A page with all that it loads, the font and the merchant's image apart, is small.
func TestPagesAreSmall(t *testing.T) {
	biggest := map[string]int{}
	for name, v := range allSamples() {
		for _, l := range Langs {
			page := drawIn(t, v, l)
			size := len(page)
			for _, found := range regexp.MustCompile(`/pay/assets/([a-z.]+)\?`).FindAllStringSubmatch(page, -1) {
				if found[1] != fontName {
					body, _, ok := Asset(found[1])
					require.True(t, ok)
					size += len(body)
				}
			}
			require.Less(t, size, 60_000, "%s in %s", name, l)
			biggest[strings.SplitN(name, "-", 2)[0]] = max(biggest[strings.SplitN(name, "-", 2)[0]], size)
		}
	}
	t.Log("bytes, at most:", biggest)
}
