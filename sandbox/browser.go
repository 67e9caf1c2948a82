package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// newBrowserClient is shared by all payers; redirects are followed by hand, so that each is a step
// and none leads elsewhere.
func newBrowserClient() *http.Client {
	return &http.Client{
		Timeout: 20 * time.Second,
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 32,
			IdleConnTimeout:     60 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// browser is one payer's browser, without JavaScript. It visits the given origins and no other.
type browser struct {
	client  *http.Client
	origins []*url.URL
	steps   []Step
}

// Step is one request of the payer's browser.
type Step struct {
	Method string `json:"method"`
	Host   string `json:"host"`
	Path   string `json:"path"`
	Status int    `json:"status"`
}

func newBrowser(shared *http.Client, origins ...*url.URL) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	client := *shared
	client.Jar = jar
	return &browser{client: &client, origins: origins}, nil
}

var errForeign = errors.New("leads to a foreign host")

// screen is a page as the browser shows it.
type screen struct {
	url  *url.URL
	root *html.Node
}

const (
	maxHops = 10
	maxPage = 1 << 20
)

// visit requests a page and follows redirects to the page they end at.
func (b *browser) visit(ctx context.Context, method string, to *url.URL, form url.Values) (*screen, error) {
	for range maxHops {
		res, body, err := b.send(ctx, method, to, form)
		if err != nil {
			return nil, err
		}
		switch res.StatusCode {
		case http.StatusOK:
			root, err := html.Parse(bytes.NewReader(body))
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, to.Path, err)
			}
			return &screen{to, root}, nil
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
			next, err := res.Location()
			if err != nil {
				return nil, fmt.Errorf("%s %s: redirect without a place to go: %w", method, to.Path, err)
			}
			method, to, form = http.MethodGet, next, nil
		default:
			return nil, fmt.Errorf("%s %s answered %d: %s", method, to.Path, res.StatusCode, excerpt(body))
		}
	}
	return nil, fmt.Errorf("more than %d redirects", maxHops)
}

// send makes one request and notes it.
func (b *browser) send(ctx context.Context, method string, to *url.URL, form url.Values) (*http.Response, []byte, error) {
	if !slices.ContainsFunc(b.origins, func(o *url.URL) bool { return sameOrigin(o, to) }) {
		return nil, nil, fmt.Errorf("%s: %w", to.Host, errForeign)
	}
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, to.String(), body)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", "text/html")
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	step := Step{Method: method, Host: to.Host, Path: to.Path}
	res, err := b.client.Do(req)
	if err != nil {
		b.steps = append(b.steps, step)
		return nil, nil, fmt.Errorf("%s %s: %w", method, to.Path, err)
	}
	defer res.Body.Close()
	step.Status = res.StatusCode
	b.steps = append(b.steps, step)
	text, err := io.ReadAll(io.LimitReader(res.Body, maxPage))
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", method, to.Path, err)
	}
	return res, text, nil
}

func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host) }

// excerpt is what a page or body says went wrong: its alerts, else the start of its text.
func excerpt(body []byte) string {
	text := string(body)
	if root, err := html.Parse(bytes.NewReader(body)); err == nil {
		if alert := find(root, func(n *html.Node) bool { return attr(n, "role") == "alert" }); alert != nil {
			text = words(alert)
		}
	}
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return text
}

// words are the text inside an element.
func words(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// find returns the first element that matches, in document order.
func (s *screen) find(match func(*html.Node) bool) *html.Node { return find(s.root, match) }

func find(from *html.Node, match func(*html.Node) bool) *html.Node {
	for n := range from.Descendants() {
		if n.Type == html.ElementNode && match(n) {
			return n
		}
	}
	return nil
}

// byID finds an element.
func (s *screen) byID(tag, id string) *html.Node {
	return s.find(func(n *html.Node) bool { return n.Data == tag && attr(n, "id") == id })
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// fields are what a form would send if nothing were changed in it.
func fields(form *html.Node) url.Values {
	out := url.Values{}
	for n := range form.Descendants() {
		if n.Type != html.ElementNode || attr(n, "name") == "" || has(n, "disabled") {
			continue
		}
		switch n.Data {
		case "input":
			switch attr(n, "type") {
			case "radio", "checkbox":
				if has(n, "checked") {
					out.Add(attr(n, "name"), attr(n, "value"))
				}
			case "submit", "button", "image", "reset", "file":
			default:
				out.Add(attr(n, "name"), attr(n, "value"))
			}
		case "textarea":
			out.Add(attr(n, "name"), "")
		}
	}
	return out
}

// submit sends a form with its own method to its own action.
func (b *browser) submit(ctx context.Context, s *screen, form *html.Node, values url.Values) (*screen, error) {
	action, err := s.url.Parse(attr(form, "action"))
	if err != nil {
		return nil, fmt.Errorf("form action: %w", err)
	}
	if !strings.EqualFold(attr(form, "method"), "post") {
		action.RawQuery = values.Encode()
		return b.visit(ctx, http.MethodGet, action, nil)
	}
	return b.visit(ctx, http.MethodPost, action, values)
}
