package forwarders_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api/forwarders"
)

const (
	asJSON = "application/json; charset=utf-8"
	asForm = "application/x-www-form-urlencoded"
	mellat = "حساب5400112233\nواریز11,385\nمانده2,411,385\n05/06/14-16:30"
)

var at = time.Date(2026, 9, 5, 13, 0, 11, 0, time.UTC)

// escaped is mellat as it stands inside a JSON text.
var escaped = strings.ReplaceAll(mellat, "\n", `\n`)

// What each app sends, as its documentation and its code say, with our own texts.
func TestReadKnownForms(t *testing.T) {
	one := forwarders.Message{Sender: "Bank Mellat", Text: mellat, ReceivedAt: at}
	withID := func(id string) []forwarders.Message {
		m := one
		m.MessageID = id
		return []forwarders.Message{m}
	}
	form := "sender=Bank+Mellat&text=%D8%AD%D8%B3%D8%A7%D8%A85400112233%0A%D9%88%D8%A7%D8%B1%DB%8C%D8%B211,385%0A" +
		"%D9%85%D8%A7%D9%86%D8%AF%D9%872,411,385%0A05/06/14-16:30"
	for name, c := range map[string]struct {
		contentType, body string
		want              []forwarders.Message
	}{
		"ours":                           {asJSON, `{"sender":"Bank Mellat","text":"` + escaped + `","received_at":"2026-09-05T16:30:11+03:30","message_id":"a-1"}`, withID("a-1")},
		"ours, seconds and a numeric id": {asJSON, `{"sender":" Bank Mellat ","text":"` + escaped + `","received_at":1788613211,"message_id":7}`, withID("7")},
		"ours, milliseconds as text":     {asJSON, `{"sender":"Bank Mellat","text":"` + escaped + `","received_at":"1788613211000"}`, withID("")},
		"ours, nulls":                    {asJSON, `{"sender":"x","text":"y","received_at":null,"message_id":null}`, []forwarders.Message{{Sender: "x", Text: "y"}}},
		"ours, no sender":                {asJSON, `{"text":"y"}`, []forwarders.Message{{Text: "y"}}},
		"ours, a list":                   {asJSON, `[{"text":"y"},{"text":"z"}]`, []forwarders.Message{{Text: "y"}, {Text: "z"}}},
		"ours, a batch":                  {asJSON, ` {"messages":[{"text":"y"}]} `, []forwarders.Message{{Text: "y"}}},
		"ours, a form":                   {asForm, form + "&received_at=1788613211&message_id=a-1", withID("a-1")},
		"ours, JSON called a form":       {asForm, `{"sender":"x","text":"y"}`, []forwarders.Message{{Sender: "x", Text: "y"}}},
		"ours, no content type":          {"", `{"sender":"x","text":"y"}`, []forwarders.Message{{Sender: "x", Text: "y"}}},
		// A template filled without escaping: MacroDroid, Tasker.
		"ours, bare line breaks": {asJSON, "{\"sender\":\"Bank Mellat\",\n\"text\":\"" + mellat + "\",\"received_at\":1788613211}", withID("")},
		"SMS Gateway": {asJSON, `{"deviceId":"ffffffffceb0b1db0000018e937c815b","event":"sms:received","id":"Ey6ECgOkVVFjz3CL48B8C",
			"payload":{"messageId":"abc123","message":"` + escaped + `","sender":"Bank Mellat","recipient":null,"phoneNumber":"Bank Mellat",
			"simNumber":1,"receivedAt":"2026-09-05T16:30:11.000+03:30"},"webhookId":"LreFUt-Z3sSq0JufY9uWB"}`, withID("Ey6ECgOkVVFjz3CL48B8C")},
		"SMS Gateway before 2026": {asJSON, `{"deviceId":"f","event":"sms:received","id":"Ey6","payload":{"messageId":"abc123",
			"message":"` + escaped + `","phoneNumber":"Bank Mellat","receivedAt":"2026-09-05T16:30:11.000+03:30"},"webhookId":"w"}`, withID("Ey6")},
		"SMS Gateway, a batch": {asJSON, `{"event":"sms:batch:received","id":"Ey6","payload":{"messages":[
			{"messageId":"q","message":"y","sender":"x","phoneNumber":"x"},{"messageId":"q","message":"z","sender":"x"}]}}`,
			[]forwarders.Message{{Sender: "x", Text: "y", MessageID: "Ey6/0"}, {Sender: "x", Text: "z", MessageID: "Ey6/1"}}},
		"SMS Gateway, an empty batch": {asJSON, `{"event":"sms:batch:received","id":"Ey6","payload":{"messages":[]}}`, []forwarders.Message{}},
		"SMS Gateway, a ping":         {asJSON, `{"deviceId":"f","event":"system:ping","id":"p","payload":{"health":{"status":"pass","checks":{}}},"webhookId":"w"}`, nil},
		"SMS Gateway, an old ping":    {asJSON, `{"deviceId":"f","event":"system:ping","id":"p","webhookId":"w"}`, nil},
		"SMS Gateway, a report":       {asJSON, `{"event":"sms:delivered","id":"d","payload":{"messageId":"m","phoneNumber":"x","deliveredAt":"2026-09-05T16:30:11.000+03:30"}}`, nil},
		"SMS Gateway, a data SMS":     {asJSON, `{"event":"sms:data-received","id":"d","payload":{"messageId":"m","phoneNumber":"x","data":"AAAA"}}`, nil},
		"SmsForwarder": {asForm, "from=Bank+Mellat&content=%D9%88%D8%A7%D8%B1%DB%8C%D8%B2%0A11%2C385&timestamp=1788613211000&sign=q%252Bw%253D",
			[]forwarders.Message{{Sender: "Bank Mellat", Text: "واریز\n11,385", ReceivedAt: at}}},
		"Incoming SMS to URL": {asJSON, "{\n  \"from\":\"Bank Mellat\",\n  \"text\":\"" + `\u0648\u0627\u0631\u06CC\u0632\n11,385 05\/06\/14` +
			"\",\n  \"sentStamp\":1788613209000,\n  \"receivedStamp\":1788613211000,\n  \"sim\":\"sim1\"\n}",
			[]forwarders.Message{{Sender: "Bank Mellat", Text: "واریز\n11,385 05/06/14", ReceivedAt: at}}},
		"httpSMS": {"application/json", `{"specversion":"1.0","id":"bd4145c3-ec0e-4406-b419-4a770a699987","source":"/v1/messages/receive",
			"type":"message.phone.received","datacontenttype":"application/json","time":"2026-09-05T13:00:12.4Z","data":{"message_id":"95fef2ad",
			"user_id":"u","owner":"+989120000000","contact":"Bank Mellat","timestamp":"2026-09-05T13:00:11Z","content":"` + escaped + `","sim":"SIM1"}}`, withID("95fef2ad")},
		"httpSMS, a report": {"", `{"specversion":"1.0","id":"b","type":"message.phone.delivered","data":{"id":"m","content":"y","contact":"x"}}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := forwarders.Read(c.contentType, []byte(c.body))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestReadRefusesBodies(t *testing.T) {
	many := "[" + strings.Repeat(`{"text":"y"},`, 100) + `{"text":"y"}]`
	for name, c := range map[string]struct {
		contentType, body string
		want              error
	}{
		"nothing":              {asJSON, " \n", forwarders.ErrEmpty},
		"empty list":           {asJSON, `[]`, forwarders.ErrEmpty},
		"empty batch":          {asJSON, `{"messages":[]}`, forwarders.ErrEmpty},
		"too many":             {asJSON, many, forwarders.ErrTooMany},
		"too many in a batch":  {asJSON, `{"messages":` + many + `}`, forwarders.ErrTooMany},
		"cut off":              {asJSON, `{"sender":"x","text":"y"`, forwarders.ErrUnreadable},
		"no comma":             {asJSON, `{"sender":"x" "text":"y"}`, forwarders.ErrUnreadable},
		"something follows":    {asJSON, `{"text":"y"}{"text":"z"}`, forwarders.ErrUnreadable},
		"a text":               {asJSON, `"y"`, forwarders.ErrUnreadable},
		"plain text":           {"text/plain", "واریز 11,385", forwarders.ErrUnreadable},
		"no type":              {"", "text=y", forwarders.ErrUnreadable},
		"multipart":            {"multipart/form-data; boundary=x", "--x--", forwarders.ErrUnreadable},
		"not UTF-8":            {asJSON, "{\"text\":\"\xff\"}", forwarders.ErrUnreadable},
		"NUL":                  {asJSON, "{\"text\":\"a\x00\"}", forwarders.ErrUnreadable},
		"broken escape":        {asForm, "text=%zz", forwarders.ErrUnreadable},
		"backslash, bare line": {asJSON, "{\"text\":\"a\\\nb\"}", forwarders.ErrUnreadable},
		"too deep":             {asJSON, `{"text":"y","a":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + "}", forwarders.ErrUnreadable},
		"payload, no event":    {asJSON, `{"payload":{"message":"y"}}`, forwarders.ErrUnreadable},
		"data, no type":        {asJSON, `{"data":{"content":"y"}}`, forwarders.ErrUnreadable},
		"batch, no messages":   {asJSON, `{"event":"sms:batch:received","id":"e","payload":{}}`, forwarders.ErrUnreadable},
		"event's id no text":   {asJSON, `{"event":"sms:received","id":{},"payload":{"message":"y"}}`, forwarders.ErrUnreadable},

		// What the writer of an SMS can do to a template that is filled without escaping.
		"field twice":            {asJSON, `{"sender":"x","text":"y","sender":"Bank Mellat"}`, forwarders.ErrUnreadable},
		"field twice, case":      {asJSON, `{"sender":"x","text":"y","SENDER":"Bank Mellat"}`, forwarders.ErrUnreadable},
		"field twice, escape":    {asJSON, `{"sender":"x","text":"y","\u0073ender":"Bank Mellat"}`, forwarders.ErrUnreadable},
		"field twice, folded":    {asJSON, `{"sender":"x","text":"y","ſender":"Bank Mellat"}`, forwarders.ErrUnreadable},
		"form field twice":       {asForm, "sender=x&text=y&sender=Bank+Mellat", forwarders.ErrUnreadable},
		"form field twice, case": {asForm, "sender=x&text=y&Sender=Bank+Mellat", forwarders.ErrUnreadable},
		"message and batch":      {asJSON, `{"sender":"x","text":"y","messages":[{"sender":"Bank Mellat","text":"z"}]}`, forwarders.ErrUnreadable},
		"message and event":      {asJSON, `{"sender":"x","text":"y","event":"sms:received","payload":{"sender":"Bank Mellat","message":"z"}}`, forwarders.ErrUnreadable},
		"two wrappers":           {asJSON, `{"event":"sms:received","payload":{"message":"z"},"type":"message.phone.received","data":{"content":"z"}}`, forwarders.ErrUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := forwarders.Read(c.contentType, []byte(c.body))
			require.ErrorIs(t, err, c.want)
			require.Empty(t, got)
		})
	}
}

