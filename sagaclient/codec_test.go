package sagaclient_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"

	"github.com/paysaga/paysaga/keys"
	"github.com/paysaga/paysaga/sagaclient"
)

// Keys of 32 zeros and of 32 ones.
const (
	oldKey = "old:MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA="
	newKey = "new:MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE="
)

func codec(t *testing.T, text string) *sagaclient.Codec {
	t.Helper()
	c, err := sagaclient.NewCodec(text)
	require.NoError(t, err)
	return c
}

type fare struct {
	Rial int64  `json:"rial"`
	Note string `json:"note"`
}

func TestPayloadsAreEncrypted(t *testing.T) {
	data, _ := codec(t, oldKey).Converters()
	for _, in := range []fare{{}, {1_200_000, "کرایه"}} {
		sealed, err := data.ToPayload(in)
		require.NoError(t, err)
		require.NotContains(t, sealed.String(), "rial")
		require.NotContains(t, sealed.String(), "json")
		require.Equal(t, "old", string(sealed.Metadata["key-id"]))
		var out fare
		require.NoError(t, data.FromPayload(sealed, &out))
		require.Equal(t, in, out)
	}

	many, err := data.ToPayloads("a", nil, 3, []byte{0, 1})
	require.NoError(t, err)
	var a string
	var nothing *string
	var three int
	var raw []byte
	require.NoError(t, data.FromPayloads(many, &a, &nothing, &three, &raw))
	require.Equal(t, []any{"a", (*string)(nil), 3, []byte{0, 1}}, []any{a, nothing, three, raw})
}

func TestKeyRotation(t *testing.T) {
	before, _ := codec(t, oldKey).Converters()
	during, _ := codec(t, newKey+","+oldKey).Converters()
	after, _ := codec(t, newKey).Converters()

	sealed, err := before.ToPayload("hello")
	require.NoError(t, err)
	var out string
	require.NoError(t, during.FromPayload(sealed, &out), "a saga that began with the old key goes on")
	require.Equal(t, "hello", out)
	require.ErrorIs(t, after.FromPayload(sealed, &out), keys.ErrUnknownKey)

	sealed, err = during.ToPayload("hello")
	require.NoError(t, err)
	require.NoError(t, after.FromPayload(sealed, &out), "the new key is used at once")
}

func TestAlteredPayload(t *testing.T) {
	c := codec(t, oldKey)
	data, _ := c.Converters()
	sealed, err := data.ToPayload("hello")
	require.NoError(t, err)
	altered := proto.CloneOf(sealed)
	altered.Data[len(altered.Data)-1] ^= 1
	var out string
	require.ErrorContains(t, data.FromPayload(altered, &out), "altered")
	renamed := proto.CloneOf(sealed)
	renamed.Metadata["key-id"] = []byte("nobody's")
	_, err = c.Decode([]*commonpb.Payload{renamed})
	require.ErrorIs(t, err, keys.ErrUnknownKey)
}

// What was never encrypted is readable: recorded histories are kept in the clear.
func TestPlainPayloadPasses(t *testing.T) {
	data, _ := codec(t, oldKey).Converters()
	plain, err := converter.GetDefaultDataConverter().ToPayload(fare{Rial: 7})
	require.NoError(t, err)
	var out fare
	require.NoError(t, data.FromPayload(plain, &out))
	require.Equal(t, fare{Rial: 7}, out)
}

// A bank's words may stand in an error. They are encrypted too; only the type, which sagas decide on, is not.
func TestFailuresAreEncrypted(t *testing.T) {
	_, failures := codec(t, oldKey).Converters()
	cause := errors.New("the bank said: card 6219861900000019")
	in := temporal.NewNonRetryableApplicationError("refused: 472", "refused", cause, "472")
	failure := failures.ErrorToFailure(in)
	for _, secret := range []string{"refused: 472", "the bank said", "6219861900000019", `"472"`} {
		require.NotContains(t, failure.String(), secret)
	}
	require.Equal(t, "refused", failure.GetApplicationFailureInfo().GetType())

	var out *temporal.ApplicationError
	require.ErrorAs(t, failures.FailureToError(failure), &out)
	require.Equal(t, "refused: 472", out.Message())
	require.True(t, out.NonRetryable())
	var code string
	require.NoError(t, out.Details(&code))
	require.Equal(t, "472", code)
	require.ErrorContains(t, out.Unwrap(), "the bank said")
}

func TestBadKeys(t *testing.T) {
	_, err := sagaclient.NewCodec("")
	require.ErrorContains(t, err, "codec keys")
}
