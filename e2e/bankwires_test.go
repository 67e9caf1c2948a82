package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/sandbox"
)

// The whole saga through every real bank's adapter, at a sandbox that speaks as that bank does.

// wireLife is how long a session can be paid; the windows in which one can only wait keep pace.
const wireLife = 8 * time.Second

// wired is one bank and what is peculiar to it.
type wired struct {
	name      string
	kept      visit  // collected money
	back      visit  // verified money that went back; the zero one: this bank gives none back
	blind     bool   // only the payer's browser tells of money
	undecided bool   // a payer who declined may try again for as long as the session lives
	elsewhere string // another bank of the same merchant
}

var wiredBanks = []wired{
	{name: "asanpardakht", kept: settled, back: returned, undecided: true, elsewhere: "zarinpal"},
	{name: "zarinpal", kept: visit{"settled", "verified", "token verify"}, back: visit{"refunded", "cancelled", "token verify reverse"}, undecided: true, elsewhere: "mellat"},
	{name: "zibal", kept: visit{"settled", "verified", "token verify"}, elsewhere: "asanpardakht"},
	{name: "saman", kept: visit{"settled", "verified", "token verify"}, back: returned, blind: true, elsewhere: "asanpardakht"},
	{name: "mellat", kept: settled, back: returned, blind: true, elsewhere: "asanpardakht"},
}

func TestEveryBanksOwnWire(t *testing.T) {
	require.Len(t, wiredBanks, len(sandbox.Wires()))
	h, err := startHouse("wires", "PAYSAGA_BANK_WIRES=true", "PAYSAGA_SANDBOX_SESSION_LIFE="+wireLife.String())
	require.NoError(t, err)
	passed := t.Run("banks", func(t *testing.T) {
		h.rules(t, map[string]any{"hold": "300ms"})
		for _, bank := range wiredBanks {
			c := counter{bank, h.atWire(t, 10*time.Minute, bank.name, bank.elsewhere), h.atWire(t, 8*time.Second, bank.name)}
			for name, scenario := range map[string]func(counter, *testing.T){
				"collected": (counter).isCollected, "by itself": (counter).isCollectedByItself, "refunded": (counter).isRefunded,
				"declined": (counter).isDeclined, "callback lost": (counter).losesTheCallback, "callback twice": (counter).getsTheCallbackTwice,
				"verify silent": (counter).neverAnswersVerify, "forged": (counter).isLiedTo,
			} {
				t.Run(bank.name+" "+name, func(t *testing.T) {
					t.Parallel()
					scenario(c, t)
				})
			}
			if bank.blind {
				t.Run(bank.name+" foreign receipt", func(t *testing.T) {
					t.Parallel()
					c.isShownAnothersReceipt(t)
				})
			}
		}
	})
	require.NoError(t, h.finish(passed))
}

// atWire is a merchant with an account at each of the banks.
func (h *house) atWire(t *testing.T, window time.Duration, banks ...string) merchant {
	t.Helper()
	id := fmt.Sprintf("wire-%s-%.0f", banks[0], window.Seconds())
	h.mustRun(t, "merchant", "put", id, "--name", id, "--gateways", strings.Join(banks, ","), "--collect-within", window.String())
	for _, bank := range banks {
		credentials, err := json.Marshal(sandbox.Account(bank))
		require.NoError(t, err)
		put := h.terminal(t.Context(), "gateway", "put", id, bank, "--from", "-")
		put.Stdin = strings.NewReader(string(credentials))
		out, code := runCommand(put)
		require.Zero(t, code, "%s", out)
	}
	return merchant{h, id, strings.TrimSpace(h.mustRun(t, "key", "create", id))}
}

// counter is one bank with its merchants.
type counter struct {
	wired
	patient, hasty merchant
}

// create makes a payment that this bank can take, and collects it when it collects itself.
func (c counter) create(t *testing.T, m merchant) (token string, collect func()) {
	t.Helper()
	if c.back == (visit{}) {
		return m.create(t, 50_000, "auto_collect", "true"), func() {}
	}
	token = m.create(t, 50_000)
	return token, func() { m.collect(t, token) }
}

func (c counter) isCollected(t *testing.T) {
	token, collect := c.create(t, c.patient)
	require.Contains(t, []string{"paid", "collected"}, c.patient.pays(t, token, "pay", at(c.name)).State)
	collect()
	c.patient.ends(t, token, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{c.kept}})
}

