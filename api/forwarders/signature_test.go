package forwarders_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api/forwarders"
)

// Made with: printf '%s%s' "$body" "$timestamp" | openssl dgst -sha256 -hmac "$secret"
const (
	secret    = "device-secret"
	body      = `{"sender":"9990001","text":"x"}`
	timestamp = "1785000000"
	signature = "bb6d2c2aa299b9cb46e5d60c945202b7915e6e7ace7563e6216f3004b1c56bdf"
)

func TestSign(t *testing.T) {
	require.Equal(t, signature, forwarders.Sign(secret, []byte(body), timestamp))
}

func TestVerify(t *testing.T) {
	made := time.Unix(1785000000, 0)
	for name, c := range map[string]struct {
		secret, body, timestamp, signature string
		now                                time.Time
		want                               error
	}{
		"right":             {secret, body, timestamp, signature, made, nil},
		"right, upper case": {secret, body, timestamp, strings.ToUpper(signature), made, nil},
		"just in time":      {secret, body, timestamp, signature, made.Add(5 * time.Minute), nil},
		"clock ahead":       {secret, body, timestamp, signature, made.Add(-5 * time.Minute), nil},
		"too old":           {secret, body, timestamp, signature, made.Add(301 * time.Second), forwarders.ErrStale},
		"too far ahead":     {secret, body, timestamp, signature, made.Add(-301 * time.Second), forwarders.ErrStale},
		"other secret":      {"x", body, timestamp, signature, made, forwarders.ErrSignature},
		"other body":        {secret, body + " ", timestamp, signature, made, forwarders.ErrSignature},
		"other time":        {secret, body, "1785000001", signature, made, forwarders.ErrSignature},
		"wrong and old":     {secret, body, "1", signature, made, forwarders.ErrSignature},
		"cut off":           {secret, body, timestamp, signature[:32], made, forwarders.ErrSignature},
		"not hex":           {secret, body, timestamp, "zz", made, forwarders.ErrSignature},
		"none":              {secret, body, timestamp, "", made, forwarders.ErrSignature},
		"no secret":         {"", body, timestamp, forwarders.Sign("", []byte(body), timestamp), made, forwarders.ErrSignature},
		"no time":           {secret, body, "", forwarders.Sign(secret, []byte(body), ""), made, forwarders.ErrSignature},
		"zero moved over":   {secret, "text=y&message_id=1", "01785000000", forwarders.Sign(secret, []byte("text=y&message_id=10"), timestamp), made, forwarders.ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			err := forwarders.Verify(c.secret, []byte(c.body), c.timestamp, c.signature, c.now, 5*time.Minute)
			require.ErrorIs(t, err, c.want)
		})
	}
}
