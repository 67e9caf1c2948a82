package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// merchant is a business that uses the REST API.
type merchant struct {
	h       *house
	id, key string
}

// taxi has 20 minutes to collect, hasty has 5 seconds.
func (h *house) taxi() merchant  { return merchant{h, "faSDF42w3Fs", "test"} }
func (h *house) hasty() merchant { return merchant{h, "demo-fast", "test-fast"} }

// with makes a merchant of its own, with its own time to collect.
func (h *house) with(t *testing.T, id string, window time.Duration) merchant {
	t.Helper()
	h.mustRun(t, "merchant", "put", id, "--name", id, "--gateways", "asanpardakht,zarinpal,zibal,sandbox", "--collect-within", window.String())
	return merchant{h, id, strings.TrimSpace(h.mustRun(t, "key", "create", id))}
}

// calm has enough time for a payer on a busy machine, and few enough to wait for.
func (h *house) calm(t *testing.T) merchant {
	t.Helper()
	return h.with(t, "e2e-calm", 8*time.Second)
}

// envelope is every answer of the dialect.
type envelope struct {
	Message string          `json:"message"`
	Info    json.RawMessage `json:"info"`
	Errors  []struct {
		Field   string `json:"field"`
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"errors"`
}

// answer is what a merchant got.
type answer struct {
	reply
	envelope
}

// code is the first error's, empty when there is none.
func (a answer) code() string {
	if len(a.Errors) == 0 {
		return ""
	}
	return a.Errors[0].Code
}

// call sends one request; an error means that no answer came.
func (m merchant) call(ctx context.Context, method, path string, form url.Values, header ...string) (answer, error) {
	body := strings.NewReader(form.Encode())
	req, err := http.NewRequestWithContext(ctx, method, m.h.inst.APIURL+"/api/v1/payments"+path, body)
	if err != nil {
		return answer{}, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Authorization", m.key)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	r, err := send(req)
	if err != nil {
		return answer{}, err
	}
	a := answer{reply: r}
	if err := json.Unmarshal(r.body, &a.envelope); err != nil {
		return a, fmt.Errorf("answer %d is not the envelope: %s", r.status, r.body)
	}
	return a, nil
}

func (m merchant) must(t *testing.T, method, path string, form url.Values, header ...string) answer {
	t.Helper()
	a, err := m.call(t.Context(), method, path, form, header...)
	require.NoError(t, err)
	return a
}

// form is the body of a create; more are further fields, name by name.
func (m merchant) form(amount int64, more ...string) url.Values {
	form := url.Values{"merchant": {m.id}, "amount": {fmt.Sprint(amount)}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form
}

// create asks for a payment and answers its token.
func (m merchant) create(t *testing.T, amount int64, more ...string) string {
	t.Helper()
	a := m.must(t, http.MethodPost, "", m.form(amount, more...))
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	return a.token()
}

func (a answer) token() string {
	var info struct {
		Token string `json:"token"`
	}
	_ = json.Unmarshal(a.Info, &info) // an empty token fails whoever needs it
	return info.Token
}

// payment is a payment as its merchant reads it.
type payment struct {
	Merchant struct {
		DisplayName string `json:"display_name"`
	} `json:"merchant"`
	Description string  `json:"description"`
	Payer       string  `json:"payer"`
	Created     string  `json:"created"`
	Amount      int64   `json:"amount"`
	Paid        *string `json:"paid"`
	Token       string  `json:"token"`
	Outcome     struct {
		RRN         string  `json:"rrn"`
		TotalAmount int64   `json:"total_amount"`
		Tip         int64   `json:"tip"`
		State       string  `json:"state"`
		StateError  *string `json:"state_error"`
		Method      string  `json:"method"`
	} `json:"outcome"`
	Payload string `json:"payload"`
}

// reason is why the payment is not collected, empty when it has none.
func (p payment) reason() string {
	if p.Outcome.StateError == nil {
		return ""
	}
	return *p.Outcome.StateError
}

func (m merchant) find(ctx context.Context, token string) (payment, error) {
	a, err := m.call(ctx, http.MethodGet, "/"+token, nil)
	if err != nil {
		return payment{}, err
	}
	if a.status != http.StatusOK {
		return payment{}, fmt.Errorf("payment %s: answer %d: %s", token, a.status, a.body)
	}
	var p payment
	return p, json.Unmarshal(a.Info, &p)
}

func (m merchant) read(t *testing.T, token string) payment {
	t.Helper()
	p, err := m.find(t.Context(), token)
	require.NoError(t, err)
	return p
}

// awaitState waits until the merchant sees the state.
func (m merchant) awaitState(t *testing.T, token, state string) payment {
	t.Helper()
	var p payment
	await(t, soon, "payment "+token+" is "+state, func() (bool, string) {
		var err error
		p, err = m.find(t.Context(), token)
		return err == nil && p.Outcome.State == state, fmt.Sprintf("%q %v", p.Outcome.State, err)
	})
	return p
}

// collect claims the payment, which must succeed.
func (m merchant) collect(t *testing.T, token string) {
	t.Helper()
	a := m.must(t, http.MethodPost, "/"+token+"/collect", nil)
	require.Equal(t, http.StatusOK, a.status, "collect: %s", a.body)
	require.Equal(t, "OK", a.Message)
}

// cannotCollect claims a payment that is not to be had.
func (m merchant) cannotCollect(t *testing.T, token, code string) {
	t.Helper()
	a := m.must(t, http.MethodPost, "/"+token+"/collect", nil)
	require.Equal(t, http.StatusConflict, a.status, "%s", a.body)
	require.Equal(t, code, a.code())
}

func (m merchant) link(token string) string { return m.h.inst.APIURL + "/pay/" + token }