func (c counter) isCollectedByItself(t *testing.T) {
	token := c.hasty.create(t, 51_000, "auto_collect", "true")
	c.hasty.pays(t, token, "pay")
	p := c.hasty.ends(t, token, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{c.kept}})
	require.NotEmpty(t, p.Outcome.RRN)
}

// isRefunded: nobody collects, and the money is back. A bank that gives none back never takes such a payment.
func (c counter) isRefunded(t *testing.T) {
	token := c.hasty.create(t, 52_000)
	if c.back == (visit{}) {
		_, err := c.patient.h.walk(t.Context(), walk{Link: c.hasty.link(token), Do: "pay", Gateway: c.name})
		require.ErrorContains(t, err, "payer got stuck")
		c.hasty.ends(t, token, ending{state: "expired", reason: "expired", timeline: "created expired"})
		return
	}
	c.hasty.pays(t, token, "pay")
	c.hasty.ends(t, token, ending{state: "refunded", reason: "not_collected",
		timeline: "created attempt_started callback paid refunding refunded", visits: []visit{c.back}})
}

func (c counter) isDeclined(t *testing.T) {
	token := c.patient.create(t, 53_000, "auto_collect", "true")
	require.Equal(t, "pending", c.patient.pays(t, token, "decline", at(c.name)).State)
	c.patient.pays(t, token, "pay", at(c.elsewhere))
	timeline := "created attempt_started callback attempt_failed attempt_started callback paid collected settled"
	if c.undecided {
		timeline = "created attempt_started callback attempt_started callback paid collected settled attempt_failed"
	}
	i := slices.IndexFunc(wiredBanks, func(w wired) bool { return w.name == c.elsewhere })
	c.comesToRest(t, c.patient, token)
	p := c.patient.ends(t, token, ending{state: "collected", timeline: timeline, visits: []visit{declined, wiredBanks[i].kept}})
	require.Equal(t, c.elsewhere, p.Outcome.Method)
}

// losesTheCallback: the bank is asked, or it gives back by itself what nobody can ask about.
func (c counter) losesTheCallback(t *testing.T) {
	token, _ := c.create(t, c.hasty)
	c.hasty.pays(t, token, "lose_callback")
	if c.blind {
		c.comesToRest(t, c.hasty, token)
		c.hasty.ends(t, token, ending{state: "failed", reason: "session_over",
			timeline: "created attempt_started attempt_failed failed", visits: []visit{{"failed", "reversed", "token"}}})
		return
	}
	want := ending{state: "collected", timeline: "created attempt_started paid collected settled", visits: []visit{c.kept}}
	if c.back != (visit{}) {
		want = ending{state: "refunded", reason: "not_collected", timeline: "created attempt_started paid refunding refunded", visits: []visit{c.back}}
	}
	c.hasty.ends(t, token, want)
}

// comesToRest waits as long as a session may be paid and its money is away.
func (c counter) comesToRest(t *testing.T, m merchant, token string) {
	t.Helper()
	await(t, 4*wireLife+soon, "every session of "+token+" is over", func() (bool, string) {
		left := m.h.open(t, []*journey{{token: token}})
		return len(left) == 0, fmt.Sprint(left)
	})
}

func (c counter) getsTheCallbackTwice(t *testing.T) {
	token, collect := c.create(t, c.patient)
	c.patient.pays(t, token, "callback_twice", at(c.name))
	collect()
	c.patient.ends(t, token, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{c.kept}})
}

func (c counter) neverAnswersVerify(t *testing.T) {
	token, collect := c.create(t, c.patient)
	c.patient.pays(t, token, "verify_timeout", at(c.name))
	if c.back != (visit{}) {
		c.patient.awaitState(t, token, "paid")
	}
	collect()
	c.patient.ends(t, token, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{c.kept}})
}

