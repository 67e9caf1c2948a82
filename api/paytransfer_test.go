package api_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api/pages"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// spellings are the ways in which a card number may stand somewhere.
func spellings(card string) []string {
	out := []string{hex.EncodeToString([]byte(card))}
	for _, zero := range []rune{'0', '۰', '٠'} {
		digits := strings.Map(func(r rune) rune { return r - '0' + zero }, card)
		r := []rune(digits)
		out = append(out, digits)
		for _, gap := range []string{" ", "-", "\u00a0", "."} {
			out = append(out, strings.Join([]string{string(r[:4]), string(r[4:8]), string(r[8:12]), string(r[12:])}, gap))
		}
	}
	return out
}

func requireNoCard(t *testing.T, text, where string, cards ...string) {
	t.Helper()
	for _, card := range cards {
		for _, spelling := range spellings(card) {
			require.False(t, strings.Contains(text, spelling), "%s in %s", spelling, where)
		}
	}
}

// linked makes a transfer with a link and answers its path.
func (w *world) linked(pairs ...string) (created, string) {
	w.Helper()
	c := w.transfer(append([]string{"callback", "https://shop.example/back?order=7"}, pairs...)...)
	return c, strings.TrimPrefix(*c.Link, w.base)
}

func (w *world) show(path, state string) (document, answer) {
	w.Helper()
	a := w.page("GET", path, nil)
	require.Equal(w, http.StatusOK, a.StatusCode)
	w.requirePolicy(a, false)
	d := parse(w.T, a)
	main := d.byID("transfer")
	require.NotNil(w, main)
	require.Equal(w, []string{state, path + "/status"}, []string{attr(main, "data-state"), attr(main, "data-status-url")})
	return d, a
}

func TestTransferPageInEveryState(t *testing.T) {
	w := newWorld(t)
	_, other := w.linked()
	c, path := w.linked()
	d, a := w.show(path, "pending")
	require.Contains(t, a.body, fmt.Sprintf(`data-amount="%d"`, c.Amount))
	require.Contains(t, a.body, `data-copy="`+samanCard+`"`)
	require.Contains(t, a.body, "سارا نمونه")
	require.Nil(t, d.byID("payer-card"), "neither Saman nor Mellat prints the payer's card")
	require.Nil(t, d.byID("return"), "nobody leaves before paying")

	over := func(path, state, link string) {
		t.Helper()
		d, a := w.show(path, state)
		requireNoCard(t, a.body, state, samanCard, mellatCard)
		require.NotContains(t, a.body, "۰۰۱۹", "not even its end")
		require.Equal(t, link, attr(d.byID("return"), "href"))
	}
	w.deposit(c)
	back := fmt.Sprintf("https://shop.example/back?fid=%d&order=7&pay_id=%d", w.fid(c), c.PayID)
	over(path, "paid", back)
	w.requireSays(w.check(c.PayID), 200, 201)
	over(path, "verified", back)
	c, path = w.linked()
	w.exec(`UPDATE transfers SET created_at = now() - interval '20 minutes', expires_at = now() WHERE id = ?`, c.PayID)
	over(path, "pending", fmt.Sprintf("https://shop.example/back?fid=%d&order=7&pay_id=%d", w.fid(c), c.PayID))
	w.over(c.PayID, time.Hour)
	over(path, "expired", fmt.Sprintf("https://shop.example/back?fid=%d&order=7&pay_id=%d", w.fid(c), c.PayID))
	w.show(other, "pending")

	fast := w.as("test-fast")
	c, path = fast.linked("card", payerCard)
	_, a = fast.show(path, "pending")
	requireNoCard(t, a.body, "the payer's card is masked", payerCard)
	require.Contains(t, a.body, "۰۰۱۴")
	fast.stray(c.Amount, "card", parsianCard, "payer_card", otherCard)
	_, a = fast.show(path, "mismatched")
	requireNoCard(t, a.body, "mismatched", payerCard, otherCard, parsianCard)

	head := w.page("HEAD", path, nil)
	require.Equal(t, http.StatusOK, head.StatusCode)
	require.Empty(t, head.body)
}

func (w *world) fid(c created) (fid int64) {
	w.Helper()
	require.NoError(w, w.db.NewRaw(`SELECT fid FROM transfers WHERE id = ?`, c.PayID).Scan(w.Context(), &fid))
	return fid
}

