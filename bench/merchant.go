package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// The fixtures' merchant.
const (
	merchantID  = "faSDF42w3Fs"
	merchantKey = "test"
)

// merchant drives payments over HTTP, with the payer's part walked as a browser would.
type merchant struct {
	url  string
	http *http.Client
}

func newMerchant(url string, connections int) *merchant {
	return &merchant{url: url, http: newClient(connections)}
}

func newClient(connections int) *http.Client {
	return &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxIdleConns: 4 * connections},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the callback is done when the bank's browser got its redirect
		},
	}
}

func (m *merchant) do(ctx context.Context, method, address string, form url.Values) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", merchantKey)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return send(m.http, req)
}

func send(client *http.Client, req *http.Request) ([]byte, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 400 {
		err = fmt.Errorf("%s %s: %s: %.300s", req.Method, req.URL, resp.Status, body)
	}
	return body, err
}

func (m *merchant) create(ctx context.Context) (string, error) {
	body, err := m.do(ctx, http.MethodPost, m.url+"/api/v1/payments", url.Values{"merchant": {merchantID}, "amount": {"1200000"}})
	if err != nil {
		return "", err
	}
	var answer struct{ Info struct{ Token string } }
	return answer.Info.Token, json.Unmarshal(body, &answer)
}

func (m *merchant) read(ctx context.Context, token string) (string, error) {
	body, err := m.do(ctx, http.MethodGet, m.url+"/api/v1/payments/"+token, nil)
	if err != nil {
		return "", err
	}
	var answer struct {
		Info struct{ Outcome struct{ State string } }
	}
	return answer.Info.Outcome.State, json.Unmarshal(body, &answer)
}

func (m *merchant) collect(ctx context.Context, token string) error {
	_, err := m.do(ctx, http.MethodPost, m.url+"/api/v1/payments/"+token+"/collect", nil)
	return err
}

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)
	formField  = regexp.MustCompile(`name="([A-Za-z]+)" value="([^"]*)"`)
)

func readForm(page []byte) (string, url.Values, error) {
	action := formAction.FindSubmatch(page)
	if action == nil {
		return "", nil, errors.New("no form on the page")
	}
	fields := url.Values{}
	for _, f := range formField.FindAllSubmatch(page, -1) {
		fields.Set(string(f[1]), html.UnescapeString(string(f[2])))
	}
	return html.UnescapeString(string(action[1])), fields, nil
}

// pay walks the payer's side: choose a bank, press pay there, come back.
func (m *merchant) pay(ctx context.Context, token string) error {
	page, err := m.do(ctx, http.MethodPost, m.url+"/pay/"+token, url.Values{"gateway": {"asanpardakht"}})
	if err != nil {
		return err
	}
	bank, fields, err := readForm(page)
	if err != nil {
		return err
	}
	fields.Set("do", "pay")
	page, err = m.do(ctx, http.MethodPost, strings.TrimSuffix(bank, "/pay")+"/press", fields)
	if err != nil {
		return err
	}
	back, fields, err := readForm(page)
	if err != nil {
		return err
	}
	_, err = m.do(ctx, http.MethodPost, back, fields)
	return err
}
