package operators

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMobile(t *testing.T) {
	for in, want := range map[string]string{
		"09121234567":                     "989121234567",
		"989121234567":                    "989121234567",
		"+989121234567":                   "989121234567",
		"00989121234567":                  "989121234567",
		"9121234567":                      "989121234567",
		"9891234567":                      "989891234567", // ten digits: 0989…, not a country code
		"۰۹۱۲۱۲۳۴۵۶۷":                     "989121234567",
		"٠٩١٢١٢٣٤٥٦٧":                     "989121234567",
		" 0912 123 45 67 ":                "989121234567",
		"0912-123-4567":                   "989121234567",
		"+98 (912) 123.4567":              "989121234567",
		"\u200e+98912\u00a01234567\u200f": "989121234567",
		"0950 000 0000":                   "989500000000", // a prefix nobody has yet is no reason to refuse

		"":                "",
		"0912123456":      "",
		"091212345678":    "",
		"08121234567":     "",
		"02112345678":     "",
		"9121234":         "",
		"988121234567":    "",
		"+9121234567":     "",
		"+00989121234567": "",
		"++989121234567":  "",
		"+09121234567":    "",
		"0989121234567":   "",
		"0912123456x":     "",
		"0912+1234567":    "",
		"09121234567;":    "",
		"+14155550100":    "",
	} {
		got, ok := Mobile(in)
		require.Equal(t, want != "", ok, in)
		if ok {
			require.Equal(t, want, got, in)
		}
	}
}

func TestCarrierOf(t *testing.T) {
	for in, want := range map[string]Carrier{
		"09121234567":   MCI,
		"+989961234567": MCI,
		"989021234567":  Irancell,
		"۰۹۳۵۱۲۳۴۵۶۷":   Irancell,
		"9411234567":    Irancell,
		"09211234567":   Rightel,
		"09981234567":   Shatel,
		"09991234567":   0, // shared by several networks
		"09321234567":   0,
		"09501234567":   0,
		"0912":          0,
	} {
		got, ok := CarrierOf(in)
		require.Equal(t, want, got, in)
		require.Equal(t, want != 0, ok, in)
	}
	require.Len(t, prefixes, 36)
}

func TestCarrierNames(t *testing.T) {
	for c := MCI; c <= Shatel; c++ {
		got, ok := ParseCarrier(c.String())
		require.True(t, ok)
		require.Equal(t, c, got)
	}
	require.Equal(t, "unknown", Carrier(9).String())
	_, ok := ParseCarrier("unknown")
	require.False(t, ok)
}