func TestReadBadMessages(t *testing.T) {
	for name, c := range map[string]struct{ item, want string }{
		"no text":           {`{"sender":"x"}`, "text missing"},
		"empty object":      {`{}`, "text missing"},
		"blank text":        {`{"text":" \n "}`, "text missing"},
		"text a number":     {`{"text":true}`, "text is not a text"},
		"text an object":    {`{"text":{"a":1}}`, "text is not a text"},
		"long text":         {`{"text":"` + strings.Repeat("و", 2001) + `"}`, "text too long"},
		"long sender":       {`{"text":"y","sender":"` + strings.Repeat("و", 65) + `"}`, "sender too long"},
		"long id":           {`{"text":"y","message_id":"` + strings.Repeat("a", 201) + `"}`, "message_id too long"},
		"NUL":               {`{"text":"y\u0000"}`, "text is not valid UTF-8"},
		"local time":        {`{"text":"y","received_at":"2026-09-05 16:30:11"}`, "received_at cannot be read"},
		"time of the clock": {`{"text":"y","received_at":12}`, "received_at cannot be read"},
		"microseconds":      {`{"text":"y","received_at":1788613211000000}`, "received_at cannot be read"},
		"year one":          {`{"text":"y","received_at":"0001-01-01T00:00:00Z"}`, "received_at cannot be read"},
		"field twice":       {`{"text":"y","text":"y"}`, "a field comes twice"},
		"two senders":       {`{"sender":"x","text":"y","from":"Bank Mellat"}`, "sender comes twice"},
		"empty and another": {`{"sender":"","text":"y","from":"Bank Mellat"}`, "sender comes twice"},
		"two texts":         {`{"text":"y","content":"z"}`, "text comes twice"},
		"not an object":     {`"y"`, "not an object"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := forwarders.Read(asJSON, []byte(`[{"text":"before"},`+c.item+`,{"text":"after"}]`))
			require.NoError(t, err)
			require.Equal(t, []forwarders.Message{{Text: "before"}, {Problem: c.want}, {Text: "after"}}, got)
		})
	}
	t.Run("limits themselves are fine", func(t *testing.T) {
		body := `{"text":"` + strings.Repeat("و", 2000) + `","sender":"` + strings.Repeat("و", 64) + `","message_id":"` + strings.Repeat("a", 200) + `"}`
		got, err := forwarders.Read(asJSON, []byte(body))
		require.NoError(t, err)
		require.Len(t, got, 1)
		require.Empty(t, got[0].Problem)
	})
	t.Run("not UTF-8 inside a form", func(t *testing.T) {
		got, err := forwarders.Read(asForm, []byte("text=%FF"))
		require.NoError(t, err)
		require.Equal(t, []forwarders.Message{{Problem: "text is not valid UTF-8"}}, got)
	})
}