func TestStatusForTheTransferPage(t *testing.T) {
	w := newWorld(t)
	c, path := w.linked()
	read := func() (out struct {
		State         string
		Deadline, Now time.Time
	}) {
		a := w.page("GET", path+"/status", nil)
		require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
		golden(t, `{"state":"pending","deadline":"","now":""}`, a.body)
		require.NoError(t, json.Unmarshal([]byte(a.body), &out))
		require.Equal(t, []*time.Location{time.UTC, time.UTC}, []*time.Location{out.Deadline.Location(), out.Now.Location()})
		return out
	}
	s := read()
	require.Equal(t, "pending", s.State)
	require.Equal(t, c.Expire, s.Deadline.Unix())
	require.InDelta(t, 15*60, s.Deadline.Sub(s.Now).Seconds(), 10)
	w.deposit(c)
	require.Equal(t, "paid", read().State)
}

// Addresses that merchants send are linked, never run, and carry what the merchant needs to check.
func TestHostileCallbacks(t *testing.T) {
	w := newWorld(t)
	const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{.}}`
	w.exec(`UPDATE merchants SET display_name = ?, biz_name = ?, image_url = 'javascript:alert(3)'`, hostile, hostile)
	w.exec(`UPDATE destination_cards SET holder = ?`, hostile)
	for callback, link := range map[string]string{
		"https://shop.example/" + hostile:                   "https://shop.example/",
		"https://shop.example/?pay_id=999&fid=999":          "https://shop.example/?fid=",
		"https://shop.example/?q=" + hostile + "#" + "frag": "https://shop.example/?fid=",
		"https://shop.example/\u202e\u2066?x='":             "https://shop.example/",
	} {
		c, path := w.linked("callback", callback)
		_, a := w.show(path, "pending")
		require.NotContains(t, a.body, "<script>alert")
		w.deposit(c)
		d, a := w.show(path, "paid")
		require.NotContains(t, a.body, "<script>alert")
		require.NotContains(t, a.body, "<img src=x")
		got := attr(d.byID("return"), "href")
		require.True(t, strings.HasPrefix(got, link), got)
		u, err := url.Parse(got)
		require.NoError(t, err)
		require.Equal(t, []string{fmt.Sprint(c.PayID)}, u.Query()["pay_id"], "ours, not the one in the address")
		require.Equal(t, []string{fmt.Sprint(w.fid(c))}, u.Query()["fid"])
	}
	c, path := w.linked()
	w.exec(`UPDATE transfers SET callback = 'javascript:alert(4)//' WHERE id = ?`, c.PayID)
	w.deposit(c)
	d, a := w.show(path, "paid")
	require.Nil(t, d.byID("return"))
	require.NotContains(t, a.body, "javascript:")
}

func TestPayerNamesTheirCard(t *testing.T) {
	w := newWorld(t).as("test-fast") // its bank prints the payer's card
	c, path := w.linked()
	post := func(card string) answer {
		t.Helper()
		return w.page("POST", path+"/card", url.Values{"card": {card}})
	}
	back := func(a answer) {
		t.Helper()
		require.Equal(t, []any{http.StatusSeeOther, path}, []any{a.StatusCode, a.Header.Get("Location")})
	}
	d, _ := w.show(path, "pending")
	require.Equal(t, path+"/card", attr(d.byID("payer-card"), "action"))
	facts := w.facts()
	for _, card := range []string{"", "6037990000000015", payerCard[:15], `"><script>alert(1)</script>`} {
		a := post(card)
		require.Equal(t, http.StatusBadRequest, a.StatusCode)
		w.requirePolicy(a, false)
		d := parse(t, a)
		require.Contains(t, a.body, pages.CardWrong.In(pages.Persian))
		require.Equal(t, []string{card}, d.values("input", "card", "value"), "what was typed is still there")
	}
	require.Equal(t, facts, w.facts())
	back(w.page("GET", path+"/card", nil))
	back(post("۶۰۳۷ ۹۹۰۰ ۰۰۰۰ ۰۰۱۴"))
	require.Equal(t, "start card_set", w.heard("transfer", c.PayID))
	a := post(payerCard)
	require.Equal(t, http.StatusTooManyRequests, a.StatusCode, "nobody tries cards here")
	require.NotEmpty(t, a.Header.Get("Retry-After"))
	d, _ = w.show(path, "pending")
	require.Nil(t, d.byID("payer-card"), "it is registered once")
	w.requireSays(w.setCard(c.PayID, otherCard), 500, -2)
	require.Equal(t, "queued", w.sms(w.said(c.Amount, "card", parsianCard, "payer_card", otherCard))[0].Result)
	require.Equal(t, state.TransferMismatched, w.stateOf(c.PayID))

	// Another card after the first, a card where none is asked for, one after payment: nothing happens.
	c, path = w.linked()
	back(post(payerCard))
	facts = w.facts()
	back(post(otherCard))
	back(post("not a card"))
	require.Equal(t, facts, w.facts())
	w.token = "test"
	c, path = w.linked()
	facts = w.facts()
	back(post(payerCard))
	require.Equal(t, facts, w.facts(), "a card would lose the payment at a bank that does not print it")
	w.deposit(c)
	facts = w.facts()
	back(post(payerCard))
	require.Equal(t, facts, w.facts())
	require.NotContains(t, w.log.String(), payerCard)
}

