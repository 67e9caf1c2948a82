package sign_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/sign"
)

// block is the code of a language in docs/api.md that has these words.
func block(t *testing.T, language, words string) string {
	t.Helper()
	page, err := os.ReadFile("../docs/api.md")
	require.NoError(t, err)
	for _, part := range strings.Split(string(page), "\n```"+language+"\n")[1:] {
		if code, _, _ := strings.Cut(part, "\n```"); strings.Contains(code, words) {
			return code
		}
	}
	t.Fatalf("docs/api.md has no %s with %s", language, words)
	return ""
}

// The body in the documentation is signed with the development key.
func TestTheDocumentedBody(t *testing.T) {
	body := block(t, "json", `"type":"payment"`)
	require.NoError(t, sign.VerifyWebhook([]byte(body), "test-payment-api-key"))
	require.ErrorIs(t, sign.VerifyWebhook([]byte(strings.Replace(body, "10000", "10001", 1)), "test-payment-api-key"), sign.ErrMismatch)
}

// What the documentation shows in other languages accepts what we sign and nothing else.
func TestTheDocumentedChecks(t *testing.T) {
	const key = "test-payment-api-key"
	text, none := "سفارش ۱/۲ \u2028 \"نقل\" <b> \\ \x7f \b é 😀", (*string)(nil)
	genuine, err := sign.Body(key, sign.F("type", "payment"), sign.F("amount", "10000.00000000"), sign.F("is_final", true), sign.F("from", none),
		sign.F("additional_data", text), sign.F("convert", sign.Object{sign.F("rate", "1.5")}), sign.F("version", int64(1207)), sign.F("event", "payment.paid"))
	require.NoError(t, err)
	forged := strings.Replace(string(genuine), "10000", "90000", 1)
	bare := string(genuine[:strings.LastIndex(string(genuine), `,"sign"`)]) + "}"

	for language, run := range map[string][]string{
		"php":    {"php", "-r", block(t, "php", "signed_by") + "\necho signed_by(getenv('BODY'), getenv('KEY')) ? 'yes' : 'no';"},
		"python": {"python3", "-c", block(t, "python", "signed_by") + "\nimport os\nprint('yes' if signed_by(os.environb[b'BODY'], os.environ['KEY']) else 'no', end='')"},
	} {
		t.Run(language, func(t *testing.T) {
			if _, err := exec.LookPath(run[0]); err != nil {
				t.Skip(run[0] + " is not installed")
			}
			for _, tt := range []struct{ body, key, want string }{
				{string(genuine), key, "yes"}, {string(genuine), "another", "no"}, {forged, key, "no"}, {bare, key, "no"}, {"{}", key, "no"}, {string(genuine) + " ", "another", "no"},
			} {
				cmd := exec.CommandContext(t.Context(), run[0], run[1:]...)
				cmd.Env = append(os.Environ(), "BODY="+tt.body, "KEY="+tt.key)
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s", out)
				require.Equal(t, tt.want, string(out), tt.body)
			}
		})
	}
}
