package gateways

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// scripted is a bank that answers each operation with the next of its lines and notes what was asked.
type scripted struct {
	t       *testing.T
	answers map[string][]string // op → "status body"
	asked   []string
	bodies  []map[string]any
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op := strings.TrimPrefix(r.URL.Path, "/bank/test/v1/")
	s.asked = append(s.asked, op)
	if r.Method == http.MethodPost {
		var body map[string]any
		d := json.NewDecoder(r.Body)
		d.UseNumber()
		if err := d.Decode(&body); err != nil {
			s.t.Errorf("%s: body is not JSON: %v", op, err)
		}
		s.bodies = append(s.bodies, body)
	}
	if len(s.answers[op]) == 0 {
		s.t.Errorf("unexpected call of %s", op)
		return
	}
	var status int
	line := s.answers[op][0]
	s.answers[op] = s.answers[op][1:]
	text, body, _ := strings.Cut(line, " ")
	fmt.Sscan(text, &status)
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func newScripted(t *testing.T, answers map[string][]string) (*scripted, Gateway) {
	t.Helper()
	s := &scripted{t: t, answers: answers}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return s, NewSandbox("test", srv.URL+"/", NewHTTPClient(5*time.Second), Limits{SessionLife: time.Minute})
}

var visit = Visit{Invoice: 12, BankToken: "ref", BankTran: "18446744073709551615", Amount: 10_000}

const paid = `200 {"cardNumber":"603799******1234","rrn":"77","refID":"ref","amount":"10000","payGateTranID":18446744073709551615,"salesOrderID":12}`

// requireClass checks an error's family; "" is success.
func requireClass(t *testing.T, want Class, err error) {
	t.Helper()
	if want == "" {
		require.NoError(t, err)
		return
	}
	require.Error(t, err)
	require.Equal(t, want, Classify(err), "%v", err)
}

func TestStatusesOfVerifyAndSettlement(t *testing.T) {
	const ok = Class("")
	verify := map[int]Class{
		200: ok, 472: ok, 473: ok, 475: ok,
		400: ClassRefused, 471: ClassRefused, 474: ClassRefused, 476: ClassRefused, 478: ClassRefused,
		401: ClassUnavailable, 477: ClassUnavailable, 571: ClassUnavailable,
		572: ClassUnknown, 573: ClassUnknown, 500: ClassUnknown, 502: ClassUnknown, 302: ClassUnknown, 404: ClassUnknown, 204: ClassUnknown,
	}
	settle := map[int]Class{
		200: ok, 474: ok, 476: ok,
		400: ClassRefused, 471: ClassRefused, 472: ClassRefused, 473: ClassRefused, 475: ClassRefused, 478: ClassRefused,
		401: ClassUnavailable, 477: ClassUnavailable, 571: ClassUnavailable,
		572: ClassUnknown, 573: ClassUnknown, 500: ClassUnknown, 502: ClassUnknown,
	}
	for status, want := range verify {
		t.Run(fmt.Sprint("verify ", status), func(t *testing.T) {
			s, bank := newScripted(t, map[string][]string{"Verify": {fmt.Sprint(status)}})
			_, err := bank.Verify(t.Context(), visit)
			requireClass(t, want, err)
			require.Equal(t, json.Number(visit.BankTran), s.bodies[0]["payGateTranId"])
		})
	}
	for status, want := range settle {
		t.Run(fmt.Sprint("settle ", status), func(t *testing.T) {
			_, bank := newScripted(t, map[string][]string{"Settlement": {fmt.Sprint(status)}})
			requireClass(t, want, bank.Settle(t.Context(), visit))
		})
	}
}

func TestRefusalNamesTheBanksCode(t *testing.T) {
	_, bank := newScripted(t, map[string][]string{"Verify": {"476"}})
	_, err := bank.Verify(t.Context(), visit)
	var refused *Refused
	require.ErrorAs(t, err, &refused)
	require.Equal(t, Refused{Op: "Verify", Code: "476", Why: "already in reversal"}, *refused)
}

func TestCreateSession(t *testing.T) {
	in := Session{Invoice: 12, Amount: 10_000, CallbackURL: "https://pay.example/cb/12", Description: strings.Repeat("ش", 120), Mobile: "09120000000"}

	s, bank := newScripted(t, map[string][]string{"Token": {`200 "abc"`}})
	got, err := bank.CreateSession(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, "abc", got.BankToken)
	require.Equal(t, http.MethodPost, got.Method)
	require.Equal(t, bank.Origin()+"/bank/test/pay", got.URL)
	require.Equal(t, map[string]string{"RefId": "abc", "mobileap": "09120000000"}, got.Fields)
	sent := s.bodies[0]
	require.Equal(t, json.Number("12"), sent["localInvoiceId"])
	require.Equal(t, json.Number("10000"), sent["amountInRials"])
	require.Equal(t, in.CallbackURL, sent["callbackURL"])
	require.Equal(t, strings.Repeat("ش", 100), sent["additionalData"])

	for answer, want := range map[string]Class{
		`489`:                          ClassRefused,
		`486`:                          ClassRefused,
		`490`:                          ClassRefused,
		`471`:                          ClassRefused,
		`487`:                          ClassUnavailable,
		`484`:                          ClassUnknown,
		`500`:                          ClassUnknown,
		`200`:                          ClassUnknown,
		`200 ""`:                       ClassUnknown,
		`200 {"refId":"x"}`:            ClassUnknown,
		`200 <html>Bad Gateway</html>`: ClassUnknown,
		`200 "` + strings.Repeat("a", MaxAnswer) + `"`: ClassUnknown,
	} {
		t.Run(fmt.Sprintf("%.20s", answer), func(t *testing.T) {
			_, bank := newScripted(t, map[string][]string{"Token": {answer}})
			_, err := bank.CreateSession(t.Context(), in)
			requireClass(t, want, err)
		})
	}
}

func TestResult(t *testing.T) {
	whole := Result{Status: ResultPaid, Amount: 10_000, BankToken: "ref", Invoice: 12, BankTran: "18446744073709551615", RRN: "77", Card: "603799******1234"}
	for name, c := range map[string]struct {
		answer string
		want   Result
		class  Class
	}{
		"paid":                  {paid, whole, ""},
		"numbers as numbers":    {strings.Replace(paid, `"10000"`, `10000`, 1), whole, ""},
		"tran as string":        {strings.Replace(paid, `18446744073709551615`, `"18446744073709551615"`, 1), whole, ""},
		"card shown in full":    {strings.Replace(paid, `603799******1234`, `6037991111111234`, 1), whole, ""},
		"not paid, no word":     {`472`, Result{Status: ResultNotPaid}, ""},
		"not paid, odd word":    {`472 <html>`, Result{Status: ResultNotPaid}, ""},
		"open":                  {`472 {"state":"open","refID":"ref","reason":"r"}`, Result{Status: ResultNotPaid, BankToken: "ref", Reason: "r"}, ""},
		"declined":              {`472 {"state":"declined","final":true,"reason":"r"}`, Result{Status: ResultNotPaid, Final: true, Reason: "r"}, ""},
		"reversed":              {`472 {"state":"reversed","final":true,"payGateTranID":7,"amount":5}`, Result{Status: ResultReturned, Final: true, BankTran: "7", Amount: 5}, ""},
		"cancelled":             {`472 {"state":"cancelled","final":true}`, Result{Status: ResultReturned, Final: true}, ""},
		"refunded":              {`472 {"state":"refunded","final":true}`, Result{Status: ResultReturned, Final: true}, ""},
		"cut off":               {paid[:60], Result{}, ClassUnknown},
		"empty":                 {`200`, Result{}, ClassUnknown},
		"without tran":          {strings.Replace(paid, `"payGateTranID":18446744073709551615,`, ``, 1), Result{}, ClassUnknown},
		"without amount":        {strings.Replace(paid, `"10000"`, `"0"`, 1), Result{}, ClassUnknown},
		"negative amount":       {strings.Replace(paid, `"10000"`, `"-10000"`, 1), Result{}, ClassUnknown},
		"fractional amount":     {strings.Replace(paid, `"10000"`, `1.5`, 1), Result{}, ClassUnknown},
		"amount beyond int64":   {strings.Replace(paid, `"10000"`, `99999999999999999999`, 1), Result{}, ClassUnknown},
		"without token":         {strings.Replace(paid, `"refID":"ref",`, ``, 1), Result{}, ClassUnknown},
		"without invoice":       {strings.Replace(paid, `"salesOrderID":12`, `"x":1`, 1), Result{}, ClassUnknown},
		"too large":             {paid + strings.Repeat(" ", MaxAnswer), Result{}, ClassUnknown},
		"bad request":           {`400`, Result{}, ClassRefused},
		"our address forbidden": {`474 10.0.0.1`, Result{}, ClassUnavailable},
		"service unavailable":   {`487`, Result{}, ClassUnavailable},
		"proxy's page":          {`502 <html>`, Result{}, ClassUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			_, bank := newScripted(t, map[string][]string{"TranResult": {c.answer}})
			got, err := bank.Result(t.Context(), visit)
			requireClass(t, c.class, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestUndo(t *testing.T) {
	for name, c := range map[string]struct {
		answers map[string][]string
		tran    string // empty = as known
		want    Undone
		class   Class
		asked   string
	}{
		"unverified":             {answers: map[string][]string{"Reverse": {"200"}}, want: Reversed, asked: "Reverse"},
		"reversed before":        {answers: map[string][]string{"Reverse": {"473"}}, want: Reversed, asked: "Reverse"},
		"in reversal":            {answers: map[string][]string{"Reverse": {"475"}}, want: Reversed, asked: "Reverse"},
		"verified":               {answers: map[string][]string{"Reverse": {"472"}, "Cancel": {"200"}}, want: Cancelled, asked: "Reverse Cancel"},
		"cancelled before":       {answers: map[string][]string{"Reverse": {"472"}, "Cancel": {"813"}}, want: Cancelled, asked: "Reverse Cancel"},
		"reversed meanwhile":     {answers: map[string][]string{"Reverse": {"472"}, "Cancel": {"808"}}, want: Reversed, asked: "Reverse Cancel"},
		"settled":                {answers: map[string][]string{"Reverse": {"476"}, "Refund": {"200"}}, want: Refunded, asked: "Reverse Refund"},
		"settlement requested":   {answers: map[string][]string{"Reverse": {"474"}, "Refund": {"200"}}, want: Refunded, asked: "Reverse Refund"},
		"settled meanwhile":      {answers: map[string][]string{"Reverse": {"472"}, "Cancel": {"807"}, "Refund": {"200"}}, want: Refunded, asked: "Reverse Cancel Refund"},
		"refunded before":        {answers: map[string][]string{"Reverse": {"476"}, "Refund": {"473"}}, want: Refunded, asked: "Reverse Refund"},
		"cancelled then refused": {answers: map[string][]string{"Reverse": {"476"}, "Refund": {"475"}}, want: Cancelled, asked: "Reverse Refund"},
		"too late to cancel":     {answers: map[string][]string{"Reverse": {"472"}, "Cancel": {"814"}, "Refund": {"472"}}, class: ClassUnavailable, asked: "Reverse Cancel Refund"},
		"reverse undetermined":   {answers: map[string][]string{"Reverse": {"572"}}, class: ClassUnknown, asked: "Reverse"},
		"cancel undetermined":    {answers: map[string][]string{"Reverse": {"472"}, "Cancel": {"802"}}, class: ClassUnknown, asked: "Reverse Cancel"},
		"refund broken":          {answers: map[string][]string{"Reverse": {"476"}, "Refund": {"500"}}, class: ClassUnknown, asked: "Reverse Refund"},
		"reverse refused":        {answers: map[string][]string{"Reverse": {"400"}}, class: ClassRefused, asked: "Reverse"},
		"not yet":                {answers: map[string][]string{"Reverse": {"571"}}, class: ClassUnavailable, asked: "Reverse"},
		"failed at the bank": {
			answers: map[string][]string{"Reverse": {"471"}, "TranResult": {`472 {"state":"declined","final":true}`}},
			want:    NotTaken, asked: "Reverse TranResult",
		},
		"called failed, yet paid": {
			answers: map[string][]string{"Reverse": {"471"}, "TranResult": {paid}},
			class:   ClassRefused, asked: "Reverse TranResult",
		},
		"tran unknown, paid": {
			answers: map[string][]string{"TranResult": {paid}, "Reverse": {"200"}},
			tran:    "none", want: Reversed, asked: "TranResult Reverse",
		},
		"tran unknown, still open": {
			answers: map[string][]string{"TranResult": {`472 {"state":"open"}`}},
			tran:    "none", class: ClassUnavailable, asked: "TranResult",
		},
		"tran unknown, given back": {
			answers: map[string][]string{"TranResult": {`472 {"state":"reversed","final":true}`}},
			tran:    "none", want: NotTaken, asked: "TranResult",
		},
		"circle": {
			answers: map[string][]string{"Reverse": {"476"}, "Refund": {"471"}, "TranResult": {"500"}},
			class:   ClassUnknown, asked: "Reverse Refund TranResult",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, bank := newScripted(t, c.answers)
			v := visit
			if c.tran == "none" {
				v.BankTran = ""
			}
			got, err := bank.Undo(t.Context(), v)
			requireClass(t, c.class, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.asked, strings.Join(s.asked, " "))
		})
	}
}

func TestCallsWithoutTransactionAskForIt(t *testing.T) {
	v := visit
	v.BankTran = ""
	s, bank := newScripted(t, map[string][]string{"TranResult": {paid}, "Verify": {"200"}})
	_, err := bank.Verify(t.Context(), v)
	require.NoError(t, err)
	require.Equal(t, []string{"TranResult", "Verify"}, s.asked)

	_, bank = newScripted(t, map[string][]string{"TranResult": {"472"}})
	_, err = bank.Verify(t.Context(), v)
	requireClass(t, ClassUnavailable, err)

	_, bank = newScripted(t, map[string][]string{"TranResult": {`472 {"state":"declined","final":true}`}})
	_, err = bank.Verify(t.Context(), v)
	requireClass(t, ClassRefused, err)
}

// every lists all calls of a gateway, and whether the call only reads.
func every(bank Gateway) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"token": func(ctx context.Context) error {
			_, err := bank.CreateSession(ctx, Session{Invoice: 1, Amount: 1000, CallbackURL: "http://x.example/"})
			return err
		},
		"result": func(ctx context.Context) error { _, err := bank.Result(ctx, visit); return err },
		"verify": func(ctx context.Context) error { _, err := bank.Verify(ctx, visit); return err },
		"settle": func(ctx context.Context) error { return bank.Settle(ctx, visit) },
		"undo":   func(ctx context.Context) error { _, err := bank.Undo(ctx, visit); return err },
	}
}

func TestNoConnectionIsUnavailable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	bank := NewSandbox("test", "http://"+l.Addr().String(), NewHTTPClient(time.Second), Limits{})
	for name, call := range every(bank) {
		t.Run(name, func(t *testing.T) { requireClass(t, ClassUnavailable, call(t.Context())) })
	}
}

func TestSilenceIsUnknownUnlessOnlyReading(t *testing.T) {
	silences := map[string]http.HandlerFunc{
		"timeout": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		},
		"broken connection": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				conn.Close()
			}
		},
		"broken body": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(200)
			io.WriteString(w, "short")
		},
	}
	for name, silence := range silences {
		srv := httptest.NewServer(silence)
		t.Cleanup(srv.Close)
		bank := NewSandbox("test", srv.URL, NewHTTPClient(5*time.Second), Limits{})
		for op, call := range every(bank) {
			t.Run(name+" "+op, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				want := ClassUnknown
				if op == "result" {
					want = ClassUnavailable
				}
				err := call(ctx)
				requireClass(t, want, err)
				require.NotContains(t, err.Error(), "127.0.0.1/", "errors must not hold addresses")
				require.NotContains(t, err.Error(), "localInvoiceId")
			})
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("followed a redirect") }))
	defer elsewhere.Close()
	srv := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	for name, call := range every(NewSandbox("test", srv.URL, NewHTTPClient(time.Second), Limits{})) {
		t.Run(name, func(t *testing.T) { requireClass(t, ClassUnknown, call(t.Context())) })
	}
}

func TestReadCapped(t *testing.T) {
	body, err := ReadCapped(strings.NewReader("12345"), 5)
	require.NoError(t, err)
	require.Equal(t, "12345", string(body))
	_, err = ReadCapped(strings.NewReader("123456"), 5)
	require.ErrorIs(t, err, ErrTooLarge)
}

func TestMaskCard(t *testing.T) {
	for in, want := range map[string]string{
		"6037991234561234": "603799******1234",
		"603799******1234": "603799******1234",
		"1234":             "",
		"":                 "",
	} {
		require.Equal(t, want, maskCard(in), in)
	}
}
