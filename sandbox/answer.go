package sandbox

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"time"
)

// How a call to a bank is answered: by what the book says, or by the failure that the rules draw.

// reply is what a bank has to say to one call.
type reply struct {
	code   int
	body   any // nil = none; page, xml, odd, or a value that becomes JSON
	effect bool
	hang   bool
}

// page is a body of HTML.
type page string

// xml is a body of SOAP.
type xml string

// odd is an answer that is wrong below the level of codes: one of the failures empty, huge, redirect, drip.
type odd struct {
	kind string
	hold time.Duration // drip: for so long
}

// style is one bank's words for the failures that rules play.
type style struct {
	bank    string
	refuse  func(op string) reply // a final no, nothing done
	unknown func(op string) reply // "undetermined"
	inside  func(op string) reply // 200 with an error inside
	// statusOnly operations are answered by status alone. There an odd answer comes with 502, because
	// any 200 would be a yes. nil = none is.
	statusOnly func(op string) bool
}

// answer answers one call to a bank, with the failure that the rules draw for it.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, bank style, op string, invoice int64, do func() reply) {
	set := s.rules.get().Bank
	failure, slow := set.draw(op)
	if slow > 0 && !s.wait(r, slow) {
		return
	}

	var got reply
	switch {
	case failure == failTimeoutBefore, failure == failRefuse:
	case failure == "", failure == failTimeoutAfter, rand.IntN(2) == 0:
		got = do()
	}

	call := Call{At: s.book.now(), Bank: bank.bank, Op: op, Invoice: invoice, Effect: got.effect, Rule: failure}
	switch {
	case failure == failTimeoutBefore, failure == failTimeoutAfter, got.hang:
		if failure == "" {
			call.Rule = "verify_timeout"
		}
		s.calls.add(call)
		s.hold(w, r, orElse(set.Hold, defaultHold))
		return
	case failure != "":
		got = bank.fail(op, failure, orElse(set.Hold, defaultHold))
	}
	call.Answer = got.code
	s.calls.add(call)
	s.log.Debug("bank call", "bank", call.Bank, "op", op, "invoice", invoice, "answer", got.code, "effect", call.Effect, "rule", call.Rule)
	s.write(w, r, got)
}

// fail is the bank's answer when a failure is played that has one.
func (b style) fail(op, failure string, hold time.Duration) reply {
	switch failure {
	case failRefuse:
		return b.refuse(op)
	case failUnknown:
		return b.unknown(op)
	case failInside:
		return b.inside(op)
	}
	status := http.StatusOK
	if b.statusOnly != nil && b.statusOnly(op) {
		status = http.StatusBadGateway
	}
	return oddity(failure, status, hold)
}

// oddity is an answer that makes no sense: a proxy's page where JSON should be, nothing, far too much.
func oddity(failure string, status int, hold time.Duration) reply {
	if failure == failGarbage {
		return reply{code: status, body: page("<html><body><h1>Bad Gateway</h1></body></html>")}
	}
	if failure == failRedirect {
		status = http.StatusTemporaryRedirect
	}
	return reply{code: status, body: odd{failure, hold}}
}

func (s *Server) write(w http.ResponseWriter, r *http.Request, got reply) {
	switch body := got.body.(type) {
	case nil:
		w.WriteHeader(got.code)
	case page:
		writeText(w, got.code, "text/html", string(body))
	case xml:
		writeText(w, got.code, "text/xml; charset=utf-8", string(body))
	case odd:
		s.writeOdd(w, r, got.code, body)
	default:
		writeJSON(w, got.code, body)
	}
}

func writeText(w http.ResponseWriter, status int, kind, body string) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // the client left; nobody to tell
}

const (
	hugeAnswer = 100 << 20 // bytes
	dripPause  = 5 * time.Millisecond
)

func (s *Server) writeOdd(w http.ResponseWriter, r *http.Request, status int, body odd) {
	switch body.kind {
	case failRedirect:
		w.Header().Set("Location", "/healthz")
		w.WriteHeader(status)
	case failHuge:
		w.WriteHeader(status)
		chunk := bytes.Repeat([]byte{'9'}, 1<<20)
		for range hugeAnswer / len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	case failDrip:
		w.WriteHeader(status)
		for begin := time.Now(); time.Since(begin) < body.hold && s.wait(r, dripPause); {
			_, _ = w.Write([]byte{' '})
			_ = http.NewResponseController(w).Flush()
		}
		s.hangUp(w)
	default: // empty
		w.WriteHeader(status)
	}
}

// wait lets d pass, unless the client leaves or the sandbox closes first.
func (s *Server) wait(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-s.closing.Done():
	}
	return false
}

// hold keeps the client waiting and then breaks the connection without an answer.
func (s *Server) hold(w http.ResponseWriter, r *http.Request, d time.Duration) {
	s.wait(r, d)
	s.hangUp(w)
}

func (s *Server) hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusGatewayTimeout) // a recorder or HTTP/2: the nearest thing
		return
	}
	conn.Close()
}
