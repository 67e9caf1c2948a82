package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeTransfers is the card-to-card side of the fake API and its phone.
type fakeTransfers struct {
	list      []*fakeTransfer
	deposits  map[int64]string // state
	recheck   int              // what a second check answers; default 200
	matchAny  bool             // a stray deposit pays somebody
	forgetful bool             // deposits are not listed
}

type fakeTransfer struct {
	amount, reads int64
	card, state   string
	fast          bool
}

func (w *world) transferRoutes(mux *http.ServeMux) {
	w.transfers.deposits = map[int64]string{}
	mux.HandleFunc("POST /api/create", func(rw http.ResponseWriter, r *http.Request) {
		price, _ := strconv.ParseInt(r.FormValue("price"), 10, 64)
		if keys[r.Header.Get("token")] == "" || r.FormValue("fid") == "" {
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.transfers.list = append(w.transfers.list, &fakeTransfer{
			amount: price + 10*int64(len(w.transfers.list)+1), card: r.FormValue("card"), state: "pending", fast: r.Header.Get("token") == "test-fast",
		})
		n := len(w.transfers.list)
		fmt.Fprintf(rw, `{"status":true,"code":200,"pay_id":%d,"amount":%d,"link":"http://x/pay","cart":[{"number":"6219860000000019"}]}`, n, w.transfers.list[n-1].amount)
	})
	mux.HandleFunc("GET /api/check", func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		n, _ := strconv.Atoi(r.URL.Query().Get("pay_id"))
		t := w.transfers.list[n-1]
		t.reads++
		code, status := 7, http.StatusOK
		switch {
		case t.state == "paid":
			code, t.state = 201, "verified"
		case t.state == "verified":
			if code = w.transfers.recheck; code == 0 {
				code = 200
			}
		case t.state == "mismatched":
			code = 199
		case t.fast && t.reads > 2:
			code, status = 6, http.StatusInternalServerError
		}
		rw.WriteHeader(status)
		fmt.Fprintf(rw, `{"status":false,"code":%d,"msg":""}`, code)
	})
	mux.HandleFunc("POST /phone", func(rw http.ResponseWriter, r *http.Request) {
		var wish phoneWish
		_ = json.NewDecoder(r.Body).Decode(&wish)
		w.mu.Lock()
		defer w.mu.Unlock()
		result, id := "queued", int64(len(w.transfers.deposits)+1)
		w.transfers.deposits[id] = "suspense"
		for _, t := range w.transfers.list {
			if t.amount != int64(wish.Amount) {
				continue
			}
			if t.state = "paid"; t.card != "" && wish.PayerCard != t.card {
				t.state = "mismatched"
				break
			}
			result = "paid"
		}
		if w.transfers.matchAny {
			result = "paid"
		}
		fmt.Fprintf(rw, `{"sent":[{"status":200,"body":{"messages":[{"result":%q,"deposit_id":%d}]}}]}`, result, id)
	})
	mux.HandleFunc("GET /api/deposits", func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		list := []map[string]any{}
		for id := range w.transfers.deposits {
			if r.Header.Get("token") == "test-operator" && !w.transfers.forgetful {
				list = append(list, map[string]any{"id": id, "reason": "no_transfer"})
			}
		}
		_ = json.NewEncoder(rw).Encode(map[string]any{"deposits": list})
	})
	mux.HandleFunc("POST /api/deposits/{id}/resolve", func(rw http.ResponseWriter, r *http.Request) {
		var word struct{ Action, By, Reason string }
		_ = json.NewDecoder(r.Body).Decode(&word)
		if word.By == "" || word.Reason == "" {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
		w.transfers.deposits[id] = word.Action
		fmt.Fprint(rw, `{}`)
	})
}

func TestTransfersAreWalkedThrough(t *testing.T) {
	w := newWorld(t)
	var out bytes.Buffer
	require.NoError(t, Run(t.Context(), w.config(&out)))
	for _, want := range []string{
		"-H 'token: test'", "pay_id 1, amount 250,010 rial", `"bank":"saman","amount":250010,"card":"6219860000000019"`,
		"code 201", "code 199", "500  code 6", "deposit 3: no_transfer",
		"Saga     http://ui.test/namespaces/paysaga/workflows/transfer%2F1", "Saga     http://ui.test/namespaces/paysaga/workflows/deposit%2F3",
	} {
		require.Contains(t, out.String(), want)
	}
	require.Equal(t, "refund", w.transfers.deposits[3])
}

func TestATransferThatIsNotAsPromised(t *testing.T) {
	for name, c := range map[string]struct {
		breaks func(*fakeTransfers)
		says   string
	}{
		"verified twice":  {func(f *fakeTransfers) { f.recheck = 201 }, "answered code 201, not 200"},
		"taken by chance": {func(f *fakeTransfers) { f.matchAny = true }, "the SMS was paid, not queued"},
		"lost deposit":    {func(f *fakeTransfers) { f.forgetful = true }, "deposit 3 is not in the list"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c.breaks(&w.transfers)
			require.ErrorContains(t, Run(t.Context(), w.config(&bytes.Buffer{})), c.says)
		})
	}
}
