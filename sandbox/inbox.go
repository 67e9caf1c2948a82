package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/paysaga/paysaga/sign"
)

// Inboxes are receivers of webhooks for trying: they check both signatures of what comes in, keep it for a
// while in memory, and answer as they are told to.

// InboxKeys are what an inbox checks signatures with.
type InboxKeys struct {
	PaymentKey string `json:"payment_key"` // of the body's `sign`
	PayoutKey  string `json:"payout_key"`  // likewise, of payouts
	Secret     string `json:"secret"`      // of the Standard Webhooks headers, "whsec_…"
}

// Received is one request to an inbox.
type Received struct {
	N       int64     `json:"n"` // its number in this inbox, from 1
	At      time.Time `json:"at"`
	ID      string    `json:"id"`      // header webhook-id; empty when there is none
	Attempt int       `json:"attempt"` // how often this id has come; 1 when it has none

	Event string `json:"event,omitempty"` // header paysaga-event: "payment.collected"
	// What the body says of itself, when it is JSON that does.
	Type    string `json:"type"`
	Status  string `json:"status"`
	OrderID string `json:"order_id"`
	UUID    string `json:"uuid"`

	Sign     Verdict `json:"sign"`     // of the body's member "sign"
	Standard Verdict `json:"standard"` // of the Standard Webhooks headers

	Answer   int         `json:"answer"`         // HTTP status; 0 = none was sent
	Accepted bool        `json:"accepted"`       // answered 2xx, or would have been and was not heard
	Rule     string      `json:"rule,omitempty"` // the failure that was played
	Headers  http.Header `json:"headers"`        // those that matter to a receiver
	Body     string      `json:"body"`           // as text; what is not UTF-8 is replaced
	Raw      []byte      `json:"raw,omitempty"`  // the bytes as they came, in base64; only in the stream
}

// size is what keeping it costs, in bytes, nearly.
func (r Received) size() int {
	n := len(r.Raw) + len(r.ID) + len(r.Event)
	for name, values := range r.Headers {
		for _, v := range values {
			n += len(name) + len(v)
		}
	}
	return n
}

// told is a message as it is shown: with its body as text, and with its bytes for who wants them.
func (r Received) told(raw bool) Received {
	r.Body = strings.ToValidUTF8(string(r.Raw), "\uFFFD")
	if !raw {
		r.Raw = nil
	}
	return r
}

// Verdict is what became of checking a signature.
type Verdict struct {
	OK  bool   `json:"ok"`
	Key string `json:"key,omitempty"` // which one fitted: payment, payout, secret
	Why string `json:"why,omitempty"`
	// Missing says that there was no signature to check: a test webhook has no Standard Webhooks headers.
	Missing bool `json:"missing,omitempty"`
}

func bad(err error) Verdict {
	return Verdict{Why: err.Error(), Missing: errors.Is(err, sign.ErrNoSign)}
}

const (
	maxInboxes    = 32
	keptWebhooks  = 10_000   // per inbox
	keptBytes     = 16 << 20 // of bodies and headers, per inbox
	keptHeaderLen = 4096
)

// inbox is one receiver. What it forgets first is the oldest.
type inbox struct {
	keys     InboxKeys
	received []Received
	bytes    int
	total    int64
	attempts map[string]int
	news     chan struct{} // closed when something comes, and replaced
}

func newInbox(keys InboxKeys) *inbox {
	return &inbox{keys: keys, attempts: map[string]int{}, news: make(chan struct{})}
}

// mailroom is all inboxes by name. They come into being when something arrives.
type mailroom struct {
	mu      sync.Mutex
	keys    map[string]InboxKeys // of those that have their own from the start
	inboxes map[string]*inbox
}

// get finds or makes an inbox. The lock is held. nil means that there are too many.
func (m *mailroom) get(name string) *inbox {
	if box := m.inboxes[name]; box != nil {
		return box
	}
	if len(m.inboxes) >= maxInboxes && !m.dropEmpty() {
		return nil
	}
	box := newInbox(m.keysOf(name))
	m.inboxes[name] = box
	return box
}

// dropEmpty makes room for an inbox by forgetting one that holds nothing.
func (m *mailroom) dropEmpty() bool {
	for name, box := range m.inboxes {
		if len(box.received) == 0 {
			close(box.news) // who follows it looks again
			delete(m.inboxes, name)
			return true
		}
	}
	return false
}

// keysOf are an inbox's keys from the start. Every inbox knows the development merchant's; the lock is held.
func (m *mailroom) keysOf(name string) InboxKeys {
	if keys, ok := m.keys[name]; ok {
		return keys
	}
	keys := m.keys["dev"]
	keys.Secret = ""
	return keys
}

// setKeys gives an inbox other keys; empty ones stay as they are.
func (m *mailroom) setKeys(name string, keys InboxKeys) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	box := m.get(name)
	if box == nil {
		return false
	}
	for _, change := range []struct {
		to   *string
		from string
	}{{&box.keys.PaymentKey, keys.PaymentKey}, {&box.keys.PayoutKey, keys.PayoutKey}, {&box.keys.Secret, keys.Secret}} {
		if change.from != "" {
			*change.to = change.from
		}
	}
	return true
}

