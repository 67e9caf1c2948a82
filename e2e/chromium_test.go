package e2e_test

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

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browser is a real browser with one tab. It notes every address it asks for and everything it
// complains about.
type browser struct {
	t   *testing.T
	tab context.Context

	mu         sync.Mutex
	asked      []string
	complaints []string
}

// newBrowser starts a headless Chromium.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	oneAtATime(t)
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(chromium(t)),
		chromedp.NoSandbox, // it does not run as root otherwise
		chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"), // the machine may be offline
		chromedp.Flag("lang", "fa-IR"),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	b := &browser{t: t}
	tab, closeTab := chromedp.NewContext(allocator, chromedp.WithListener(b.note))
	t.Cleanup(closeTab)
	b.tab = tab
	b.do(
		command(network.Enable, network.EnableParams{}),
		command(cdplog.Enable, cdp.Empty{}),
		command(audits.Enable, cdp.Empty{}),
	)
	return b
}

// command is a command of the browser's protocol as an action.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

// chromium finds the browser. Without one the test is skipped, but never where it must run.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "no Chromium on this machine: install the package chromium to run the tests of the payer's pages"
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// note takes down what happens in the tab.
func (b *browser) note(event any) {
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

// do runs actions, which must succeed.
func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.tab, actions...), "%v", b.heard())
}

// ask runs an action that answers something.
func ask[T any](b *browser, action chromedp.Action[T]) T {
	b.t.Helper()
	answer, err := chromedp.Run(b.tab, action)
	require.NoError(b.t, err, "%v", b.heard())
	return answer
}

func (b *browser) heard() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.complaints)
}

func (b *browser) goTo(address string)   { b.t.Helper(); b.do(chromedp.Navigate(address)) }
func (b *browser) click(selector string) { b.t.Helper(); b.do(chromedp.Click(chromedp.CSS(selector))) }
func (b *browser) write(selector, text string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// sees waits until the page shows an element.
func (b *browser) sees(selector string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.tab, soon)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.WaitVisible(chromedp.CSS(selector))); err != nil {
		b.t.Fatalf("%s is not on %s: %v\n%s\n%v", selector, ask(b, chromedp.Location()), err, b.text("body"), b.heard())
	}
}

// text reads an element.
func (b *browser) text(selector string) string {
	b.t.Helper()
	return strings.Join(strings.Fields(ask(b, chromedp.Text(chromedp.CSS(selector)))), " ")
}

// picture keeps what the page looks like in test-output/, for people.
func (b *browser) picture(name string) {
	b.t.Helper()
	folder := filepath.Join("..", "test-output")
	require.NoError(b.t, os.MkdirAll(folder, 0o755))
	png := ask(b, chromedp.CaptureScreenshot()) // not the full one: it shifts right-to-left pages
	require.NoError(b.t, os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644))
}

// asksOnly checks that nothing was asked of anybody else, and that the browser had nothing to complain
// about.
func (b *browser) asksOnly(addresses ...string) {
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

// Screens, in CSS pixels.

func phone() chromedp.Action[chromedp.Void] {
	return chromedp.EmulateViewport(390, 1250, chromedp.EmulateScale(2), chromedp.EmulateMobile, chromedp.EmulateTouch)
}

func desktop() chromedp.Action[chromedp.Void] { return chromedp.EmulateViewport(1200, 1000) }

func withoutJavaScript() chromedp.Action[chromedp.Void] {
	return command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}
