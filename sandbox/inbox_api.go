package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/paysaga/paysaga/sign"
)

var inboxName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// inboxPath is an inbox's name, or answers 404.
func inboxPath(w http.ResponseWriter, r *http.Request) (string, bool) {
	name := r.PathValue("name")
	if !inboxName.MatchString(name) {
		writeError(w, http.StatusNotFound, "an inbox's name is up to 64 letters, digits, - and _")
		return "", false
	}
	return name, true
}

// tooMany answers that there is no room for another inbox.
func tooMany(w http.ResponseWriter) {
	writeError(w, http.StatusInsufficientStorage, fmt.Sprintf("%d inboxes hold something, and more there cannot be; DELETE one", maxInboxes))
}

// wish is how an arrival asks to be answered, in its address: ?answer=503&retry_after=2&times=3, where times is how many
// attempts of one message are answered so before one is accepted. 0 = the inbox's own way.
type wish struct {
	answer, retryAfter, times int
}

// The names of inboxes that always answer the same.
var fixedWishes = map[string]wish{
	"gone": {answer: http.StatusGone},
	"busy": {answer: http.StatusTooManyRequests, retryAfter: 2},
}

func readWish(name string, query interface{ Get(string) string }) (wish, error) {
	out := fixedWishes[name]
	for key, field := range map[string]struct {
		to       *int
		min, max int
	}{"answer": {&out.answer, 200, 599}, "retry_after": {&out.retryAfter, 0, 86_400}, "times": {&out.times, 1, 1000}} {
		text := query.Get(key)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < field.min || n > field.max {
			return wish{}, fmt.Errorf("%s: must be a number from %d to %d", key, field.min, field.max)
		}
		*field.to = n
	}
	return out, nil
}

// postInbox receives a webhook.
func (s *Server) postInbox(w http.ResponseWriter, r *http.Request) {
	name, ok := inboxPath(w, r)
	if !ok {
		return
	}
	want, err := readWish(name, r.URL.Query())
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	attempt, keys, ok := s.mail.seen(name, r.Header.Get(sign.HeaderID))
	if !ok {
		tooMany(w)
		return
	}
	got := read(r.Header, body, keys, s.book.now())
	got.Attempt = attempt

	rules := s.rules.get().Inbox
	failure, slow := rules.draw()
	asked := want.answer != 0 && (want.times == 0 || attempt <= want.times)
	if asked {
		failure = "" // who asks for an answer gets it
	}
	if slow > 0 && !s.wait(r, slow) {
		got.Rule = failSlow
		s.mail.keep(name, got) // whoever gave up was not served
		return
	}
	got.Rule = failure
	switch failure {
	case failTimeoutBefore, failTimeoutAfter:
		got.Accepted = failure == failTimeoutAfter
		s.mail.keep(name, got)
		s.hold(w, r, orElse(rules.Hold, defaultHold))
		return
	case failReset, failGarbage:
		s.mail.keep(name, got)
		s.breakOff(w, failure)
		return
	case failRefuse:
		got.Answer = http.StatusServiceUnavailable
	default:
		got.Answer = http.StatusOK
	}
	if asked {
		got.Answer = want.answer
	}
	got.Accepted = got.Answer/100 == 2
	s.mail.keep(name, got)
	if asked && want.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(want.retryAfter))
	}
	if got.Answer/100 == 3 {
		w.Header().Set("Location", "/inbox/elsewhere")
	}
	writeJSON(w, got.Answer, map[string]bool{"accepted": got.Accepted})
}

// breakOff ends the connection without an HTTP answer: by a reset, or after bytes that are none.
func (s *Server) breakOff(w http.ResponseWriter, failure string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusGatewayTimeout) // a recorder or HTTP/2: the nearest thing
		return
	}
	defer conn.Close()
	if failure == failGarbage {
		_, _ = io.WriteString(conn, "\x15\x03\x01 this is not HTTP\r\n\r\n")
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // RST instead of a polite end
	}
}

// inboxList is what an inbox holds.
type inboxList struct {
	Inbox    string     `json:"inbox"`
	Total    int64      `json:"total"` // ever, also what was forgotten since
	Messages []Received `json:"messages"`
}

// getInbox lists what came, oldest first: JSON, or a page for browsers. ?after=17 leaves out what has a number up to 17.
func (s *Server) getInbox(w http.ResponseWriter, r *http.Request) {
	name, ok := inboxPath(w, r)
	if !ok {
		return
	}
	after, ok := number(w, r.URL.Query().Get("after"), "after")
	if !ok {
		return
	}
	list, total := s.mail.list(name, after)
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		s.inboxPage(w, r, name, total, list)
		return
	}
	out := inboxList{name, total, make([]Received, len(list))}
	for i, m := range list {
		out.Messages[i] = m.told(false)
	}
	writeJSON(w, http.StatusOK, out)
}

// number reads a number from an address, 0 when there is none.
func number(w http.ResponseWriter, text, name string) (int64, bool) {
	if text == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		writeError(w, http.StatusBadRequest, name+": must be a number from 0")
		return 0, false
	}
	return n, true
}

// deleteInbox empties an inbox.
func (s *Server) deleteInbox(w http.ResponseWriter, r *http.Request) {
	if name, ok := inboxPath(w, r); ok {
		s.mail.empty(name)
		w.WriteHeader(http.StatusNoContent)
	}
}

// putInboxSecret gives an inbox other keys to check with: {"secret": "whsec_…", "payment_key": "…", "payout_key": "…"},
// any of them.
func (s *Server) putInboxSecret(w http.ResponseWriter, r *http.Request) {
	name, ok := inboxPath(w, r)
	if !ok {
		return
	}
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	var keys InboxKeys
	err := decode(body, &keys)
	if err == nil && keys.Secret != "" {
		err = checkSecret(keys.Secret)
	}
	if err == nil && keys == (InboxKeys{}) {
		err = fmt.Errorf("nothing to set: give secret, payment_key or payout_key")
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	if !s.mail.setKeys(name, keys) {
		tooMany(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

const streamBeat = 15 * time.Second

// streamInbox follows an inbox with server-sent events: each message as it comes, with its bytes. It starts with what
// comes next, or after the number in ?after= or the header Last-Event-ID.
func (s *Server) streamInbox(w http.ResponseWriter, r *http.Request) {
	name, ok := inboxPath(w, r)
	if !ok {
		return
	}
	from := r.Header.Get("Last-Event-ID")
	if from == "" {
		from = r.URL.Query().Get("after")
	}
	after, ok := number(w, from, "after")
	if !ok {
		return
	}
	list, total, news := s.mail.follow(name, after)
	if news == nil {
		tooMany(w)
		return
	}
	switch {
	case from == "":
		after, list = total, nil
	case after > total: // a number from before a restart: everything since is news
		after = 0
		list, _ = s.mail.list(name, 0)
	}

	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Time{}) // it has no end; a recorder has no deadlines
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintf(w, ": inbox %s\n\n", name)
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	for {
		for _, m := range list {
			after = m.N
			if err := writeEvent(w, m); err != nil {
				return
			}
		}
		if out.Flush() != nil {
			return
		}
		select {
		case <-news:
			list, _, news = s.mail.follow(name, after)
		case <-beat.C:
			list = nil
			if _, err := io.WriteString(w, ":\n\n"); err != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-s.closing.Done():
			return
		}
	}
}

func writeEvent(w io.Writer, m Received) error {
	data, err := json.Marshal(m.told(true))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "id: %d\nevent: webhook\ndata: %s\n\n", m.N, data)
	return err
}
