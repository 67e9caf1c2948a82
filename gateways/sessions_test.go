package gateways

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// moody is a bank that opens sessions, or fails to.
type moody struct {
	SandboxBank
	err   error
	calls int
}

func (m *moody) CreateSession(context.Context, Session) (Redirect, error) {
	m.calls++
	return Redirect{}, m.err
}

func TestABankThatIsDownIsLeftAlone(t *testing.T) {
	unavailable, unknown := &Unavailable{Op: "Token", Err: errors.New("no route")}, &Unknown{Op: "Token", Err: errors.New("timeout")}
	refused := &Refused{Op: "Token", Code: "401", Why: "no"}
	synctest.Test(t, func(t *testing.T) {
		var heard []string
		bank := &moody{SandboxBank: SandboxBank{name: "shaky"}}
		s := NewSessions(Registry{"shaky": bank}, 30*time.Second, func(name string, down bool) { heard = append(heard, fmt.Sprint(name, down)) })
		try := func(err error) error {
			bank.err = err
			_, got := s.Open(t.Context(), bank, Session{})
			return got
		}
		// Refusals are the merchant's or the payment's, and a success clears the slate.
		for range 20 {
			require.ErrorIs(t, try(refused), refused)
		}
		for range 4 {
			require.ErrorIs(t, try(unknown), unknown)
		}
		require.NoError(t, try(nil))
		for range 4 {
			require.ErrorIs(t, try(unavailable), unavailable)
		}
		require.False(t, s.Down("shaky"))
		time.Sleep(time.Minute + time.Second) // old failures do not count
		for range 4 {
			require.Error(t, try(unknown))
		}
		require.False(t, s.Down("shaky"))
		require.Error(t, try(unknown))
		require.True(t, s.Down("shaky"))

		// Left alone: nobody is called.
		before := bank.calls
		require.Equal(t, ClassUnavailable, Classify(try(nil)))
		require.Equal(t, before, bank.calls)
		// Then one tries, and its word decides.
		time.Sleep(31 * time.Second)
		require.False(t, s.Down("shaky"))
		require.ErrorIs(t, try(unknown), unknown)
		require.True(t, s.Down("shaky"))
		time.Sleep(31 * time.Second)
		require.NoError(t, try(nil))
		require.False(t, s.Down("shaky"))
		require.Equal(t, []string{"shakytrue", "shakytrue", "shakyfalse"}, heard)
	})
}

func TestABankIsNeverLeftAloneWithoutAPause(t *testing.T) {
	bank := &moody{SandboxBank: SandboxBank{name: "shaky"}, err: &Unknown{Op: "Token", Err: errors.New("timeout")}}
	s := NewSessions(Registry{"shaky": bank}, 0, nil)
	for range 50 {
		_, err := s.Open(t.Context(), bank, Session{})
		require.Error(t, err)
	}
	require.Equal(t, 50, bank.calls)
	require.False(t, s.Down("shaky"))
	require.False(t, s.Down("nobody"))
}