// seen counts an arrival of an id and answers how often it has come, and the keys to check it with.
func (m *mailroom) seen(name, id string) (attempt int, keys InboxKeys, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	box := m.get(name)
	if box == nil {
		return 0, InboxKeys{}, false
	}
	if id == "" {
		return 1, box.keys, true
	}
	if len(box.attempts) >= 2*keptWebhooks { // ids of long ago
		clear(box.attempts)
	}
	box.attempts[id]++
	return box.attempts[id], box.keys, true
}

// keep stores what came and tells those who wait.
func (m *mailroom) keep(name string, r Received) {
	m.mu.Lock()
	defer m.mu.Unlock()
	box := m.get(name)
	if box == nil { // deleted meanwhile, and others came
		return
	}
	box.total++
	r.N = box.total
	box.received = append(box.received, r)
	box.bytes += r.size()
	for len(box.received) > keptWebhooks || box.bytes > keptBytes {
		box.bytes -= box.received[0].size()
		box.received = box.received[1:]
	}
	close(box.news)
	box.news = make(chan struct{})
}

// list copies what came after number n, oldest first. total is how many ever came.
func (m *mailroom) list(name string, n int64) (list []Received, total int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	box := m.inboxes[name]
	if box == nil {
		return nil, 0
	}
	return box.after(n), box.total
}

// follow is list for who stays: news is closed when more comes. nil means that there are too many inboxes.
func (m *mailroom) follow(name string, n int64) (list []Received, total int64, news <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	box := m.get(name)
	if box == nil {
		return nil, 0, nil
	}
	return box.after(n), box.total, box.news
}

func (b *inbox) after(n int64) []Received {
	at, _ := slices.BinarySearchFunc(b.received, n+1, func(r Received, n int64) int { return cmp.Compare(r.N, n) })
	return slices.Clone(b.received[at:])
}

// empty forgets what an inbox got; numbers go on, so that who follows it misses nothing.
func (m *mailroom) empty(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	box := m.inboxes[name]
	if box == nil {
		return
	}
	box.received, box.bytes, box.attempts = nil, 0, map[string]int{}
}

// read makes of a request what an inbox keeps.
func read(header http.Header, body []byte, keys InboxKeys, now time.Time) Received {
	r := Received{
		At: now, ID: header.Get(sign.HeaderID), Event: header.Get("Paysaga-Event"), Headers: keptHeaders(header),
		Raw:  body,
		Sign: checkSign(body, keys), Standard: checkStandard(header, body, keys.Secret, now),
	}
	var says struct {
		Type    text `json:"type"`
		Status  text `json:"status"`
		OrderID text `json:"order_id"`
		UUID    text `json:"uuid"`
	}
	if json.Unmarshal(body, &says) == nil {
		r.Type, r.Status = string(says.Type), string(says.Status)
		r.OrderID, r.UUID = string(says.OrderID), string(says.UUID)
	}
	return r
}

// text is a JSON string; anything else is passed over.
type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	if json.Unmarshal(raw, &s) == nil && utf8.RuneCountInString(s) <= 256 {
		*t = text(s)
	}
	return nil
}

// checkSign tries the payment key and then the payout key: the contract is not clear which one signs a payout.
func checkSign(body []byte, keys InboxKeys) Verdict {
	err := error(sign.ErrNoKey)
	for _, k := range []struct{ name, key string }{{"payment", keys.PaymentKey}, {"payout", keys.PayoutKey}} {
		if k.key == "" {
			continue
		}
		if err = sign.VerifyWebhook(body, k.key); err == nil {
			return Verdict{OK: true, Key: k.name}
		}
	}
	return bad(err)
}

func checkStandard(header http.Header, body []byte, secret string, now time.Time) Verdict {
	if secret == "" {
		return bad(sign.ErrNoKey)
	}
	if err := sign.VerifyStandard(header, body, now, secret); err != nil {
		return bad(err)
	}
	return Verdict{OK: true, Key: "secret"}
}

// keptHeaders are those that a receiver looks at.
func keptHeaders(header http.Header) http.Header {
	out := http.Header{}
	for name, values := range header {
		switch {
		case name == "Content-Type", name == "User-Agent", strings.HasPrefix(name, "Webhook-"),
			strings.HasPrefix(name, "Paysaga-"), strings.HasPrefix(name, "X-"):
			for _, v := range values {
				if len(v) <= keptHeaderLen {
					out.Add(name, v)
				}
			}
		}
	}
	return out
}

// checkSecret says whether a text is an endpoint's secret.
func checkSecret(secret string) error {
	if _, err := sign.StandardHeaders("msg", time.Unix(0, 0), nil, secret); err != nil {
		return fmt.Errorf("secret: must be whsec_ and the base64 of 24 to 64 bytes")
	}
	return nil
}
