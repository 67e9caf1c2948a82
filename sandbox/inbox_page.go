package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// shownWebhooks is how many messages the page lists; the JSON has all that are kept.
const shownWebhooks = 100

// shownWebhook is a message as the page's table shows it.
type shownWebhook struct{ Received }

// What names the change.
func (m shownWebhook) What() string {
	switch {
	case m.Event != "":
		return m.Event
	case m.Type == "":
		return "—"
	}
	return m.Type + " " + m.Status
}

// Said is the answer the sender got.
func (m shownWebhook) Said() string {
	if m.Answer == 0 {
		return "بی‌پاسخ"
	}
	return persianDigits(m.Answer)
}

// inboxPage shows what came to people, newest first. ?refresh=5 reloads it every 5 seconds.
func (s *Server) inboxPage(w http.ResponseWriter, r *http.Request, name string, total int64, list []Received) {
	data := struct {
		Name                 string
		Messages             []shownWebhook
		Total                int64
		Accepted, Good, Kept int
		Refresh              int
		Now                  time.Time
	}{Name: name, Total: total, Kept: len(list), Now: s.book.now()}
	for _, m := range list {
		if m.Accepted {
			data.Accepted++
		}
		if m.Sign.OK && m.Standard.OK {
			data.Good++
		}
	}
	if n, err := strconv.Atoi(r.URL.Query().Get("refresh")); err == nil {
		data.Refresh = min(max(n, 0), 3600)
	}
	slices.Reverse(list)
	for _, m := range list[:min(len(list), shownWebhooks)] {
		data.Messages = append(data.Messages, shownWebhook{m.told(false)})
	}
	s.show(w, http.StatusOK, "inbox.html", data)
}
