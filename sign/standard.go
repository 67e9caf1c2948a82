package sign

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of Standard Webhooks 1.0.0.
const (
	HeaderID        = "Webhook-Id"        // the same on every attempt: the receiver's key against doing things twice
	HeaderTimestamp = "Webhook-Timestamp" // unix seconds, UTC, of this attempt
	HeaderSignature = "Webhook-Signature" // one or several "v1,<base64>", separated by blanks
)

// Tolerance is how far a message's timestamp may lie from the receiver's clock, in both directions.
const Tolerance = 5 * time.Minute

const (
	secretPrefix    = "whsec_"
	version         = "v1,"
	minSecret       = 24 // bytes
	maxSecret       = 64 // bytes
	maxHeaderLength = 4096
)

// NewSecret is a fresh endpoint secret: whsec_ and the base64 of 32 random bytes.
func NewSecret() string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails: it stops the program instead
	return secretPrefix + base64.StdEncoding.EncodeToString(secret)
}

// StandardHeaders are the three headers of one attempt to deliver body at the given time. While a secret is
// being rotated give the new and the old one: each makes a signature, and the receiver needs to know one.
func StandardHeaders(id string, at time.Time, body []byte, secrets ...string) (http.Header, error) {
	if !validID(id) {
		return nil, fmt.Errorf("%w: webhook id %q", ErrMalformed, id)
	}
	keys, err := secretBytes(secrets)
	if err != nil {
		return nil, err
	}
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(keys))
	for i, key := range keys {
		mac := standardMAC(key, id, timestamp, body)
		signatures[i] = version + base64.StdEncoding.EncodeToString(mac)
	}
	header := http.Header{}
	header.Set(HeaderID, id)
	header.Set(HeaderTimestamp, timestamp)
	header.Set(HeaderSignature, strings.Join(signatures, " "))
	return header, nil
}

// VerifyStandard says whether the headers sign the raw body under one of the secrets and are at most
// [Tolerance] away from now. Signatures of other versions are passed over. The error is [ErrNoKey], [ErrNoSign],
// [ErrMalformed], [ErrTimestamp] or [ErrMismatch].
func VerifyStandard(header http.Header, body []byte, now time.Time, secrets ...string) error {
	keys, err := secretBytes(secrets)
	if err != nil {
		return err
	}
	id, timestamp, signatures, err := standardParts(header)
	if err != nil {
		return err
	}
	if err := checkTime(timestamp, now); err != nil {
		return err
	}
	matched := false
	for signature := range strings.FieldsSeq(signatures) {
		encoded, isV1 := strings.CutPrefix(signature, version)
		given, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if !isV1 || err != nil {
			continue
		}
		for _, key := range keys {
			if hmac.Equal(standardMAC(key, id, timestamp, body), given) {
				matched = true
			}
		}
	}
	if !matched {
		return ErrMismatch
	}
	return nil
}

func standardParts(header http.Header) (id, timestamp, signatures string, err error) {
	if id, err = oneHeader(header, HeaderID); err != nil {
		return "", "", "", err
	}
	if !validID(id) {
		return "", "", "", fmt.Errorf("%w: header %s", ErrMalformed, HeaderID)
	}
	if timestamp, err = oneHeader(header, HeaderTimestamp); err != nil {
		return "", "", "", err
	}
	signatures, err = oneHeader(header, HeaderSignature)
	return id, timestamp, signatures, err
}

// oneHeader takes a header that is there exactly once: of two, sender and receiver may mean different ones.
func oneHeader(header http.Header, name string) (string, error) {
	values := header.Values(name)
	if len(values) == 0 || values[0] == "" {
		return "", fmt.Errorf("%w: no header %s", ErrNoSign, name)
	}
	if len(values) > 1 || len(values[0]) > maxHeaderLength {
		return "", fmt.Errorf("%w: header %s", ErrMalformed, name)
	}
	return values[0], nil
}

func checkTime(timestamp string, now time.Time) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != timestamp {
		return fmt.Errorf("%w: header %s", ErrMalformed, HeaderTimestamp)
	}
	sent := time.Unix(seconds, 0)
	if sent.Before(now.Add(-Tolerance)) || sent.After(now.Add(Tolerance)) {
		return ErrTimestamp
	}
	return nil
}

// standardMAC is HMAC-SHA256 over "id.timestamp.body".
func standardMAC(key []byte, id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

func secretBytes(secrets []string) ([][]byte, error) {
	if len(secrets) == 0 {
		return nil, ErrNoKey
	}
	keys := make([][]byte, len(secrets))
	for i, secret := range secrets {
		encoded, prefixed := strings.CutPrefix(secret, secretPrefix)
		key, err := base64.StdEncoding.DecodeString(encoded)
		if !prefixed || err != nil || len(key) < minSecret || len(key) > maxSecret {
			return nil, fmt.Errorf("%w: secret %d is not whsec_ and the base64 of %d to %d bytes", ErrNoKey, i+1, minSecret, maxSecret)
		}
		keys[i] = key
	}
	return keys, nil
}

// validID allows visible ASCII without the dot that separates the signed parts.
func validID(id string) bool {
	if id == "" || len(id) > 255 {
		return false
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' || c == '.' {
			return false
		}
	}
	return true
}
