package sign

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
)

// What the checks of this package find wrong. Compare with errors.Is.
var (
	// ErrNoKey means the caller gave no key or secret, or an empty one: nothing can be trusted then.
	ErrNoKey = errors.New("no key to check the signature with")
	// ErrNoSign means there is no signature: header or member missing or empty.
	ErrNoSign = errors.New("signature is missing")
	// ErrMismatch means the signature was made over something else or with another key.
	ErrMismatch = errors.New("signature does not match")
	// ErrMalformed means the body or a header cannot be read without ambiguity.
	ErrMalformed = errors.New("malformed")
	// ErrTimestamp means the message is older or newer than [Tolerance].
	ErrTimestamp = errors.New("timestamp is outside the tolerance")
)

// Sign is the value of the header `sign` for a request: MD5 in lower-case hex over the base64 of the
// body followed by the key. Send exactly the bytes that were signed; a request without a body signs nil.
func Sign(body []byte, key string) string {
	text := append(base64.StdEncoding.AppendEncode(nil, body), key...)
	sum := md5.Sum(text)
	return hex.EncodeToString(sum[:])
}

// Verify says whether sign is the signature of the raw body under one of the keys. The error is
// [ErrNoKey], [ErrNoSign] or [ErrMismatch].
func Verify(body []byte, sign string, keys ...string) error {
	if err := needKeys(keys); err != nil {
		return err
	}
	if sign == "" {
		return ErrNoSign
	}
	matched := 0
	for _, key := range keys {
		matched |= subtle.ConstantTimeCompare([]byte(Sign(body, key)), []byte(sign))
	}
	if matched == 0 {
		return ErrMismatch
	}
	return nil
}

// needKeys refuses an empty key instead of skipping it: an unset variable must not pass for a secret.
func needKeys(keys []string) error {
	if len(keys) == 0 {
		return ErrNoKey
	}
	for _, key := range keys {
		if key == "" {
			return ErrNoKey
		}
	}
	return nil
}
