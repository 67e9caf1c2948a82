package pages

import (
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/paysaga/paysaga/state"
)

// element is one start tag of a page.
type element struct {
	tag   string
	attrs map[string]string
	text  string // what follows up to the next tag
}

// read returns a page's elements and its whole text.
func read(t *testing.T, page string) ([]element, string) {
	t.Helper()
	var out []element
	var text strings.Builder
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			require.ErrorIs(t, z.Err(), io.EOF)
			return out, text.String()
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			e := element{tag: token.Data, attrs: map[string]string{}}
			for _, a := range token.Attr {
				e.attrs[a.Key] = a.Val
			}
			out = append(out, e)
		case html.TextToken:
			token := z.Token()
			text.WriteString(token.Data)
			if len(out) > 0 {
				out[len(out)-1].text += token.Data
			}
		}
	}
}

func withAttr(elements []element, key, value string) []element {
	return slices.DeleteFunc(slices.Clone(elements), func(e element) bool { return e.attrs[key] != value })
}

func one(t *testing.T, elements []element, key, value string) element {
	t.Helper()
	found := withAttr(elements, key, value)
	require.Len(t, found, 1, "%s=%q", key, value)
	return found[0]
}

// requireStrict holds a page against its own content policy: nothing inline, nothing foreign.
// Links and forms may lead to the addresses in allowed.
func requireStrict(t *testing.T, elements []element, allowed ...string) {
	t.Helper()
	requireStrictWith(t, "pay.js", elements, allowed...)
}

// requireStrictWith is requireStrict for a page whose one script is another asset.
func requireStrictWith(t *testing.T, script string, elements []element, allowed ...string) {
	t.Helper()
	scripts := 0
	for _, e := range elements {
		require.NotContains(t, []string{"style", "base", "iframe", "object", "embed", "frame"}, e.tag)
		if e.tag == "script" {
			scripts++
			require.Equal(t, assetURL(script), e.attrs["src"])
			require.Empty(t, strings.TrimSpace(e.text))
		}
		for key, value := range e.attrs {
			require.NotEqual(t, "style", key)
			require.False(t, strings.HasPrefix(key, "on"), "<%s %s=%q>", e.tag, key, value)
			require.NotContains(t, value, "ZgotmplZ")
			switch key {
			case "href", "src", "action", "formaction", "poster", "srcset", "data":
				require.True(t, strings.HasPrefix(value, "/pay/") || slices.Contains(allowed, value), "<%s %s=%q>", e.tag, key, value)
			}
		}
	}
	require.Equal(t, 1, scripts)
}

func TestEveryPageIsStrictAndWholeInBothLanguages(t *testing.T) {
	views := samples()
	maps.Copy(views, transferSamples())
	for name, v := range views {
		for _, l := range Langs {
			t.Run(name+" "+l.String(), func(t *testing.T) {
				page := drawIn(t, v, l)
				elements, text := read(t, page)
				script := "pay.js"
				if _, ok := v.(Transfer); ok {
					script = "transfer.js"
				}
				requireStrictWith(t, script, elements, "https://shop.example/back?order=7&ok=1", "https://bank.example/pay", shopBack)
				require.Equal(t, map[string]string{"lang": l.String(), "dir": l.Of("rtl", "ltr")}, elements[0].attrs)
				requireWhole(t, page)
				require.Equal(t, "polite", one(t, elements, "id", "announce").attrs["aria-live"])
				require.NotContains(t, text, "%!")
				require.NotContains(t, text, "<no value>")
			})
		}
	}
}

// requireWhole holds a page to what any page needs: both ends, one heading, ids that are unique and found.
func requireWhole(t *testing.T, page string) {
	t.Helper()
	elements, _ := read(t, page)
	require.True(t, strings.HasPrefix(page, "<!doctype html>"))
	require.True(t, strings.HasSuffix(strings.TrimSpace(page), "</html>"))
	ids := map[string]bool{}
	headings := 0
	for _, e := range elements {
		if id := e.attrs["id"]; id != "" {
			require.False(t, ids[id], "id %s twice", id)
			ids[id] = true
		}
		if e.tag == "h1" {
			headings++
		}
		if e.tag == "img" {
			require.Contains(t, e.attrs, "alt")
		}
	}
	require.Equal(t, 1, headings)
	for _, e := range elements {
		for _, key := range []string{"for", "aria-describedby"} {
			for _, id := range strings.Fields(e.attrs[key]) {
				require.True(t, ids[id], "%s=%q leads nowhere", key, id)
			}
		}
	}
}

