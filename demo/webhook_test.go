package demo

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeWebhooks is one message, delivered at the second look.
type fakeWebhooks struct {
	looks  int
	stuck  bool // it stays pending
	lost   bool // the inbox never saw it
	forged bool // the inbox does not believe it
	silent bool // there is none
}

func (w *world) webhookRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/webhook-messages", func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		f := &w.webhooks
		if r.Header.Get("Authorization") != "test" || f.silent {
			fmt.Fprint(rw, `{"info":{"messages":[]}}`)
			return
		}
		state := "pending"
		if f.looks++; f.looks > 1 && !f.stuck {
			state = "delivered"
		}
		fmt.Fprintf(rw, `{"info":{"messages":[{"id":7,"webhook_id":"msg_7","event":"wallet.credited","state":%q,"tries":1}]}}`, state)
	})
	mux.HandleFunc("GET /inbox/dev", func(rw http.ResponseWriter, _ *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		id := "msg_7"
		if w.webhooks.lost {
			id = "msg_6"
		}
		fmt.Fprintf(rw, `{"messages":[{"id":%q,"sign":{"ok":true},"standard":{"ok":%t,"why":"another secret"}}]}`, id, !w.webhooks.forged)
	})
}

func TestWebhookIsWalkedThrough(t *testing.T) {
	for _, c := range []struct {
		name   string
		breaks func(*fakeWebhooks)
		says   string
	}{
		{"delivered", func(*fakeWebhooks) {}, ""},
		{"stuck", func(f *fakeWebhooks) { f.stuck = true }, "not delivered"},
		{"lost", func(f *fakeWebhooks) { f.lost = true }, "not in the inbox"},
		{"forged", func(f *fakeWebhooks) { f.forged = true }, "another secret"},
		{"silent", func(f *fakeWebhooks) { f.silent = true }, "nothing was told"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c.breaks(&w.webhooks)
			var out bytes.Buffer
			err := told(t.Context(), newWalker(w.config(&out).withDefaults()))
			if c.says != "" {
				require.ErrorContains(t, err, c.says)
				return
			}
			require.NoError(t, err)
			require.Contains(t, out.String(), "webhook%2F7")
		})
	}
}
