// Package forwarders reads the SMS that ordinary phone apps forward to us, and checks their signatures.
// docs/sms-forwarders.md says how each app is set up.
package forwarders

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxMessages  = 100
	maxSender    = 64   // characters
	maxText      = 2000 // characters
	maxMessageID = 200  // characters
)

// Message is one forwarded SMS. Problem is empty when it can be taken; otherwise it is all there is.
type Message struct {
	Sender     string    // as the forwarder names it; may be empty
	Text       string    // as it came, never blank
	MessageID  string    // the same however often the forwarder sends the message; may be empty
	ReceivedAt time.Time // UTC; zero when the forwarder does not say
	Problem    string    // short English: "text missing", …
}

// Errors of Read. They concern the whole body.
var (
	ErrEmpty      = errors.New("there is no message in the body")
	ErrTooMany    = errors.New("more than 100 messages")
	ErrUnreadable = errors.New("the body cannot be read")
)

// names are the fields of a message, ours first. Only one name may say a thing, or all must say the same.
type names struct {
	sender, text, receivedAt, messageID []string
}

// All the names we know:
//
//	ours           sender, text, received_at, message_id
//	SmsForwarder   from, content, timestamp
//	Incoming SMS   from, text, receivedStamp (its sentStamp is not needed)
//	SMS Gateway    sender, phoneNumber, message, receivedAt, in "payload"
//	httpSMS        contact, content, timestamp, message_id, in "data"
var (
	common = names{
		sender:     []string{"sender", "from", "phoneNumber"},
		text:       []string{"text", "content", "message"},
		receivedAt: []string{"received_at", "receivedAt", "receivedStamp", "timestamp"},
		messageID:  []string{"message_id"},
	}
	httpSMS = names{
		sender:     []string{"contact"},
		text:       []string{"content"},
		receivedAt: []string{"timestamp"},
		messageID:  []string{"message_id"},
	}
)

// Read understands our own form (an object, a list, {"messages": […]}, a form) and those of the known
// forwarders. What is not a received SMS (a ping, a delivery report) is no message and no error. A message
// that cannot be taken has a Problem and does not hold up the others.
func Read(contentType string, body []byte) ([]Message, error) {
	value, err := decode(contentType, body)
	if err != nil {
		return nil, err
	}
	switch v := value.(type) {
	case object:
		return readObject(v)
	case []any:
		return readList(v, "")
	}
	return nil, ErrUnreadable
}

// readObject reads a message or what wraps messages. Apps that fill a template without escaping let the
// writer of an SMS add fields, so an object that could be read in two ways is not read at all.
func readObject(o object) ([]Message, error) {
	if o.twice != "" {
		return nil, fmt.Errorf("%w: %q comes twice", ErrUnreadable, o.twice)
	}
	list, isList := o.values["messages"].([]any)
	payload, isGateway := o.values["payload"].(object)
	data, isHTTPSMS := o.values["data"].(object)
	_, isEvent := o.values["event"].(string)
	wrappers := 0
	for _, is := range []bool{isList, isGateway, isHTTPSMS} {
		if is {
			wrappers++
		}
	}
	switch {
	case wrappers > 1 || wrappers == 1 && common.in(o):
		return nil, fmt.Errorf("%w: it can be read in two ways", ErrUnreadable)
	case isList:
		return readList(list, "")
	case isGateway:
		return readGateway(o, payload)
	case isHTTPSMS:
		return readHTTPSMS(o, data)
	case isEvent && !common.in(o):
		return nil, nil // SMS Gateway's ping once had no payload
	}
	return []Message{common.read(o)}, nil
}

// readGateway reads an event of SMS Gateway for Android. Its messageId is a short hash that may repeat; the
// event's id is random and stays the same when it is sent again.
func readGateway(event, payload object) ([]Message, error) {
	id, err := event.text("id", []string{"id"}, maxMessageID)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	switch event.values["event"] {
	case "sms:received":
		m := common.read(payload)
		if m.Problem == "" {
			m.MessageID = id
		}
		return []Message{m}, nil
	case "sms:batch:received":
		list, ok := payload.values["messages"].([]any)
		if !ok || payload.twice != "" {
			return nil, ErrUnreadable
		}
		return readList(list, id)
	}
	return otherEvent(event, "event")
}

