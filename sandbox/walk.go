package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"
)

const (
	// The caller waits for a late payer whose time comes this soon; a later one goes on alone.
	defaultLateWait = time.Minute
	// A late payer goes to the bank this long before the deadline.
	lateLead = 10 * time.Second
	// A late payer pays this long after the deadline.
	lateBy = time.Second
	// A walk without its waiting takes less than this, or something is broken.
	walkTime = time.Minute
	// The result page may still be asking the bank; the payer watches it this long.
	watchTime  = 10 * time.Second
	watchPause = 100 * time.Millisecond
)

// walk is one payer on the way from a pay link to the result.
type walk struct {
	in       PayerRequest
	link     *url.URL
	lateWait time.Duration
	browser  *browser
	report   PayerReport
}

// walk sends a payer from the hosted page over the bank back to the result page. A late payer whose
// time is far is told to scheduled, and walks when the time has come.
func (p *payer) walk(ctx context.Context, in PayerRequest, link *url.URL, scheduled func(PayerReport)) (PayerReport, error) {
	b, err := newBrowser(p.client, p.api, p.bank)
	if err != nil {
		return PayerReport{Do: in.Do}, err
	}
	w := &walk{in: in, link: link, lateWait: p.lateWait, browser: b, report: PayerReport{Do: in.Do}}
	err = w.run(ctx, scheduled)
	return w.result(), err
}

func (w *walk) result() PayerReport {
	out := w.report
	out.Steps = append([]Step{}, w.browser.steps...)
	return out
}

func (w *walk) run(ctx context.Context, scheduled func(PayerReport)) error {
	hosted, err := w.openLink(ctx)
	if err != nil {
		return err
	}
	var deadline time.Time
	if w.in.Do == doPayLate {
		if deadline, err = w.deadline(hosted); err != nil {
			return err
		}
		w.report.PaysAt = deadline.Add(lateBy).UTC()
		if time.Until(deadline) > w.lateWait {
			plan := w.result()
			plan.Scheduled = true
			scheduled(plan)
			if !sleep(ctx, time.Until(deadline)-lateLead) {
				return ctx.Err()
			}
			if hosted, err = w.openLink(ctx); err != nil {
				return err
			}
		}
	}

	ctx, cancel := context.WithTimeout(ctx, w.lateWait+lateLead+walkTime)
	defer cancel()
	atBank, err := w.chooseBank(ctx, hosted)
	if err != nil {
		return err
	}
	after, err := w.press(ctx, atBank, deadline)
	if err != nil || w.in.Do == doLoseCallback {
		return err
	}
	return w.comeBack(ctx, after)
}

// openLink shows the hosted page and notes the payment's state.
func (w *walk) openLink(ctx context.Context) (*screen, error) {
	s, err := w.browser.visit(ctx, http.MethodGet, w.link, nil)
	if err != nil {
		return nil, err
	}
	if payment := s.byID("main", "payment"); payment != nil {
		w.report.State = attr(payment, "data-state")
		return s, nil
	}
	return nil, errors.New("the link does not show a payment: no <main id=payment>")
}

// deadline reads when the payment ends, on this machine's clock.
func (w *walk) deadline(s *screen) (time.Time, error) {
	payment := s.byID("main", "payment")
	deadline, err := time.Parse(time.RFC3339, attr(payment, "data-deadline"))
	if err != nil {
		return time.Time{}, fmt.Errorf("pay page: data-deadline: %w", err)
	}
	now, err := time.Parse(time.RFC3339, attr(payment, "data-now"))
	if err != nil {
		return time.Time{}, fmt.Errorf("pay page: data-now: %w", err)
	}
	return time.Now().Add(deadline.Sub(now)), nil
}

// chooseBank fills in the hosted page's form and follows it to the bank.
func (w *walk) chooseBank(ctx context.Context, hosted *screen) (*screen, error) {
	form := hosted.byID("form", "pay")
	if form == nil {
		return nil, notPayable{fmt.Errorf("the payment takes no money now: its state is %q", w.report.State)}
	}
	values := fields(form)
	if err := chooseGateway(form, values, w.in.Gateway); err != nil {
		return nil, err
	}
	if w.in.Tip > 0 {
		values.Set("tip", strconv.FormatInt(w.in.Tip, 10))
	}
	if w.in.Mobile != "" {
		values.Set("mobile", w.in.Mobile)
	}
	s, err := w.browser.submit(ctx, hosted, form, values)
	if err != nil {
		return nil, err
	}
	if toBank := s.byID("form", "to-bank"); toBank != nil {
		if s, err = w.browser.submit(ctx, s, toBank, fields(toBank)); err != nil {
			return nil, err
		}
	} else if toBank := s.byID("a", "to-bank"); toBank != nil {
		to, err := s.url.Parse(attr(toBank, "href"))
		if err != nil {
			return nil, fmt.Errorf("the way to the bank: %w", err)
		}
		if s, err = w.browser.visit(ctx, http.MethodGet, to, nil); err != nil {
			return nil, err
		}
	}
	if s.byID("main", "bank") == nil {
		return nil, fmt.Errorf("the pay page did not lead to the bank but to %s", s.url.Path)
	}
	w.note(s)
	return s, nil
}

