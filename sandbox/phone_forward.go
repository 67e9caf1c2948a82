package sandbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// forwardedSMS is the body of POST /api/sms.
type forwardedSMS struct {
	Sender     string `json:"sender"`
	Text       string `json:"text"`
	ReceivedAt string `json:"received_at"` // RFC 3339: when it reached the phone
	MessageID  string `json:"message_id"`
}

// forward sends the message as often as asked, and keeps count in the book.
func (p *phone) forward(ctx context.Context, e errand, report PhoneReport) []SentSMS {
	message := forwardedSMS{Sender: e.sender, Text: report.Text, ReceivedAt: p.now().Format(time.RFC3339), MessageID: rand.Text()}
	sent := make([]SentSMS, 0, e.times)
	for range e.times {
		answer, err := p.post(ctx, e.token, message)
		if err != nil {
			answer.Error = err.Error()
			p.log.Warn("text message not forwarded", "deposit", report.ID, "bank", report.Bank, "error", err)
		}
		if err := p.book.sent(report.ID, answer.Status/100 == 2); err != nil {
			p.log.Error("count text message", "deposit", report.ID, "error", err)
		}
		sent = append(sent, answer)
		if !e.replay {
			message.MessageID = rand.Text()
		}
	}
	return sent
}

// post makes one call of the API.
func (p *phone) post(ctx context.Context, token string, message forwardedSMS) (SentSMS, error) {
	body, err := json.Marshal(message)
	if err != nil {
		return SentSMS{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.api.JoinPath("/api/sms").String(), bytes.NewReader(body))
	if err != nil {
		return SentSMS{}, err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "paysaga-sandbox-phone/1")
	req.Header.Set("token", token)
	res, err := p.client.Do(req)
	if err != nil {
		return SentSMS{}, fmt.Errorf("forward: %w", err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return SentSMS{Status: res.StatusCode}, fmt.Errorf("read answer: %w", err)
	}
	if !json.Valid(raw) {
		return SentSMS{Status: res.StatusCode, Body: strings.ToValidUTF8(string(raw), "")}, nil
	}
	return SentSMS{Status: res.StatusCode, Body: json.RawMessage(raw)}, nil
}
