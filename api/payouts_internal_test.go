package api

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

// A commission that is no whole rial is rounded up, so that books stay whole.
func TestRoundUp(t *testing.T) {
	for text, want := range map[string]string{"0": "0", "7": "7", "7.01": "8", "0.5": "1", "199.999": "200"} {
		n, _ := new(big.Rat).SetString(text)
		require.Equal(t, want, roundUp(n).RatString(), text)
	}
}