// readHTTPSMS reads an event of httpSMS (a CloudEvent).
func readHTTPSMS(event, data object) ([]Message, error) {
	if event.values["type"] == "message.phone.received" {
		return []Message{httpSMS.read(data)}, nil
	}
	return otherEvent(event, "type")
}

// otherEvent is acknowledged if it says what it is.
func otherEvent(event object, name string) ([]Message, error) {
	if _, ok := event.values[name].(string); !ok {
		return nil, fmt.Errorf("%w: no %s", ErrUnreadable, name)
	}
	return nil, nil
}

// readList reads a batch. Its messages get their place under the event's id, if there is one.
func readList(list []any, event string) ([]Message, error) {
	switch {
	case len(list) > maxMessages:
		return nil, ErrTooMany
	case len(list) == 0 && event == "":
		return nil, ErrEmpty
	}
	out := make([]Message, len(list))
	for i, item := range list {
		o, ok := item.(object)
		if !ok {
			out[i] = Message{Problem: "not an object"}
			continue
		}
		out[i] = common.read(o)
		if event != "" && out[i].Problem == "" {
			out[i].MessageID = event + "/" + strconv.Itoa(i)
		}
	}
	return out, nil
}

// in tells whether an object has a field of a message.
func (n names) in(o object) bool {
	for _, list := range [][]string{n.sender, n.text, n.receivedAt, n.messageID} {
		for _, name := range list {
			if _, ok := o.values[name]; ok {
				return true
			}
		}
	}
	return false
}

func (n names) read(o object) Message {
	m, err := n.tryRead(o)
	if err != nil {
		return Message{Problem: err.Error()}
	}
	return m
}

func (n names) tryRead(o object) (m Message, err error) {
	if o.twice != "" {
		return m, errors.New("a field comes twice")
	}
	if m.Text, err = o.text("text", n.text, maxText); err != nil {
		return m, err
	}
	if strings.TrimSpace(m.Text) == "" {
		return m, errors.New("text missing")
	}
	if m.Sender, err = o.text("sender", n.sender, maxSender); err != nil {
		return m, err
	}
	m.Sender = strings.TrimSpace(m.Sender)
	if m.MessageID, err = o.text("message_id", n.messageID, maxMessageID); err != nil {
		return m, err
	}
	said, err := o.text("received_at", n.receivedAt, 64)
	if err == nil && said != "" {
		m.ReceivedAt, err = readTime(said)
	}
	return m, err
}

// text is what an object says under any of the names; numbers are taken as they are written.
func (o object) text(field string, names []string, most int) (string, error) {
	found, seen := "", false
	for _, name := range names {
		said := ""
		switch v := o.values[name].(type) {
		case nil:
			continue
		case string:
			said = v
		case number:
			said = string(v)
		default:
			return "", errors.New(field + " is not a text")
		}
		if seen && said != found {
			return "", errors.New(field + " comes twice")
		}
		found, seen = said, true
	}
	switch {
	case !utf8.ValidString(found) || strings.ContainsRune(found, 0):
		return "", errors.New(field + " is not valid UTF-8")
	case utf8.RuneCountInString(found) > most:
		return "", errors.New(field + " too long")
	}
	return found, nil
}

// readTime reads RFC 3339, Unix seconds or Unix milliseconds. A time it cannot read is a problem and not
// "now": an old deposit must not look new.
func readTime(said string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, said)
	if n, notNumber := strconv.ParseInt(said, 10, 64); notNumber == nil {
		switch {
		case n < 1e11:
			t, err = time.Unix(n, 0), nil
		case n < 1e14:
			t, err = time.UnixMilli(n), nil
		}
	}
	if err != nil || t.Year() < 2001 {
		return time.Time{}, errors.New("received_at cannot be read")
	}
	return t.UTC(), nil
}