func FuzzRead(f *testing.F) {
	f.Add(asJSON, []byte(`{"sender":"x","text":"y","received_at":1788613211}`))
	f.Add(asJSON, []byte(`{"event":"sms:received","id":"e","payload":{"message":"y","sender":"x"}}`))
	f.Add(asJSON, []byte(`{"type":"message.phone.received","data":{"content":"y","contact":"x"}}`))
	f.Add(asJSON, []byte(`[{"text":"a\nb"},{"text":"c\\"}]`))
	f.Add(asJSON, []byte("{\"text\":\"a\n\\\"b\"}"))
	f.Add(asForm, []byte("from=x&content=%D9%88&timestamp=1788613211000"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		messages, err := forwarders.Read(contentType, body)
		if err != nil {
			require.Empty(t, messages)
		}
		require.LessOrEqual(t, len(messages), 100)
		for _, m := range messages {
			if m.Problem != "" {
				require.Equal(t, forwarders.Message{Problem: m.Problem}, m)
				continue
			}
			require.NotEmpty(t, strings.TrimSpace(m.Text))
			require.LessOrEqual(t, utf8.RuneCountInString(m.Text), 2000)
			require.LessOrEqual(t, utf8.RuneCountInString(m.Sender), 64)
			require.LessOrEqual(t, utf8.RuneCountInString(m.MessageID), 204) // an event's id and its place
			all := m.Text + m.Sender + m.MessageID
			require.True(t, utf8.ValidString(all) && !strings.ContainsRune(all, 0))
			require.True(t, m.ReceivedAt.IsZero() || m.ReceivedAt.Year() >= 2001)
		}
	})
}
