package money

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTomanWords(t *testing.T) {
	for amount, want := range map[Rial]string{
		0:              "صفر تومان",
		5:              "پنج ریال",
		10:             "یک تومان",
		11:             "یک تومان و یک ریال",
		190:            "نوزده تومان",
		200:            "بیست تومان",
		210:            "بیست و یک تومان",
		1_000:          "صد تومان",
		9_990:          "نهصد و نود و نه تومان",
		10_000:         "هزار تومان",
		10_005:         "هزار تومان و پنج ریال",
		10_010:         "هزار و یک تومان",
		20_000:         "دو هزار تومان",
		120_000:        "دوازده هزار تومان",
		1_000_000:      "صد هزار تومان",
		10_000_000:     "یک میلیون تومان",
		10_010_000:     "یک میلیون و هزار تومان",
		12_000_000:     "یک میلیون و دویست هزار تومان",
		10_000_000_000: "یک میلیارد تومان",
		Max: "نهصد هزار و هفتصد و نوزده میلیارد و نهصد و بیست و پنج میلیون و چهارصد و هفتاد و چهار هزار و " +
			"نود و نه تومان و دو ریال",
		-50:           "منفی پنج تومان",
		math.MinInt64: "منفی نهصد و بیست و دو میلیون و سیصد و سی و هفت هزار و دویست و سه میلیارد و ششصد و هشتاد و پنج میلیون و چهارصد و هفتاد و هفت هزار و پانصد و هشتاد تومان و هشت ریال",
	} {
		require.Equal(t, want, amount.TomanWords(), int64(amount))
	}
}

// Whatever is spelled can be read back, by a reader that shares nothing with the speller but the words.
func TestTomanWordsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// An exponent first, so that small and round numbers come up too.
		size := rapid.Int64Range(0, 53).Draw(t, "bits")
		want := Rial(rapid.Int64Range(0, 1<<size).Draw(t, "amount"))
		if rapid.Bool().Draw(t, "round") {
			want -= want % 10_000
		}
		require.Equal(t, want, readToman(t, want.TomanWords()))
	})
}

func readToman(t require.TestingT, text string) Rial {
	toman, rial, both := strings.Cut(text, " تومان و ")
	if !both {
		if cut, ok := strings.CutSuffix(text, " تومان"); ok {
			toman, rial = cut, "صفر ریال"
		} else {
			toman, rial = "صفر", text
		}
	}
	rial, ok := strings.CutSuffix(rial, " ریال")
	require.True(t, ok, text)
	return readNumber(t, toman)*10 + readNumber(t, rial)
}

func readNumber(t require.TestingT, text string) Rial {
	if text == "صفر" {
		return 0
	}
	values := map[string]Rial{"صد": 100}
	for n, word := range strings.Fields("یک دو سه چهار پنج شش هفت هشت نه ده یازده دوازده سیزده چهارده پانزده شانزده هفده هجده نوزده") {
		values[word] = Rial(n + 1)
	}
	for n, word := range strings.Fields("بیست سی چهل پنجاه شصت هفتاد هشتاد نود") {
		values[word] = Rial(n+2) * 10
	}
	for n, word := range strings.Fields("دویست سیصد چهارصد پانصد ششصد هفتصد هشتصد نهصد") {
		values[word] = Rial(n+2) * 100
	}
	var milliards, millions, thousands, units Rial
	for _, word := range strings.Fields(text) {
		switch word {
		case "و":
		case "هزار":
			thousands, units = max(units, 1), 0
		case "میلیون":
			millions, thousands, units = thousands*1000+units, 0, 0
		case "میلیارد":
			milliards = millions*1_000_000 + thousands*1000 + units
			millions, thousands, units = 0, 0, 0
		default:
			require.Contains(t, values, word)
			units += values[word]
		}
	}
	return milliards*1_000_000_000 + millions*1_000_000 + thousands*1000 + units
}

func TestParseAmount(t *testing.T) {
	for text, want := range map[string]Rial{
		"0": 0, "10000": 10_000, "007": 7, "۱۲۳۴۵۶۷۸۹۰": 1_234_567_890, "٩٨٧": 987, "1۲٣": 123,
		"9007199254740992": Max, "00000000000000000000000012": 12,
	} {
		got, err := ParseAmount(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for text, want := range map[string]error{
		"": ErrNotNumber, " ": ErrNotNumber, " 5": ErrNotNumber, "5 ": ErrNotNumber, "+5": ErrNotNumber, "abc": ErrNotNumber,
		"12a": ErrNotNumber, "1,000": ErrNotNumber, "۱٬۰۰۰": ErrNotNumber, "1_000": ErrNotNumber, "1e5": ErrNotNumber,
		"0x10": ErrNotNumber, "NaN": ErrNotNumber, "null": ErrNotNumber, "5\n": ErrNotNumber, "5\x00": ErrNotNumber,
		"-": ErrNotNumber, "--5": ErrNotNumber, "-a": ErrNotNumber, ".": ErrNotNumber, "12.": ErrNotNumber, "1.2.3": ErrNotNumber,
		"१२": ErrNotNumber, "９": ErrNotNumber, "\xff5": ErrNotNumber, "99999999999999999999999x": ErrNotNumber,
		"12.5": ErrFraction, "12.0": ErrFraction, ".5": ErrFraction, "۱۲٫۵": ErrFraction, "۱۲.۵": ErrFraction,
		"-5": ErrNegative, "-0": ErrNegative, "-۵": ErrNegative, "\u22125": ErrNegative, "-5.5": ErrNegative,
		"-99999999999999999999": ErrNegative,
		"9007199254740993":      ErrTooLarge, "9223372036854775808": ErrTooLarge, "18446744073709551617": ErrTooLarge,
		"99999999999999999999999999999999": ErrTooLarge,
	} {
		_, err := ParseAmount(text)
		require.ErrorIs(t, err, want, "%q", text)
	}
}

// Every amount reads back, whichever digits it is written in.
func TestParseAmountReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Rial(rapid.Int64Range(0, int64(Max)).Draw(t, "amount"))
		latin := strconv.FormatInt(int64(want), 10)
		for _, text := range []string{latin, PersianDigits(latin), mapDigits(latin, '٠')} {
			got, err := ParseAmount(text)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	})
}

func TestDigits(t *testing.T) {
	require.Equal(t, "کد ۱۲۳-۴۵۶ a", PersianDigits("کد 123-٤٥۶ a"))
	require.Equal(t, "کد 123-456 a", LatinDigits("کد ۱۲۳-٤٥6 a"))
}
