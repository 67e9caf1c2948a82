package forwarders

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"time"
)

// Errors of Verify.
var (
	ErrSignature = errors.New("the signature is wrong")
	ErrStale     = errors.New("the signature is too old or the clock is wrong")
)

// Sign is the hex HMAC-SHA256 of the body followed by the timestamp (Unix seconds as text), as the header
// X-Signature carries it. SMS Gateway for Android signs the same way.
func Sign(secret string, body []byte, timestamp string) string {
	return hex.EncodeToString(sum(secret, body, timestamp))
}

func sum(secret string, body []byte, timestamp string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	mac.Write([]byte(timestamp))
	return mac.Sum(nil)
}

// Verify checks a signature in constant time and that it was made within `within` of now. It says
// ErrStale only of a right signature.
func Verify(secret string, body []byte, timestamp, signature string, now time.Time, within time.Duration) error {
	given, err := hex.DecodeString(signature)
	if err != nil || secret == "" || !hmac.Equal(given, sum(secret, body, timestamp)) {
		return ErrSignature
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	// Digits of a body's end must not pass as zeros in front of the timestamp.
	if err != nil || strconv.FormatInt(seconds, 10) != timestamp {
		return ErrSignature
	}
	if now.Sub(time.Unix(seconds, 0)).Abs() > within {
		return ErrStale
	}
	return nil
}