func TestTransferLinksThatLeadNowhere(t *testing.T) {
	w := newWorld(t)
	_, path := w.linked()
	token := strings.TrimPrefix(path, "/pay/transfer/")
	unknown := 0
	for _, call := range []struct{ method, path string }{
		{"GET", "/pay/transfer/" + strings.ToLower(token)}, {"GET", "/pay/transfer/" + token[1:]}, {"GET", "/pay/transfer/%ff%00"}, {"GET", "/pay/transfer/19"}, {"GET", "/pay/transfer"},
		{"GET", "/pay/transfer/status"}, {"GET", "/pay/transfer/" + token + "/cards"}, {"GET", "/pay/" + token}, {"POST", "/pay/transfer/nothing/card"}, {"GET", "/pay/transfer/nothing/status"},
	} {
		a := w.page(call.method, call.path, url.Values{"card": {payerCard}})
		require.Equal(t, http.StatusNotFound, a.StatusCode, call.path)
		require.Equal(t, "not_found", attr(parse(t, a).byID("problem"), "data-problem"))
		w.requirePolicy(a, false)
		unknown++
	}
	for _, path := range []string{"/pay/transfer/\xff\xfe", "/pay/\xff", "/api/\xff"} {
		raw := w.raw("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")
		require.Equal(t, http.StatusNotFound, raw[0].StatusCode, "%q", path)
	}
	require.Equal(t, http.StatusMethodNotAllowed, w.page("DELETE", path, nil).StatusCode)
	require.Equal(t, http.StatusMethodNotAllowed, w.page("POST", path, nil).StatusCode)

	// Guessing is stopped by address; a right link still opens.
	answers := map[int]int{}
	for range 12 {
		answers[w.page("GET", "/pay/transfer/"+store.NewToken(), nil).StatusCode]++
		answers[w.page("GET", "/pay/transfer/"+store.NewToken()+"/status", nil).StatusCode]++
		answers[w.page("POST", "/pay/transfer/"+store.NewToken()+"/card", url.Values{"card": {payerCard}}).StatusCode]++
	}
	require.Len(t, answers, 2)
	require.Positive(t, answers[http.StatusNotFound])
	require.GreaterOrEqual(t, answers[http.StatusTooManyRequests], 10)
	w.show(path, "pending")
	require.Equal(t, http.StatusOK, w.page("GET", path+"/status", nil).StatusCode)

	large := w.raw("POST " + path + "/card HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
		fmt.Sprintf("Content-Length: 65537\r\n\r\ncard=%s", strings.Repeat("6", 65537-5)))
	require.Len(t, large, 1)
	require.Equal(t, http.StatusRequestEntityTooLarge, large[0].StatusCode)
	w.spec.check(t, request{method: "POST", path: path + "/card"}.build(t), large[0], false)
	require.NoError(t, w.db.Close())
	for path, method := range map[string]string{path: "GET", path + "/status": "GET", path + "/card": "POST"} {
		a := w.page(method, path, url.Values{"card": {payerCard}})
		require.Equal(t, http.StatusInternalServerError, a.StatusCode)
		require.Contains(t, a.body, a.Header.Get("X-Request-Id"))
	}
}

// The operators' page holds no data and asks nobody else.
func TestDepositsPage(t *testing.T) {
	w := newWorld(t)
	w.stray(10_000)
	a := w.page("GET", "/ops/deposits", nil)
	require.Equal(t, http.StatusOK, a.StatusCode)
	w.requirePolicy(a, false)
	parse(t, a)
	require.NotContains(t, a.body, "826-810")
	require.Equal(t, http.StatusMethodNotAllowed, w.page("POST", "/ops/deposits", nil).StatusCode)
}
