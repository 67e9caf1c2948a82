// Package testbrowser gives tests a headless Chromium that notes every address it asks for and everything
// it complains about, takes pictures for people, and looks for barriers with axe-core.
package testbrowser

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Soon is the patience with what needs no waiting: ample, for busy machines.
const Soon = 30 * time.Second

// Action is something that the browser does.
type Action = chromedp.Action[chromedp.Void]

// Browser is a real browser with one tab.
type Browser struct {
	t   testing.TB
	tab context.Context

	mu         sync.Mutex
	asked      []string
	complaints []string
}

// New starts a browser that asks for Persian pages. It reaches this machine and no other.
func New(t testing.TB) *Browser {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(chromium(t)),
		chromedp.NoSandbox, // it does not run as root otherwise
		chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"), // the machine may be offline
		chromedp.Flag("lang", "fa-IR"),
		chromedp.Flag("accept-lang", "fa-IR,fa"),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	b := &Browser{t: t}
	tab, closeTab := chromedp.NewContext(allocator, chromedp.WithListener(b.note))
	t.Cleanup(closeTab)
	b.tab = tab
	b.Do(
		command(network.Enable, network.EnableParams{}),
		command(cdplog.Enable, cdp.Empty{}),
		command(audits.Enable, cdp.Empty{}),
	)
	return b
}

// command is a command of the browser's protocol as an action.
func command[P, R any](c cdp.Command[P, R], params P) Action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

// chromium finds the browser. Without one the test is skipped, but never where it must run.
func chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "no Chromium on this machine: install the package chromium to run the tests of the payer's pages")
	return ""
}

func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// note takes down what happens in the tab.
func (b *Browser) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	complain := func(format string, args ...any) { b.complaints = append(b.complaints, fmt.Sprintf(format, args...)) }
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	case *network.EventLoadingFailed:
		if !e.Canceled {
			complain("not loaded: %s %s %s", e.Type, e.ErrorText, e.BlockedReason)
		}
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError || e.Entry.Source == cdplog.EntrySourceSecurity || e.Entry.Source == cdplog.EntrySourceViolation {
			complain("log: %s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		complain("exception: %+v", *e.ExceptionDetails)
	case *audits.EventIssueAdded:
		if d := e.Issue.Details.ContentSecurityPolicyIssueDetails; d != nil {
			complain("policy %s broken: %s", d.ViolatedDirective, d.BlockedURL)
		}
	}
}

// Do runs actions, which must succeed.
func (b *Browser) Do(actions ...Action) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.tab, actions...), "%v", b.Heard())
}

// Ask runs an action that answers something.
func Ask[T any](b *Browser, action chromedp.Action[T]) T {
	b.t.Helper()
	answer, err := chromedp.Run(b.tab, action)
	require.NoError(b.t, err, "%v", b.Heard())
	return answer
}

// Heard lists what the browser complained about.
func (b *Browser) Heard() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.complaints)
}

// GoTo opens an address and waits until it has loaded.
func (b *Browser) GoTo(address string) { b.t.Helper(); b.Do(chromedp.Navigate(address)) }

// Click clicks an element.
func (b *Browser) Click(selector string) { b.t.Helper(); b.Do(chromedp.Click(chromedp.CSS(selector))) }

// Write types into an element.
func (b *Browser) Write(selector, text string) {
	b.t.Helper()
	b.Do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Location is the tab's address.
func (b *Browser) Location() string { b.t.Helper(); return Ask(b, chromedp.Location()) }

// Sees waits until the page shows an element.
func (b *Browser) Sees(selector string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.tab, Soon)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.WaitVisible(chromedp.CSS(selector))); err != nil {
		b.t.Fatalf("%s is not on %s: %v\n%s\n%v", selector, b.Location(), err, b.Text("body"), b.Heard())
	}
}

// Text reads an element.
func (b *Browser) Text(selector string) string {
	b.t.Helper()
	return strings.Join(strings.Fields(Ask(b, chromedp.Text(chromedp.CSS(selector)))), " ")
}

// Picture keeps what the page looks like in the repository's test-output/, for people.
func (b *Browser) Picture(name string) {
	b.t.Helper()
	file := filepath.Join(root(b.t), "test-output", name+".png")
	require.NoError(b.t, os.MkdirAll(filepath.Dir(file), 0o755))
	png := Ask(b, chromedp.CaptureScreenshot()) // not the full one: it shifts right-to-left pages
	require.NoError(b.t, os.WriteFile(file, png, 0o644))
}

// AsksOnly checks that nothing was asked of anybody else, and that the browser had nothing to complain
// about.
func (b *Browser) AsksOnly(addresses ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.NotEmpty(b.t, b.asked)
	for _, asked := range b.asked {
		u, err := url.Parse(asked)
		require.NoError(b.t, err)
		if u.Scheme == "data" || u.Scheme == "about" {
			continue
		}
		require.Contains(b.t, addresses, u.Scheme+"://"+u.Host, "a request to somebody else: %s", asked)
	}
	require.Empty(b.t, b.complaints)
}

// root is the folder of the repository.
func root(t testing.TB) string {
	t.Helper()
	folder, err := filepath.Abs(".")
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(folder, ".golangci.yml")); err == nil {
			return folder
		}
		require.NotEqual(t, filepath.Dir(folder), folder, "not inside the repository")
		folder = filepath.Dir(folder)
	}
}
