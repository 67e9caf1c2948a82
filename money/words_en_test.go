package money

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTomanWordsEnglish(t *testing.T) {
	for rial, want := range map[Rial]string{
		0:             "zero toman",
		5:             "five rial",
		10_005:        "one thousand toman and five rial",
		210:           "twenty-one toman",
		1_200_000:     "one hundred twenty thousand toman",
		1_250_130:     "one hundred twenty-five thousand thirteen toman",
		12_000_000:    "one million two hundred thousand toman",
		-4_000:        "minus four hundred toman",
		10_000_000_00: "one hundred million toman",
		1_010_000_000: "one hundred one million toman",
	} {
		require.Equal(t, want, rial.TomanWordsEnglish(), int64(rial))
	}
	require.Contains(t, Max.TomanWordsEnglish(), "nine hundred trillion seven hundred nineteen billion ")
}
