package sign

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const testKey = "test-payment-api-key"

func TestRequests(t *testing.T) {
	body := []byte(`{"currency":"ETH","url_callback":"https://your.site/callback"}`)
	sign := Sign(body, "k2")
	require.Len(t, sign, 32)
	require.NoError(t, Verify(body, sign, "k1", "k2"))
	require.NoError(t, Verify(nil, "ac480f88c204dd571183e1ded942bec7", testKey))

	cases := []struct {
		name, body, sign string
		keys             []string
		want             error
	}{
		{"other body", string(body) + " ", sign, []string{"k2"}, ErrMismatch},
		{"other key", string(body), sign, []string{"k1", "k3"}, ErrMismatch},
		{"capitals", string(body), strings.ToUpper(sign), []string{"k2"}, ErrMismatch},
		{"cut short", string(body), sign[:31], []string{"k2"}, ErrMismatch},
		{"no sign", string(body), "", []string{"k2"}, ErrNoSign},
		{"no keys", string(body), sign, nil, ErrNoKey},
		{"empty key", string(body), Sign(body, ""), []string{"k1", ""}, ErrNoKey},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			require.ErrorIs(t, Verify([]byte(c.body), c.sign, c.keys...), c.want)
		})
	}
}

func TestBodyIsWhatPHPWrites(t *testing.T) {
	text := "سفارش ۱۰۰۱ / «تست»\u200c\u2028\u2029\x00\x1f\x7f<>&'\"\\\b\f\n\r\t😀"
	body, err := Body(testKey,
		F("type", "payment"), F("version", 3), F("amount", int64(1<<53)), F("min", -1<<53), F("is_final", true), F("txid", nil),
		F("note", &text), F("none", (*string)(nil)),
		F("convert", Object{F("to", "IRR"), F("sign", "inner"), F("empty", Object{})}), F("list", List{1, "a/b", List{}, Object{F("x", false)}}))
	require.NoError(t, err)
	// Written by PHP 8.2: json_encode(…, JSON_UNESCAPED_UNICODE) of the same array.
	signed := `{"type":"payment","version":3,"amount":9007199254740992,"min":-9007199254740992,"is_final":true,"txid":null,` +
		`"note":"سفارش ۱۰۰۱ \/ «تست»` + "\u200c" + `\u2028\u2029\u0000\u001f` + "\x7f" + `<>&'\"\\\b\f\n\r\t😀","none":null,` +
		`"convert":{"to":"IRR","sign":"inner","empty":[]},"list":[1,"a\/b",[],{"x":false}]}`
	require.Equal(t, strings.TrimSuffix(signed, "}")+`,"sign":"`+Sign([]byte(signed), testKey)+`"}`, string(body))
	require.NoError(t, VerifyWebhook(body, testKey))
	require.NoError(t, VerifyWebhook(escapeUnicode(body), testKey), "the other wire")
	require.NoError(t, VerifyWebhook(body, "old", testKey))
	require.ErrorIs(t, VerifyWebhook(body, "old"), ErrMismatch)
	require.ErrorIs(t, VerifyWebhook(body), ErrNoKey)
	require.ErrorIs(t, VerifyWebhook(body, ""), ErrNoKey)
}

func TestBodyRefuses(t *testing.T) {
	deep := any("x")
	for range maxDepth {
		deep = List{deep}
	}
	cases := []struct {
		name   string
		fields []Field
	}{
		{"nothing", nil},
		{"sign", []Field{F("a", 1), F("sign", "x")}},
		{"name twice", []Field{F("a", 1), F("b", 1), F("a", 1)}},
		{"nested name twice", []Field{F("a", Object{F("b", 1), F("b", 2)})}},
		{"numeric name", []Field{F("0", 1)}},
		{"negative numeric name in a list", []Field{F("a", List{Object{F("-12", 1)}})}},
		{"name not UTF-8", []Field{F("a\xff", 1)}},
		{"text not UTF-8", []Field{F("a", "\xed\xa0\x80")}},
		{"nested text not UTF-8", []Field{F("a", List{"\xff"})}},
		{"large", []Field{F("a", int64(1<<53+1))}},
		{"large below", []Field{F("a", -1<<53-1)}},
		{"float", []Field{F("a", 1.5)}},
		{"map", []Field{F("a", map[string]any{"b": 1})}},
		{"bytes", []Field{F("a", []byte("b"))}},
		{"too deep", []Field{F("a", deep)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Body(testKey, c.fields...)
			require.ErrorIs(t, err, ErrMalformed)
		})
	}
	_, err := Body("", F("a", 1))
	require.ErrorIs(t, err, ErrNoKey)
}

func TestNamesThatOnlyLookOdd(t *testing.T) {
	body, err := Body(testKey, F("", 1), F("01", 1), F("-", 1), F("-0", 1), F("1a", 1), F("پ/", 1), F("Sign", 1))
	require.NoError(t, err)
	require.NoError(t, VerifyWebhook(body, testKey))
}

// A receiver that cuts the member out of the raw bytes sees the same text as one that re-encodes.
func TestSignCutOutOfTheBytes(t *testing.T) {
	body, err := Body(testKey, F("note", "پرداخت / \u2028"), F("txid", nil))
	require.NoError(t, err)
	head, tail, found := strings.Cut(string(body), `,"sign":"`)
	require.True(t, found)
	require.NoError(t, Verify([]byte(head+"}"), tail[:32], testKey))
	require.Equal(t, `"}`, tail[32:])
}

func TestErrorsKeepTheSecret(t *testing.T) {
	body, err := Body(testKey, F("a", 1))
	require.NoError(t, err)
	altered := strings.Replace(string(body), `"a":1`, `"a":2`, 1)
	err = VerifyWebhook([]byte(altered), testKey)
	require.Error(t, err)
	require.NotContains(t, err.Error(), testKey)
	require.NotContains(t, err.Error(), Sign([]byte(`{"a":2}`), testKey))
}
