package sandbox

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/paysaga/paysaga/money"
)

// A wire is how one real bank speaks: its paths, field names and codes, and what a payer's browser
// brings back from it. Behind every wire is the same engine: one book, one set of rules, one payer's
// walk, so GET /book and PUT /rules work alike for all.
//
// To add a bank, write wire_<bank>.go with a function that returns its wire, and name it in wires:
//
//   - routes registers the bank's documented paths below /wire/<bank>; both of the adapter's base
//     addresses are that. A handler decodes the request, then leaves the answer to [teller.serve],
//     whose function checks the credentials, does the thing in the book and puts what came of it into
//     the bank's words. What a handler answers outside serve no rule can disturb.
//   - Calls are named as rules name them (opToken … opRefund), whatever the bank calls them.
//   - The book's operations are verify (paid → verified), settle, reverse (unverified money back),
//     cancel (verified money back, within terms.cancel) and refund (settled money back). A bank with
//     one call for two of them looks at the charge's state first.
//   - account are the credentials that this bank accepts here, by the names of the adapter's fields;
//     everything else is refused in the bank's own code.
type wire struct {
	style
	terms terms // a zero session is the sandbox's own
	// blind: nothing but the payer's browser names the money. Who lost it must wait until the bank has given it
	// back, so that window keeps pace with the session: see [Paced].
	blind   bool
	account map[string]string
	routes  func(t *teller)
	// back is how the payer's browser returns to the merchant, and what it brings.
	back func(c Charge) way
}

// way is how a browser returns: a form's method and its fields.
type way struct {
	method string
	fields []field
}

// wires are the banks that speak as they do in the real world.
func wires() map[string]wire {
	out := map[string]wire{}
	for _, w := range []wire{asanpardakhtWire(), zarinpalWire(), zibalWire(), samanWire(), mellatWire()} {
		out[w.bank] = w
	}
	return out
}

// Wires names the banks that have a wire of their own, below /wire/<name>.
func Wires() []string { return slices.Sorted(maps.Keys(wires())) }

// Account returns the credentials that a bank's wire accepts, by the adapter's field names; nil for an
// unknown bank. They are fixed, public and worth nothing.
func Account(bank string) map[string]string { return maps.Clone(wires()[bank].account) }

// usualSession is how long a payer may stay at the bank where nothing else is set.
const usualSession = 15 * time.Minute

// Paced is a window of a real bank as it is here, where a session lives for so long instead of 15 minutes: a
// tenth of it lasts a tenth. It concerns the windows in which one can only wait; those to act in stay.
func Paced(window, session time.Duration) time.Duration {
	if session <= 0 {
		return window
	}
	return time.Duration(float64(window) * float64(session) / float64(usualSession))
}

// termsOf finds the windows that hold for a charge.
func termsOf(generic terms, all map[string]wire) func(c *Charge) terms {
	return func(c *Charge) terms {
		if !c.Wire {
			return generic
		}
		t := all[c.Bank].terms
		t.session = orElse(t.session, generic.session)
		if all[c.Bank].blind {
			t.reverse = Paced(t.reverse, t.session)
		}
		return t
	}
}

// teller is the engine as one bank's wire sees it.
type teller struct {
	wire
	s *Server
}

// handle registers a path of the bank, "POST /v1/Token".
func (t *teller) handle(method, path string, h http.HandlerFunc) {
	t.s.mux.HandleFunc(method+" /wire/"+t.bank+path, h)
}

// serve answers one call, with the failure that the rules draw for it.
func (t *teller) serve(w http.ResponseWriter, r *http.Request, op string, invoice int64, do func() reply) {
	t.s.answer(w, r, t.style, op, invoice, do)
}

// body reads a request's whole body into v, or answers 400 or 413.
func (t *teller) body(w http.ResponseWriter, r *http.Request, v any) bool {
	raw, ok := readBody(w, r)
	if ok && json.Unmarshal(raw, v) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return false
	}
	return ok
}

// open starts a session. errDuplicate means that the invoice was used before.
func (t *teller) open(c Charge) (Charge, error) {
	c.Bank, c.Wire = t.bank, true
	got, err := t.s.book.open(c)
	if err != nil && !errors.Is(err, errDuplicate) {
		t.s.log.Error("open session", "bank", t.bank, "error", err)
	}
	return got, err
}

// byInvoice, byRef and byTran find a charge as it is now.
func (t *teller) byInvoice(invoice int64) (Charge, bool) { return t.s.book.invoice(t.bank, invoice) }
func (t *teller) byTran(tran int64) (Charge, bool)       { return t.s.book.tran(t.bank, tran) }

func (t *teller) byRef(ref string) (Charge, bool) {
	c, err := t.s.book.ref(t.bank, ref)
	return c, err == nil
}

// act does one operation of the book. When it had no effect, the outcome's charge says in which state
// it was found; a zero charge means that there is none. A book that cannot be written is a 500.
func (t *teller) act(op string, tran int64) outcome {
	got, err := t.s.book.act(t.bank, op, tran)
	if err != nil {
		t.s.log.Error("bank operation", "bank", t.bank, "op", op, "error", err)
		return outcome{code: http.StatusInternalServerError}
	}
	return got
}

// show shows the payer the session called ref: buttons while it is open, then the way back.
func (t *teller) show(w http.ResponseWriter, ref, mobile string) {
	charge, ok := t.byRef(ref)
	if !ok {
		t.s.fail(w, http.StatusNotFound, "این نشست پرداخت پیدا نشد.")
		return
	}
	charge.Mobile = cutText(mobile, 14)
	t.s.showSession(w, charge)
}

// goodAmount says that n is an amount a bank could take.
func goodAmount(n int64) bool { return n > 0 && money.Rial(n) <= money.Max }

// cutText keeps the first n characters.
func cutText(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}
