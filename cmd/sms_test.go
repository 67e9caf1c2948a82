package cmd

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSMSParse(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	const deposit = `{"bank":"Melli","type":"deposit","amount_rial":2350000,"account":"03004","payer_card":null,"balance":8412907,"at":"2026-11-02T14:02:00+03:30","settles":true}`
	text := `بانك ملي ايران\nانتقال:2,350,000+\nحساب:03004\nمانده:8,412,907\n0811-14:02`
	for _, c := range []struct {
		name, in, out string
		failed        bool
	}{
		{"deposit of a known sender", `{"sender":"Bank Melli","text":"` + text + `"}`, deposit, false},
		{"no sender, more fields", `{"text":"` + text + `","id":7}`, deposit, false},
		{"received earlier", `{"text":"` + text + `","received_at":"2025-11-03T10:00:00+03:30"}`, strings.Replace(deposit, "2026-11", "2025-11", 1), false},
		{"from a mobile phone", `{"sender":"+989121234567","text":"` + text + `"}`, strings.Replace(deposit, "true", "false", 1), false},
		{"the payer's card, no account, no balance", `{"text":"مبلغ:+430,000\nانتقال از کارت 589210******7710 به کارت 622106******3057"}`,
			`{"bank":"Parsian","type":"deposit","amount_rial":430000,"account":null,"payer_card":"589210******7710","balance":null,"at":null,"settles":true}`, false},
		{"balance zero", `{"text":"بانك سامان\nبرداشت مبلغ 2,000,000 خودپرداز\nاز 701-800-1234567-1\nمانده 0"}`,
			`{"bank":"Saman","type":"withdraw","amount_rial":2000000,"account":"701-800-1234567-1","payer_card":null,"balance":0,"at":null,"settles":false}`, false},
		{"password", `{"text":"بانک ملت\nرمز پویا: 112233"}`,
			`{"bank":"Mellat","type":"other","amount_rial":null,"account":null,"payer_card":null,"balance":null,"at":null,"settles":false}`, false},
		{"bank with a long name", `{"text":"300411223344\n3,100,000+\nمانده:20,919,100"}`,
			`{"bank":"Mehr Iran (Gharzolhasaneh)","type":"deposit","amount_rial":3100000,"account":"300411223344","payer_card":null,"balance":20919100,"at":null,"settles":true}`, false},
		{"empty text", `{"text":""}`,
			`{"bank":"","type":"other","amount_rial":null,"account":null,"payer_card":null,"balance":null,"at":null,"settles":false}`, false},
		{"no JSON, then a good line", "nonsense\n" + `{"text":"` + text + `"}`,
			`{"error":"invalid character 'o' in literal null (expecting 'u')"}` + "\n" + deposit, true},
		{"no text", `{"sender":"Bank Melli"}`, `{"error":"no text"}`, true},
		{"text is a number", `{"text":5}`, `{"error":"json: cannot unmarshal number into Go struct field smsLine.text of type string"}`, true},
		{"too long, then a good line", `{"text":"` + strings.Repeat("a", maxSMSLine) + `"}` + "\n" + `{"text":"` + text + `"}`,
			`{"error":"line is longer than 1048576 bytes"}` + "\n" + deposit, true},
		{"a long line that fits", `{"text":"` + strings.Repeat(" ", maxSMSLine-1000) + text + `"}`, deposit, false},
		{"Windows line ends, empty lines", "\r\n" + `{"text":"` + text + `"}` + "\r\n\r\n\n", deposit, false},
		{"nothing", "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, end := range []string{"", "\n"} {
				var out bytes.Buffer
				failed, err := parseLines(strings.NewReader(c.in+end), &out, now)
				require.NoError(t, err)
				require.Equal(t, c.failed, failed)
				require.Equal(t, c.out, strings.TrimSuffix(out.String(), "\n"))
			}
		})
	}
}

func TestSMSParseExitCode(t *testing.T) {
	run := func(in string) error {
		c := smsCommand()
		c.SilenceErrors, c.SilenceUsage = true, true
		c.SetArgs([]string{"parse"})
		c.SetIn(strings.NewReader(in))
		c.SetOut(&bytes.Buffer{})
		return c.Execute()
	}
	require.NoError(t, run(`{"text":"سلام"}`))
	var code exitCode
	require.ErrorAs(t, run("nonsense"), &code)
	require.Equal(t, exitCode(1), code)
}