// isLiedTo: the payer's browser brings nothing, nonsense, and what belongs to another payment. The bank is asked,
// and what is paid in the end is paid once.
func (c counter) isLiedTo(t *testing.T) {
	another, collect := c.create(t, c.patient)
	c.patient.pays(t, another, "pay", at(c.name))
	collect()
	theirs := c.patient.broughtBack(t, another)

	token, collect := c.create(t, c.patient)
	atBank := c.patient.toWire(t, token, c.name)
	ours := c.patient.h.attempts(t, token)[0]
	nonsense := maps.Clone(theirs)
	for name := range nonsense {
		nonsense[name] = strings.Repeat("9", 15)
	}
	for n, fields := range []map[string]string{{}, nonsense, theirs} {
		c.patient.comesBackWith(t, ours, fields)
		if !c.blind { // the others are not even asked
			c.patient.h.wasAsked(t, token, "result", n+1)
		}
		require.Equal(t, "pending", c.patient.read(t, token).Outcome.State)
	}
	atBank.press("pay").back()
	if c.back != (visit{}) {
		c.patient.awaitState(t, token, "paid")
	}
	c.patient.comesBackWith(t, ours, theirs)
	collect()
	want := ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{c.kept}}
	c.patient.ends(t, token, want)
	c.patient.ends(t, another, want)
}

// isShownAnothersReceipt where receipts come with the browser: one that was spent pays nothing and is never sent
// back, because that money is another payment's.
func (c counter) isShownAnothersReceipt(t *testing.T) {
	spent := c.patient.create(t, 54_000)
	c.patient.pays(t, spent, "pay", at(c.name))
	c.patient.collect(t, spent)
	receipt := c.patient.broughtBack(t, spent)

	for amount, want := range map[int64]string{54_000: "receipt_spent", 90_000: "refused_by_bank"} {
		token := c.hasty.create(t, amount)
		c.hasty.toWire(t, token, c.name)
		a := c.hasty.h.attempts(t, token)[0]
		c.hasty.comesBackWith(t, a, c.passesAsOwn(t, a, amount, receipt))
		if c.name == "mellat" { // the bank knows which order a reference belongs to
			want = "not_paid"
		}
		await(t, soon, "the receipt is not taken", func() (bool, string) {
			p := c.hasty.read(t, token)
			return p.reason() == want, fmt.Sprint(p.Outcome.State, " ", p.reason())
		})
	}
	c.patient.ends(t, spent, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{c.kept}})
}

// passesAsOwn is another payment's receipt in the fields of one's own session.
func (c counter) passesAsOwn(t *testing.T, a attempt, amount int64, receipt map[string]string) map[string]string {
	t.Helper()
	var session string
	require.NoError(t, c.hasty.h.db.NewRaw(`SELECT bank_token FROM attempts WHERE id = ?`, a.ID).Scan(t.Context(), &session))
	fields := maps.Clone(receipt)
	for name, value := range map[string]string{
		"Token": session, "RefId": session, "ResNum": fmt.Sprint(a.ID), "SaleOrderId": fmt.Sprint(a.ID), "Amount": fmt.Sprint(amount), "FinalAmount": fmt.Sprint(amount),
	} {
		if _, ok := fields[name]; ok {
			fields[name] = value
		}
	}
	return fields
}

// broughtBack is what the browser of a payment's first attempt brought.
func (m merchant) broughtBack(t *testing.T, token string) map[string]string {
	t.Helper()
	var text string
	require.NoError(t, m.h.db.NewRaw(`SELECT callback FROM attempts WHERE id = ?`, m.h.attempts(t, token)[0].ID).Scan(t.Context(), &text))
	var fields map[string]string
	require.NoError(t, json.Unmarshal([]byte(text), &fields))
	require.NotEmpty(t, fields)
	return fields
}

// comesBackWith is a browser that knows the address of its own attempt, and brings whatever it likes.
func (m merchant) comesBackWith(t *testing.T, a attempt, fields map[string]string) {
	t.Helper()
	form := url.Values{}
	for name, value := range fields {
		form.Set(name, value)
	}
	open(t, http.MethodPost, fmt.Sprintf("%s/pay/callback/%d/%s", m.h.inst.APIURL, a.ID, a.CallbackKey), form)
}

// toWire opens the pay link by hand and goes to a bank, which some want by a form and some by a link.
func (m merchant) toWire(t *testing.T, token, gateway string) *page {
	t.Helper()
	hosted := open(t, http.MethodGet, m.link(token), nil)
	next := hosted.submit(hosted.find("form", "id", "pay"), url.Values{"gateway": {gateway}})
	if form := next.find("form", "id", "to-bank"); form != nil {
		return next.submit(form, nil)
	}
	link := next.find("a", "id", "to-bank")
	require.NotNil(t, link)
	return open(t, http.MethodGet, attr(link, "href"), nil)
}
