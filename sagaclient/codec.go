package sagaclient

import (
	"fmt"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"

	commonpb "go.temporal.io/api/common/v1"

	"github.com/paysaga/paysaga/keys"
)

const (
	encoding   = "binary/encrypted"
	keyIDField = "key-id"
)

// Codec encrypts every payload that reaches the Temporal server, so that its database, backups and
// UI hold nothing readable without our keys.
type Codec struct{ ring *keys.Ring }

// NewCodec makes a codec from PAYSAGA_CODEC_KEYS.
func NewCodec(text string) (*Codec, error) {
	ring, err := keys.Parse(text, "codec")
	if err != nil {
		return nil, err
	}
	return &Codec{ring}, nil
}

// Encode implements converter.PayloadCodec.
func (c *Codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		plain, err := proto.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("encode payload: %w", err)
		}
		id, sealed := c.ring.Seal(plain, nil)
		out[i] = &commonpb.Payload{
			Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encoding), keyIDField: []byte(id)},
			Data:     sealed,
		}
	}
	return out, nil
}

// Decode implements converter.PayloadCodec. Payloads that were never encrypted pass.
func (c *Codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if string(p.Metadata[converter.MetadataEncoding]) != encoding {
			out[i] = p
			continue
		}
		plain, err := c.ring.Open(string(p.Metadata[keyIDField]), p.Data, nil)
		if err != nil {
			return nil, fmt.Errorf("decode payload: %w", err)
		}
		out[i] = &commonpb.Payload{}
		if err := proto.Unmarshal(plain, out[i]); err != nil {
			return nil, fmt.Errorf("decode payload: %w", err)
		}
	}
	return out, nil
}

// Converters are what every client, worker and replayer must agree on.
func (c *Codec) Converters() (converter.DataConverter, converter.FailureConverter) {
	data := converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), c)
	return data, temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter:          data,
		EncodeCommonAttributes: true, // messages and stack traces too
	})
}