func TestEveryPageOfAPaymentTellsItsState(t *testing.T) {
	for name, v := range samples() {
		want := ""
		switch v := v.(type) {
		case Checkout, ToBank:
			want = "pending"
		case Status:
			want = string(v.State)
		case Problem:
			continue
		}
		elements, _ := read(t, draw(t, v))
		root := one(t, elements, "id", "payment")
		require.Equal(t, "main", root.tag, name)
		require.Equal(t, want, root.attrs["data-state"], name)
		require.Equal(t, "/pay/Zq8mT2xLw4VbN6cR1yKd9f/status", root.attrs["data-status-url"], name)
		require.Equal(t, "2025-11-21T10:31:05.000Z", root.attrs["data-now"], name)
		_, err := time.Parse(time.RFC3339, root.attrs["data-deadline"])
		require.NoError(t, err, name)
	}
}

func TestCheckoutForm(t *testing.T) {
	page := draw(t, sampleCheckout())
	elements, text := read(t, page)

	form := one(t, elements, "id", "pay")
	require.Equal(t, map[string]string{"id": "pay", "class": "card", "method": "post", "action": "/pay/Zq8mT2xLw4VbN6cR1yKd9f"}, form.attrs)
	var radios, checked []string
	for _, e := range withAttr(elements, "name", "gateway") {
		require.Equal(t, "radio", e.attrs["type"])
		radios = append(radios, e.attrs["value"])
		if _, ok := e.attrs["checked"]; ok {
			checked = append(checked, e.attrs["value"])
		}
	}
	require.Equal(t, []string{"asanpardakht", "zarinpal", "zibal", "sandbox"}, radios)
	require.Equal(t, []string{"zarinpal"}, checked)
	require.Empty(t, one(t, elements, "name", "tip").attrs["value"])
	require.Empty(t, one(t, elements, "name", "mobile").attrs["value"])
	require.Equal(t, "1200000", one(t, elements, "data-copy", "1200000").attrs["data-copy"])

	for _, want := range []string{"تاکسی‌رانی آفتاب", "سفر درون‌شهری", "میدان ونک", "۱٬۲۰۰٬۰۰۰", "صد و بیست هزار تومان", "ساعت ۱۴:۱۹",
		"آسان‌پرداخت", "زرین‌پال", "زیبال", "بانک آزمایشی"} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "پرداخت قبلی")
	require.Contains(t, page, `<noscript><meta http-equiv="refresh" content="1123"></noscript>`)
}

func TestCheckoutChoosesABank(t *testing.T) {
	v := sampleCheckout()
	v.Preferred = ""
	require.Equal(t, "asanpardakht", v.Chosen())
	v.Preferred = "gone"
	require.Equal(t, "asanpardakht", v.Chosen())

	v.Gateways = nil
	elements, text := read(t, draw(t, v))
	require.Contains(t, text, "هیچ درگاهی")
	require.Contains(t, one(t, elements, "type", "submit").attrs, "disabled")
}

func TestCheckoutKeepsWhatWasTypedAndSaysWhatIsWrong(t *testing.T) {
	v := samples()["checkout-errors"].(Checkout)
	elements, text := read(t, draw(t, v))
	for _, want := range []string{TipNotNumber.In(Persian), MobileWrong.In(Persian), GatewayUnknown.In(Persian), "پرداخت قبلی انجام نشد", "موجودی کارت کافی نیست"} {
		require.Equal(t, 1, strings.Count(text, want), want)
	}
	tip := one(t, elements, "name", "tip")
	require.Equal(t, "پنج هزار", tip.attrs["value"])
	require.Equal(t, "true", tip.attrs["aria-invalid"])
	require.Equal(t, "0912", one(t, elements, "name", "mobile").attrs["value"])

	v = sampleCheckout()
	v.Tip = 20_000
	elements, _ = read(t, draw(t, v))
	require.Equal(t, "20000", one(t, elements, "name", "tip").attrs["value"])
}

func TestCheckoutWatchesAnOpenAttempt(t *testing.T) {
	page := draw(t, samples()["checkout-open"])
	elements, text := read(t, page)
	require.Contains(t, text, "دوباره نپردازید")
	require.NotContains(t, text, "پرداخت قبلی")
	require.Equal(t, "5000", one(t, elements, "id", "payment").attrs["data-live"])
	require.NotContains(t, page, "http-equiv") // would reload under the payer's hands
}

