package sign

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// protocolVector is one row of the reference vectors, which are there only where the reference material is.
type protocolVector struct {
	Name     string
	Key      string
	Signed   string
	Sign     string
	SHA256   string `json:"signed_sha256"`
	WireA    string
	WireB    string
	Wrong    map[string]string
	Extra    map[string]string
	Variants []struct{ How, Bytes, Sign string }
}

func TestReferenceVectors(t *testing.T) {
	var vectors []protocolVector
	require.NoError(t, json.Unmarshal(findUpwards(t, "shared/data/cryptomus_vectors.json"), &vectors))
	require.NotEmpty(t, vectors)
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			switch {
			case v.WireA != "":
				checkWebhookVector(t, v)
			case v.Variants != nil:
				for _, variant := range v.Variants {
					require.NoError(t, Verify([]byte(variant.Bytes), variant.Sign, v.Key), variant.How)
				}
			default:
				require.Equal(t, v.Sign, Sign([]byte(v.Signed), v.Key))
				for body, sign := range v.Extra {
					require.Equal(t, sign, Sign([]byte(body), v.Key))
				}
			}
		})
	}
}

func checkWebhookVector(t *testing.T, v protocolVector) {
	sum := sha256.Sum256([]byte(v.Signed))
	require.Equal(t, v.SHA256, hex.EncodeToString(sum[:]))
	require.Equal(t, v.Sign, Sign([]byte(v.Signed), v.Key))
	fields, err := readObject([]byte(v.WireB))
	require.NoError(t, err)
	fields, _ = takeSign(fields)
	signed, err := appendObject(nil, fields)
	require.NoError(t, err)
	require.Equal(t, v.Signed, string(signed), "from the escaped wire back to the signed text")
	body, err := Body(v.Key, fields...)
	require.NoError(t, err)
	require.Equal(t, v.WireA, string(body))

	for _, wire := range []string{v.WireA, v.WireB} {
		require.NoError(t, VerifyWebhook([]byte(wire), v.Key))
		require.NoError(t, VerifyWebhook([]byte(wire), "test-payout-api-key", v.Key))
		require.ErrorIs(t, VerifyWebhook([]byte(wire), "test-payout-api-key"), ErrMismatch)
		for how, wrong := range v.Wrong {
			if wrong == v.Sign { // the wrong method has nothing to get wrong in this text
				continue
			}
			altered := strings.Replace(wire, v.Sign, wrong, 1)
			require.ErrorIs(t, VerifyWebhook([]byte(altered), v.Key), ErrMismatch, how)
		}
	}
}

// phpVector is one row of testdata/php.json, written by testdata/php.php.
type phpVector struct {
	Name     string
	Wire     []byte
	Signed   any // text, or false where PHP cannot sign
	Accepted bool
}

// refusedHere are the bodies PHP accepts and we do not.
var refusedHere = []string{"name twice", "sign twice"}

func TestVerdictsOfPHP(t *testing.T) {
	text, err := os.ReadFile("testdata/php.json")
	require.NoError(t, err)
	var vectors []phpVector
	require.NoError(t, json.Unmarshal(text, &vectors))
	require.Greater(t, len(vectors), 100)
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			err := VerifyWebhook(v.Wire, "test-payment-api-key")
			switch {
			case v.Signed == false: // PHP cannot read it; a lax reader could, and sign what it thinks it read
				require.ErrorIs(t, err, ErrMalformed)
				return
			case !v.Accepted:
				require.Error(t, err)
				return
			}
			for _, name := range refusedHere {
				if strings.HasPrefix(v.Name, name) {
					require.ErrorIs(t, err, ErrMalformed)
					return
				}
			}
			require.NoError(t, err)
			require.ErrorIs(t, VerifyWebhook(v.Wire, "test-payout-api-key"), ErrMismatch)
			if signed, ok := v.Signed.(string); ok {
				ours, err := rewrite(v.Wire)
				require.NoError(t, err)
				require.Equal(t, signed, ours)
			}
		})
	}
}

// rewrite is the text a body's signature is made over.
func rewrite(wire []byte) (string, error) {
	fields, err := readObject(wire)
	if err != nil {
		return "", err
	}
	fields, _ = takeSign(fields)
	text, err := appendObject(nil, fields)
	return string(text), err
}

// findUpwards reads the file in this folder or the nearest one above that has it, and skips the test without.
func findUpwards(t *testing.T, name string) []byte {
	dir, err := os.Getwd()
	require.NoError(t, err)
	for ; ; dir = filepath.Dir(dir) {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			return text
		}
		if dir == filepath.Dir(dir) {
			t.Skip("no " + name + " above this folder")
		}
	}
}
