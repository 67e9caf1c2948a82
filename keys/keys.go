// Package keys reads sets of symmetric keys ("id:base64,id:base64") and seals bytes with them. The
// first key seals; every key opens, so that keys can be rotated.
package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ErrUnknownKey means that the key that sealed something is not in the set.
var ErrUnknownKey = errors.New("unknown key")

// Ring is a set of keys for one purpose.
type Ring struct {
	newest string
	aeads  map[string]cipher.AEAD
	mac    []byte // from the oldest key, so that keyed hashes survive a rotation
}

// Parse reads "id:base64,…" with keys of 32 bytes, the newest first. The purpose separates what one
// secret is used for.
func Parse(text, purpose string) (*Ring, error) {
	r := &Ring{aeads: map[string]cipher.AEAD{}}
	for _, item := range strings.Split(text, ",") {
		id, encoded, ok := strings.Cut(strings.TrimSpace(item), ":")
		if !ok || id == "" {
			return nil, fmt.Errorf("%s keys: want id:base64, separated by commas", purpose)
		}
		secret, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(secret) != 32 {
			return nil, fmt.Errorf("%s key %q: want 32 bytes in base64", purpose, id)
		}
		aead, mac, err := derive(secret, purpose)
		if err != nil {
			return nil, fmt.Errorf("%s key %q: %w", purpose, id, err)
		}
		if _, twice := r.aeads[id]; twice {
			return nil, fmt.Errorf("%s key %q appears twice", purpose, id)
		}
		if r.newest == "" {
			r.newest = id
		}
		r.aeads[id], r.mac = aead, mac
	}
	return r, nil
}

func derive(secret []byte, purpose string) (cipher.AEAD, []byte, error) {
	sealing, err := hkdf.Key(sha256.New, secret, nil, "paysaga "+purpose+" sealing", 32)
	if err != nil {
		return nil, nil, err
	}
	mac, err := hkdf.Key(sha256.New, secret, nil, "paysaga "+purpose+" hashing", 32)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	return aead, mac, err
}

// Seal encrypts with the newest key and binds the result to context, which Open must repeat.
func (r *Ring) Seal(plain, context []byte) (keyID string, sealed []byte) {
	aead := r.aeads[r.newest]
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	_, _ = rand.Read(nonce) // never fails; the process ends if the system has no randomness
	return r.newest, aead.Seal(nonce, nonce, plain, context)
}

// Open decrypts what the key with this id sealed.
func (r *Ring) Open(keyID string, sealed, context []byte) ([]byte, error) {
	aead, ok := r.aeads[keyID]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownKey, keyID)
	}
	if len(sealed) < aead.NonceSize() {
		return nil, errors.New("sealed text is too short")
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], context)
	if err != nil {
		return nil, errors.New("sealed text was altered or belongs elsewhere")
	}
	return plain, nil
}

// Hash is a keyed hash for finding equal secrets without opening them.
func (r *Ring) Hash(plain []byte) []byte {
	mac := hmac.New(sha256.New, r.mac)
	mac.Write(plain)
	return mac.Sum(nil)
}