func TestStatusSaysWhatHappensToTheMoney(t *testing.T) {
	for s, want := range map[state.Payment][]string{
		Checking:               {"در انتظار پاسخ بانک", "دوباره پرداخت نکنید", "ساعت ۱۴:۱۹", "برمی‌گردد"},
		state.PaymentPaid:      {"در انتظار تأیید پذیرنده", "تا ساعت ۱۴:۱۹", "خودکار به همان کارت برمی‌گردد"},
		state.PaymentCollected: {"پرداخت موفق بود", "چاپ رسید"},
		state.PaymentRefunding: {"در حال بازگشت", "پذیرنده تا پایان مهلت", "همهٔ مبلغ به همان کارتی", "۷۲ ساعت"},
		state.PaymentRefunded:  {"برگشت داده شد", "۷۲ ساعت", "زمان بازگشت"},
		state.PaymentExpired:   {"مهلت پرداخت تمام شد", "پولی به پذیرنده نرسیده", "خودکار به همان کارت برمی‌گردد"},
		state.PaymentFailed:    {"پرداخت انجام نشد", "پولی به پذیرنده نرسیده", "خودکار به همان کارت برمی‌گردد"},
	} {
		_, text := read(t, draw(t, sampleStatus(s)))
		for _, w := range want {
			require.Contains(t, text, w, s)
		}
	}
}

func TestReceipt(t *testing.T) {
	elements, text := read(t, draw(t, sampleStatus(state.PaymentCollected)))
	for _, want := range []string{"۱٬۲۰۰٬۰۰۰", "۵۰٬۰۰۰", "۱٬۲۵۰٬۰۰۰", "صد و بیست و پنج هزار تومان", "730125984461", "آسان‌پرداخت",
		"۶۰۳۷ ۹۹** **** ۷۸۹۳", "۰۹۳۸*****۲۵", "۳۰ آبان ۱۴۰۴، ساعت ۱۴:۰۰", "Zq8mT2xLw4VbN6cR1yKd9f"} {
		require.Contains(t, text, want)
	}
	back := one(t, elements, "href", "https://shop.example/back?order=7&ok=1")
	require.Equal(t, "noreferrer", back.attrs["rel"])
	require.NotContains(t, one(t, elements, "id", "payment").attrs, "data-live")
}

func TestStatusWatchesUntilItsStateIsFinal(t *testing.T) {
	for s, want := range map[state.Payment][2]int{
		Checking: {1500, 3}, state.PaymentPaid: {2000, 4}, state.PaymentRefunding: {5000, 10},
		state.PaymentCollected: {}, state.PaymentRefunded: {}, state.PaymentExpired: {}, state.PaymentFailed: {},
	} {
		v := sampleStatus(s)
		require.Equal(t, want, [2]int{v.Live(), v.Refresh()}, s)
	}
	require.Contains(t, draw(t, sampleStatus(Checking)), `<noscript><meta http-equiv="refresh" content="3"></noscript>`)
}

func TestToBankForm(t *testing.T) {
	v := samples()["to-bank"].(ToBank)
	elements, _ := read(t, draw(t, v))
	form := one(t, elements, "id", "to-bank")
	require.Equal(t, "post", form.attrs["method"])
	require.Equal(t, "https://bank.example/pay", form.attrs["action"])
	fields := map[string]string{}
	for _, e := range withAttr(elements, "type", "hidden") {
		fields[e.attrs["name"]] = e.attrs["value"]
	}
	require.Equal(t, v.Fields, fields)
	one(t, elements, "type", "submit")
	require.Empty(t, withAttr(elements, "id", "language"), "on the way to the bank nothing is left to choose")

	for _, action := range []string{"", "/bank", "//bank.example", "javascript:alert(1)", "data:text/html,x"} {
		v.Action = action
		require.Error(t, v.Render(io.Discard), action)
	}
}

func TestToBankLink(t *testing.T) {
	v := samples()["to-bank"].(ToBank)
	v.ByLink, v.Fields, v.Action = true, nil, "https://bank.example/start/7?a=1&b=2"
	elements, _ := read(t, draw(t, v))
	link := one(t, elements, "id", "to-bank")
	require.Equal(t, []string{"a", v.Action, v.Link(v.Path())}, []string{link.tag, link.attrs["href"], link.attrs["data-back"]})
	require.Empty(t, withAttr(elements, "method", "post"), "no form: browsers hold what it leads to against the policy")
	v.Action = "javascript:alert(1)"
	require.Error(t, v.Render(io.Discard))
}

