package api

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

func TestRateSet(t *testing.T) {
	s := newRateSet[int](rate.Every(time.Hour), 2)
	for range 2 {
		require.NoError(t, s.take(1))
	}
	for range 3 { // a refused call does not lengthen the wait
		var p *problem
		require.True(t, errors.As(s.take(1), &p))
		require.Equal(t, 429, p.status)
		require.InDelta(t, 3600, p.retry.Seconds(), 5)
	}
	require.NoError(t, s.take(2), "each key has its own")
}

// Callers come and go; who has not called for long needs no memory.
func TestRateSetForgets(t *testing.T) {
	s := newRateSet[int](rate.Every(time.Hour), 1)
	require.NoError(t, s.take(-1))
	for key := range mostBuckets {
		s.bucket(key) // full: never used
	}
	s.bucket(mostBuckets)
	require.LessOrEqual(t, len(s.by), 3)
	require.Error(t, s.take(-1), "a used bucket is kept")
}
