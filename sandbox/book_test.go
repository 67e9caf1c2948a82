package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func testBook(t testing.TB, path string, now func() time.Time) *book {
	t.Helper()
	b, err := openBook(path, testTerms, now)
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.close() })
	return b
}

func testTerms(*Charge) terms { return genericTerms(15*time.Minute, 30*time.Minute) }

func everyCharge(*Charge) bool { return true }

func TestBookSurvivesARestart(t *testing.T) {
	w := newWorld(t)
	for i, state := range states {
		w.bring(state, int64(i+1))
	}
	before := w.getBook("")
	require.Len(t, before.Charges, len(states))

	again, err := New(w.cfg)
	require.NoError(t, err)
	defer again.Close()
	require.Equal(t, before.Charges, again.book.list(everyCharge))

	_, err = again.book.open(Charge{Bank: "test", Invoice: 1, Amount: 1})
	require.ErrorIs(t, err, errDuplicate)
	next, err := again.book.open(Charge{Bank: "test", Invoice: 1000, Amount: 1})
	require.NoError(t, err)
	require.EqualValues(t, firstTran+len(states)+1, next.Tran, "numbers go on where they stopped")
}

func TestBookDropsATornLastLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "book.jsonl")
	b := testBook(t, path, time.Now)
	_, err := b.open(Charge{Bank: "test", Invoice: 1, Amount: 5})
	require.NoError(t, err)
	require.NoError(t, b.close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(whole, whole[:40]...), 0o600))

	b = testBook(t, path, time.Now)
	_, err = b.open(Charge{Bank: "test", Invoice: 2, Amount: 5})
	require.NoError(t, err)
	require.NoError(t, b.close())
	require.Len(t, testBook(t, path, time.Now).list(everyCharge), 2)
}

func TestBookRefusesABrokenLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book.jsonl")
	require.NoError(t, os.WriteFile(path, []byte("{\"bank\":\n{}\n"), 0o600))
	_, err := openBook(path, testTerms, time.Now)
	require.ErrorContains(t, err, "line 1")
}

func TestWhatCannotBeWrittenDidNotHappen(t *testing.T) {
	b := testBook(t, filepath.Join(t.TempDir(), "book.jsonl"), time.Now)
	c, err := b.open(Charge{Bank: "test", Invoice: 1, Amount: 5})
	require.NoError(t, err)
	require.NoError(t, b.journal.close())

	_, err = b.pay("test", c.RefID, false)
	require.Error(t, err)
	_, err = b.open(Charge{Bank: "test", Invoice: 2, Amount: 5})
	require.Error(t, err)
	require.Equal(t, []Charge{c.public()}, b.list(everyCharge))
}

func TestBookDecidesRacesOnce(t *testing.T) {
	b := testBook(t, filepath.Join(t.TempDir(), "book.jsonl"), time.Now)
	const invoices, rivals = 20, 8
	var opened, paid, verified, settled, undone atomic.Int64
	var wg sync.WaitGroup
	for invoice := range int64(invoices) {
		for range rivals {
			wg.Go(func() {
				c, err := b.open(Charge{Bank: "test", Invoice: invoice + 1, Amount: 5})
				if errors.Is(err, errDuplicate) {
					return
				}
				opened.Add(1)
				var inner sync.WaitGroup
				for range rivals {
					inner.Go(func() {
						_, err := b.change("test", c.RefID, func(c *Charge) bool {
							if c.State != Open {
								return false
							}
							paid.Add(1)
							c.pay(b.now(), b.terms(c))
							return true
						})
						if err != nil {
							t.Error(err)
						}
						count(t, b, opVerify, c.Tran, &verified)
						count(t, b, opSettle, c.Tran, &settled)
						count(t, b, opCancel, c.Tran, &undone)
						_ = b.list(everyCharge)
					})
				}
				inner.Wait()
			})
		}
	}
	wg.Wait()
	require.EqualValues(t, invoices, opened.Load())
	require.EqualValues(t, invoices, paid.Load())
	require.EqualValues(t, invoices, verified.Load())
	require.EqualValues(t, invoices, settled.Load()+undone.Load(), "settled or cancelled, never both")
}

func count(t *testing.T, b *book, op string, tran int64, n *atomic.Int64) {
	got, err := b.act("test", op, tran)
	if err != nil {
		t.Error(err)
	}
	if got.effect {
		n.Add(1)
	}
}

func TestChargeInTime(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const window = 30 * time.Minute
	open := Charge{State: Open, CreatedAt: start, ExpiresAt: start.Add(15 * time.Minute)}
	late := open
	late.PayAt = start.Add(14 * time.Minute)
	tooLate := open
	tooLate.PayAt = open.ExpiresAt

	for name, c := range map[string]struct {
		charge Charge
		after  time.Duration
		want   State
	}{
		"open":                      {open, 15*time.Minute - 1, Open},
		"expired":                   {open, 15 * time.Minute, Expired},
		"late payer, before":        {late, 14*time.Minute - 1, Open},
		"late payer":                {late, 14 * time.Minute, Paid},
		"late payer, seen later":    {late, 20 * time.Minute, Paid},
		"late payer, returned":      {late, 44 * time.Minute, Reversed},
		"payer after the session":   {tooLate, 20 * time.Minute, Expired},
		"payer at the very end":     {tooLate, 15 * time.Minute, Expired},
		"expired stays so for long": {open, 100 * time.Hour, Expired},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, c.charge.at(start.Add(c.after), testTerms(nil)).State)
		})
	}
	seen := late.at(start.Add(time.Hour), testTerms(nil))
	require.Equal(t, late.PayAt, seen.PaidAt)
	require.Equal(t, late.PayAt.Add(window), seen.ReturnedAt)
}

func TestCancelWindowFromPaymentOrVerification(t *testing.T) {
	paid := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	verified := paid.Add(20 * time.Minute)
	for name, c := range map[string]struct {
		fromVerify bool
		at         time.Time
		want       int
	}{
		"from payment, in time":      {false, paid.Add(time.Hour), codeOK},
		"from payment, late":         {false, paid.Add(time.Hour + 1), codeCancelLate},
		"from verification, in time": {true, verified.Add(time.Hour), codeOK},
		"from verification, late":    {true, verified.Add(time.Hour + 1), codeCancelLate},
	} {
		t.Run(name, func(t *testing.T) {
			charge := Charge{State: Verified, PaidAt: paid, VerifiedAt: verified}
			require.Equal(t, c.want, charge.act(opCancel, c.at, terms{cancel: time.Hour, fromVerify: c.fromVerify}))
		})
	}
}

func BenchmarkBook(b *testing.B) {
	book := testBook(b, filepath.Join(b.TempDir(), "book.jsonl"), time.Now)
	var invoice atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() { // a whole charge: five changes
			c, err := book.open(Charge{Bank: "test", Invoice: invoice.Add(1), Amount: 5, Callback: "http://127.0.0.1:8080/pay/callback/1/x"})
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = book.pay("test", c.RefID, false)
			_, _ = book.act("test", opVerify, c.Tran)
			_, _ = book.act("test", opSettle, c.Tran)
			_, _ = book.act("test", opRefund, c.Tran)
		}
	})
}