func TestProblems(t *testing.T) {
	for kind, status := range map[ProblemKind]int{NotFound: 404, Expired: 409, TooMany: 429, BankUnavailable: 502, Internal: 500} {
		v := Problem{Kind: kind, RequestID: "req-77", Back: "/pay/abc"}
		require.Equal(t, status, v.HTTPStatus())
		elements, text := read(t, draw(t, v))
		require.Equal(t, string(kind), one(t, elements, "id", "problem").attrs["data-problem"])
		require.Contains(t, text, "req-77")
		one(t, elements, "href", "/pay/abc")
		for _, back := range []string{"", "https://evil.example", "//evil.example", "javascript:alert(1)"} {
			v.Back = back
			elements, _ = read(t, draw(t, v))
			require.Empty(t, withAttr(elements, "class", "button"), back)
		}
	}
	_, text := read(t, draw(t, Problem{Kind: TooMany, RetryAfter: 19500 * time.Millisecond}))
	require.Contains(t, text, "۲۰ ثانیه")
}

func TestHostileTextStaysText(t *testing.T) {
	const hostile = `"'></title></main></textarea><script>alert(1)</script><img src=x onerror=alert(1)><style>*{}</style>{{.}}`
	p := samplePayment()
	p.Token, p.Description = hostile, hostile
	p.Merchant = Merchant{Name: hostile, BusinessName: hostile, Image: "https://evil.example/x.png"}
	for name, v := range map[string]view{
		"checkout": Checkout{Payment: p, Gateways: []string{hostile}, Preferred: hostile, StateError: hostile, TipText: hostile, Mobile: hostile,
			TipError: TipTooLarge, MobileError: MobileWrong, GatewayError: GatewayUnknown},
		"collected": Status{Payment: p, State: state.PaymentCollected, Method: hostile, RRN: hostile, Card: hostile, Mobile: hostile,
			ReturnURL: "javascript:alert(1)"},
		"failed":  Status{Payment: p, State: state.PaymentFailed, StateError: hostile, ReturnURL: "data:text/html,<script>alert(1)</script>"},
		"to bank": ToBank{Payment: p, Method: hostile, Action: "https://bank.example/pay", Fields: map[string]string{hostile: hostile}},
		"problem": Problem{Kind: NotFound, RequestID: hostile},
	} {
		t.Run(name, func(t *testing.T) {
			elements, text := read(t, draw(t, v))
			requireStrict(t, elements, "https://bank.example/pay")
			require.Contains(t, text, "<script>alert(1)</script>")
			require.Empty(t, withAttr(elements, "src", "x"))
		})
	}
}

func TestAssets(t *testing.T) {
	names := slices.Sorted(maps.Keys(assets))
	require.Equal(t, []string{"deposits.css", "deposits.js", "icon.svg", "pay.css", "pay.js", "transfer.css", "transfer.js", "vazirmatn.woff2"}, names)
	for _, name := range names {
		body, contentType, ok := Asset(name)
		require.True(t, ok)
		require.NotEmpty(t, body)
		require.NotEmpty(t, contentType)
	}
	for _, name := range []string{"", "pay.html", "../pages.go", "assets/pay.css", "vazirmatn-OFL.txt"} {
		_, _, ok := Asset(name)
		require.False(t, ok, name)
	}

	css, _, _ := Asset("pay.css")
	require.Equal(t, "wOF2", string(font[:4]))
	// The style sheet loads the font from where the page preloads it, and nothing else.
	urls := regexp.MustCompile(`url\(([^)]*)\)`).FindAllStringSubmatch(string(css), -1)
	require.Len(t, urls, 1)
	require.Equal(t, `"`+strings.TrimPrefix(assetURL(fontName), "/pay/assets/")+`"`, urls[0][1])
	for name, a := range assets {
		if name == "icon.svg" || name == fontName {
			continue
		}
		body := a.body
		require.NotRegexp(t, `https?:|//[a-z]|@import|innerHTML|outerHTML|insertAdjacent|eval\(|\.style\b`, strings.ReplaceAll(string(body), "// ", ""), name)
	}
}

func TestRenderPassesOnWriteErrors(t *testing.T) {
	broken := errors.New("connection lost")
	require.ErrorIs(t, sampleCheckout().Render(failingWriter{broken}), broken)
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
