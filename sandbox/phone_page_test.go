package sandbox

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sendForm fills in the phone's page.
func (w *world) sendForm(fields ...string) (int, string) {
	w.t.Helper()
	form := url.Values{"line": {"1"}, "amount": {"11385"}, "way": {"now"}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	res, err := http.PostForm(w.url+"/phone/send", form)
	require.NoError(w.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	return res.StatusCode, string(body)
}

func TestPhonePage(t *testing.T) {
	w, _ := newPhoneWorld(t)
	status, body := w.status(http.MethodGet, "/phone", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `<form id="move" method="post" action="/phone/send">`)
	require.Contains(t, body, "621986******0019")
	require.NotContains(t, body, samanCard)
	require.NotContains(t, body, "style=", "the policy forbids inline styles")
	for _, bank := range smsBanks {
		require.Contains(t, body, `<option value="`+bank.slug+`">`+bank.title)
	}
	for _, way := range phoneWays {
		require.Contains(t, body, `<option value="`+way.Value+`"`)
	}
	_, start := w.status(http.MethodGet, "/", "")
	require.Contains(t, start, `href="/phone"`)
}

func TestPhonePageSends(t *testing.T) {
	w, box := newPhoneWorld(t)
	status, body := w.sendForm("amount", "۱۱٬۳۸۵", "line", "2", "payer_card", payerCard)
	require.Equal(t, http.StatusOK, status)
	require.Len(t, box.messages(), 1)
	require.Contains(t, body, "حساب4433221100\nواریز11,385\n")
	require.Contains(t, body, "&#34;pay_id&#34;:19")
	require.NotContains(t, body, mellatCard)
	require.Equal(t, 1, strings.Count(body, payerCard), "in the message, not in the form")
	require.Contains(t, body, "610433******0011")
}

func TestPhonePageWays(t *testing.T) {
	for way, check := range map[string]func(t *testing.T, d Deposit, got []arrivedSMS){
		"now": func(t *testing.T, d Deposit, got []arrivedSMS) {
			require.Len(t, got, 1)
			require.Contains(t, got[0].body.Text, "\n18:05")
		},
		"late": func(t *testing.T, d Deposit, got []arrivedSMS) { require.Contains(t, got[0].body.Text, "\n17:25") },
		"twice": func(t *testing.T, d Deposit, got []arrivedSMS) {
			require.Len(t, got, 2)
			require.Equal(t, got[0].body.Text, got[1].body.Text)
		},
		"wrong":    func(t *testing.T, d Deposit, got []arrivedSMS) { require.EqualValues(t, 113_850, d.Amount) },
		"reversed": func(t *testing.T, d Deposit, got []arrivedSMS) { require.Equal(t, kindReversal, d.Kind) },
		"withdraw": func(t *testing.T, d Deposit, got []arrivedSMS) { require.Equal(t, kindWithdraw, d.Kind) },
		"spoof":    func(t *testing.T, d Deposit, got []arrivedSMS) { require.Equal(t, spoofSender, got[0].body.Sender) },
		"lost":     func(t *testing.T, d Deposit, got []arrivedSMS) { require.Empty(t, got) },
	} {
		t.Run(way, func(t *testing.T) {
			w, box := newPhoneWorld(t)
			status, _ := w.sendForm("way", way, "payer_card", payerCard)
			require.Equal(t, http.StatusOK, status)
			deposits := w.getBook("").Deposits
			require.Len(t, deposits, 1)
			check(t, deposits[0], box.messages())
		})
	}
}

func TestPhonePageRefusals(t *testing.T) {
	w, box := newPhoneWorld(t)
	for name, fields := range map[string][]string{
		"amount":       {"amount", "much"},
		"line":         {"line", "3"},
		"card":         {"card", "6219860000000018"},
		"bank":         {"bank", "lehman"},
		"way":          {"way", "sideways"},
		"ten times":    {"amount", "1000000000000", "way", "wrong"},
		"not his bank": {"bank", "melli"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := w.sendForm(fields...)
			require.Equal(t, http.StatusBadRequest, status)
			require.Contains(t, body, `id="error"`)
			require.NotContains(t, body, "6219860000000018")
		})
	}
	require.Empty(t, box.messages())
	require.Empty(t, w.getBook("").Deposits)
}
