package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// PayerRequest asks for a payer to walk from a pay link to the end. Tip is in rial.
type PayerRequest struct {
	Link    string `json:"link"`
	Do      string `json:"do"`
	Tip     int64  `json:"tip"`
	Gateway string `json:"gateway"` // empty = what the page offers first
	Mobile  string `json:"mobile"`
}

// PayerReport is what happened on the walk.
type PayerReport struct {
	Do        string    `json:"do"`
	Steps     []Step    `json:"steps"`
	Bank      string    `json:"bank,omitempty"`
	Invoice   int64     `json:"invoice,omitempty"`
	Tran      string    `json:"tran,omitempty"`
	RRN       string    `json:"rrn,omitempty"`
	State     string    `json:"state,omitempty"` // data-state of the last page of the payment
	Scheduled bool      `json:"scheduled,omitempty"`
	PaysAt    time.Time `json:"pays_at,omitzero"`
	Error     string    `json:"error,omitempty"`
}

// payer knows the hosts between which payers walk.
type payer struct {
	client    *http.Client
	api, bank *url.URL
	lateWait  time.Duration
}

// badRequest is a mistake in what the caller asked.
type badRequest struct{ error }

// notPayable is a payment that takes no money now.
type notPayable struct{ error }

// postPayer walks a payer through a payment and answers what happened.
func (s *Server) postPayer(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	var in PayerRequest
	if err := decode(body, &in); err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	link, err := s.payer.check(in)
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}

	// The walk goes on when the caller leaves: a payer does not vanish because a test timed out.
	done := make(chan walked, 1)
	scheduled := make(chan PayerReport, 1)
	s.running.Go(func() {
		report, err := s.payer.walk(s.closing, in, link, func(plan PayerReport) { scheduled <- plan })
		if err != nil {
			s.log.Warn("payer stopped", "do", in.Do, "bank", report.Bank, "invoice", report.Invoice, "error", err)
		}
		done <- walked{report, err}
	})
	select {
	case plan := <-scheduled:
		writeJSON(w, http.StatusAccepted, plan)
	case end := <-done:
		writeWalked(w, end)
	case <-r.Context().Done():
	}
}

type walked struct {
	report PayerReport
	err    error
}

func writeWalked(w http.ResponseWriter, end walked) {
	status := http.StatusOK
	var bad badRequest
	var closed notPayable
	switch {
	case end.err == nil:
	case errors.As(end.err, &bad):
		status = http.StatusBadRequest
	case errors.As(end.err, &closed):
		status = http.StatusConflict
	default:
		status = http.StatusBadGateway
	}
	if end.err != nil {
		end.report.Error = end.err.Error()
	}
	writeJSON(w, status, end.report)
}

// check reads the pay link and refuses what cannot be walked.
func (p *payer) check(in PayerRequest) (*url.URL, error) {
	if in.Link == "" {
		return nil, errors.New("link: missing")
	}
	link, err := url.Parse(in.Link)
	if err != nil || link.Host == "" {
		return nil, errors.New("link: not an absolute address")
	}
	if !sameOrigin(p.api, link) {
		return nil, fmt.Errorf("link: foreign host %s; pay links are on %s", link.Host, p.api)
	}
	if !slices.Contains(buttons, in.Do) {
		return nil, fmt.Errorf("do: unknown %q; use one of %s", in.Do, strings.Join(buttons, ", "))
	}
	if in.Tip < 0 {
		return nil, errors.New("tip: must not be negative")
	}
	return link, nil
}
