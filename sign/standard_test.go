package sign

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The vector of the specification's own libraries.
const (
	specSecret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	specID      = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	specBody    = `{"test": 2432232314}`
	specSeconds = 1614265330
	specSign    = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func TestStandardVector(t *testing.T) {
	at := time.Unix(specSeconds, 0)
	header, err := StandardHeaders(specID, at, []byte(specBody), specSecret)
	require.NoError(t, err)
	require.Equal(t, http.Header{HeaderID: {specID}, HeaderTimestamp: {"1614265330"}, HeaderSignature: {specSign}}, header)
	require.NoError(t, VerifyStandard(header, []byte(specBody), at, specSecret))
}

func TestStandardRotation(t *testing.T) {
	before, after, stranger := NewSecret(), NewSecret(), NewSecret()
	now := time.Unix(specSeconds, 0)
	header, err := StandardHeaders("msg_1", now, []byte("{}"), after, before)
	require.NoError(t, err)
	require.Len(t, strings.Fields(header.Get("webhook-signature")), 2)
	require.NoError(t, VerifyStandard(header, []byte("{}"), now, before))
	require.NoError(t, VerifyStandard(header, []byte("{}"), now, after))
	require.NoError(t, VerifyStandard(header, []byte("{}"), now, stranger, after))
	require.ErrorIs(t, VerifyStandard(header, []byte("{}"), now, stranger), ErrMismatch)
}

func TestStandardRefuses(t *testing.T) {
	now := time.Unix(specSeconds, 0)
	good := func() http.Header {
		return http.Header{HeaderID: {specID}, HeaderTimestamp: {"1614265330"}, HeaderSignature: {specSign}}
	}
	set := func(name string, values ...string) func(http.Header) {
		return func(h http.Header) { h[name] = values }
	}
	mac := strings.TrimPrefix(specSign, "v1,")
	cases := []struct {
		name  string
		alter func(http.Header)
		want  error
	}{
		{"untouched", func(http.Header) {}, nil},
		{"unknown versions beside", set(HeaderSignature, "v1a,abc v2,"+mac+" "+specSign+" v1,???"), nil},
		{"other id", set(HeaderID, "msg_2"), ErrMismatch},
		{"id with a dot", set(HeaderID, specID+".1"), ErrMalformed},
		{"id with a newline", set(HeaderID, "a\nb"), ErrMalformed},
		{"id too long", set(HeaderID, strings.Repeat("a", 256)), ErrMalformed},
		{"no id", func(h http.Header) { h.Del(HeaderID) }, ErrNoSign},
		{"no timestamp", func(h http.Header) { h.Del(HeaderTimestamp) }, ErrNoSign},
		{"no signature", func(h http.Header) { h.Del(HeaderSignature) }, ErrNoSign},
		{"empty signature", set(HeaderSignature, ""), ErrNoSign},
		{"blank signature", set(HeaderSignature, "  "), ErrMismatch},
		{"two signatures headers", set(HeaderSignature, specSign, specSign), ErrMalformed},
		{"two ids", set(HeaderID, specID, "x"), ErrMalformed},
		{"endless signatures", set(HeaderSignature, strings.Repeat("v1,x ", 1000)), ErrMalformed},
		{"only an unknown version", set(HeaderSignature, "v2,"+mac), ErrMismatch},
		{"no version", set(HeaderSignature, mac), ErrMismatch},
		{"empty MAC", set(HeaderSignature, "v1,"), ErrMismatch},
		{"cut MAC", set(HeaderSignature, "v1,"+mac[:40]), ErrMismatch},
		{"last bits of the base64 altered", set(HeaderSignature, strings.Replace(specSign, "1OE=", "1OF=", 1)), ErrMismatch},
		{"timestamp one second later", set(HeaderTimestamp, "1614265331"), ErrMismatch},
		{"timestamp in another spelling", set(HeaderTimestamp, "+1614265330"), ErrMalformed},
		{"timestamp with zeros", set(HeaderTimestamp, "01614265330"), ErrMalformed},
		{"timestamp with a fraction", set(HeaderTimestamp, "1614265330.0"), ErrMalformed},
		{"timestamp too large", set(HeaderTimestamp, "99999999999999999999"), ErrMalformed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			header := good()
			c.alter(header)
			require.ErrorIs(t, VerifyStandard(header, []byte(specBody), now, specSecret), c.want)
		})
	}
	require.ErrorIs(t, VerifyStandard(good(), []byte(specBody+" "), now, specSecret), ErrMismatch)
}

func TestStandardTolerance(t *testing.T) {
	sent := time.Unix(specSeconds, 0)
	header, err := StandardHeaders(specID, sent, []byte(specBody), specSecret)
	require.NoError(t, err)
	for offset, want := range map[time.Duration]error{
		0: nil, Tolerance: nil, -Tolerance: nil,
		Tolerance + time.Second: ErrTimestamp, -Tolerance - time.Second: ErrTimestamp, 24 * time.Hour: ErrTimestamp,
	} {
		require.ErrorIs(t, VerifyStandard(header, []byte(specBody), sent.Add(offset), specSecret), want, offset)
	}
}

func TestSecrets(t *testing.T) {
	require.NotEqual(t, NewSecret(), NewSecret())
	now := time.Unix(specSeconds, 0)
	header, err := StandardHeaders(specID, now, nil, NewSecret())
	require.NoError(t, err)
	for _, secrets := range [][]string{
		nil, {""}, {"whsec_"}, {"whsec_c2hvcnQ="}, {strings.TrimPrefix(specSecret, "whsec_")}, {"whsec_not base64 not base64 not base64!"},
		{specSecret, ""}, {"whsec_" + strings.Repeat("AAAA", 22)},
	} {
		_, err := StandardHeaders(specID, now, nil, secrets...)
		require.ErrorIs(t, err, ErrNoKey, secrets)
		require.ErrorIs(t, VerifyStandard(header, nil, now, secrets...), ErrNoKey, secrets)
	}
	for _, id := range []string{"", "a.b", "a b", "a\r\nX: y", "ا"} {
		_, err := StandardHeaders(id, now, nil, specSecret)
		require.ErrorIs(t, err, ErrMalformed, id)
	}
}