// chooseGateway picks the asked bank, or keeps the page's choice, or takes the first it offers.
func chooseGateway(form *html.Node, values url.Values, asked string) error {
	var offered []string
	for n := range form.Descendants() {
		if n.Data == "input" && attr(n, "name") == "gateway" {
			offered = append(offered, attr(n, "value"))
		}
	}
	switch {
	case asked != "" && !slices.Contains(offered, asked):
		return badRequest{fmt.Errorf("gateway: %q is not offered; the page offers %s", asked, strings.Join(offered, ", "))}
	case asked != "":
		values.Set("gateway", asked)
	case !values.Has("gateway") && len(offered) > 0:
		values.Set("gateway", offered[0])
	}
	return nil
}

// press presses the bank's button. A late payer stays on the bank's waiting page until the money moves.
func (w *walk) press(ctx context.Context, atBank *screen, deadline time.Time) (*screen, error) {
	form := atBank.find(func(n *html.Node) bool {
		return n.Data == "form" && find(n, func(b *html.Node) bool { return b.Data == "button" && attr(b, "value") == w.in.Do }) != nil
	})
	if form == nil {
		return nil, fmt.Errorf("the bank's page has no button %s: the session is %s", w.in.Do, attr(atBank.byID("main", "bank"), "data-state"))
	}
	values := fields(form)
	values.Set("do", w.in.Do)
	if w.in.Do == doPayLate {
		values.Set("seconds", strconv.Itoa(max(1, int(math.Ceil(time.Until(deadline.Add(lateBy)).Seconds())))))
	}
	s, err := w.browser.submit(ctx, atBank, form, values)
	if err != nil {
		return nil, err
	}
	for {
		next := s.find(func(n *html.Node) bool { return n.Data == "a" && attr(n, "id") == "return" })
		if next == nil {
			w.note(s)
			return s, nil
		}
		to, err := s.url.Parse(attr(next, "href"))
		if err != nil {
			return nil, fmt.Errorf("waiting page: %w", err)
		}
		if !sleep(ctx, max(time.Until(deadline.Add(lateBy)), watchPause)) {
			return nil, ctx.Err()
		}
		if s, err = w.browser.visit(ctx, http.MethodGet, to, nil); err != nil {
			return nil, err
		}
	}
}

// note takes down what the bank's page tells.
func (w *walk) note(s *screen) {
	bank := s.byID("main", "bank")
	if bank == nil {
		return
	}
	w.report.Bank = attr(bank, "data-bank")
	w.report.Invoice, _ = strconv.ParseInt(attr(bank, "data-invoice"), 10, 64)
	w.report.Tran, w.report.RRN = attr(bank, "data-tran"), attr(bank, "data-rrn")
}

// comeBack sends the callback and watches the result page until the payment is decided.
func (w *walk) comeBack(ctx context.Context, after *screen) error {
	form := after.byID("form", "to-merchant")
	if form == nil {
		return errors.New("the bank's page has no way back to the merchant")
	}
	s, err := w.browser.submit(ctx, after, form, fields(form))
	if err != nil {
		return err
	}
	payment := s.byID("main", "payment")
	if payment == nil {
		return fmt.Errorf("the callback did not lead to the payment but to %s", s.url.Path)
	}
	w.report.State = attr(payment, "data-state")
	if attr(payment, "data-status-url") == "" {
		return nil
	}
	status, err := s.url.Parse(attr(payment, "data-status-url"))
	if err != nil {
		return fmt.Errorf("result page: data-status-url: %w", err)
	}
	return w.watch(ctx, status)
}

// watch polls the status as the result page's script does. Its polls are not steps.
func (w *walk) watch(ctx context.Context, status *url.URL) error {
	end := time.Now().Add(watchTime)
	for w.report.State == "checking" && time.Now().Before(end) && sleep(ctx, watchPause) {
		steps := len(w.browser.steps)
		res, body, err := w.browser.send(ctx, http.MethodGet, status, nil)
		if err != nil {
			return err
		}
		var now struct {
			State    string `json:"state"`
			Checking bool   `json:"checking"`
		}
		if err := json.Unmarshal(body, &now); err != nil || res.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s answered %d: %s", status.Path, res.StatusCode, excerpt(body))
		}
		w.browser.steps = w.browser.steps[:steps]
		if !now.Checking {
			w.report.State = now.State
		}
	}
	return nil
}

// sleep lets d pass, unless ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
