// Package demo walks through the sagas as a merchant and a payer would: over the public REST API
// and the sandbox, with every call printed as a line to copy.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Config says which system is walked through.
type Config struct {
	APIURL     string
	SandboxURL string
	UIURL      string // Temporal Web UI; empty leaves the links out
	Namespace  string // of Temporal
	// BranchToken speaks for branch 31; empty leaves the purchase out.
	BranchToken string
	Out         io.Writer
	Patience    time.Duration // for each outcome; default 30 s
}

// section is one saga with one outcome. A new saga adds its sections to the list in sections.
type section struct {
	title string
	run   func(context.Context, *walker) error
}

func sections() []section {
	return slices.Concat(paymentSections(), transferSections(), topUpSections(), purchaseSections(), payoutSections())
}

// Run walks through every section and returns an error when an outcome is not the promised one. It
// goes on after such an error, so that one broken saga does not hide the others.
func Run(ctx context.Context, cfg Config) error {
	cfg = cfg.withDefaults()
	var broken []error
	begin := time.Now()
	list := sections()
	for i, s := range list {
		fmt.Fprintf(cfg.Out, "%s\n", heading(fmt.Sprintf("%d of %d  %s", i+1, len(list), s.title)))
		err := s.run(ctx, newWalker(cfg))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			fmt.Fprintf(cfg.Out, "\n  NOT as promised: %v\n", err)
			broken = append(broken, fmt.Errorf("%s: %w", s.title, err))
		}
		fmt.Fprintln(cfg.Out)
	}
	if len(broken) > 0 {
		return errors.Join(broken...)
	}
	fmt.Fprintf(cfg.Out, "All %d outcomes are as promised (%.1f s).\n", len(list), time.Since(begin).Seconds())
	return nil
}

func (c Config) withDefaults() Config {
	c.APIURL = strings.TrimRight(c.APIURL, "/")
	c.SandboxURL = strings.TrimRight(c.SandboxURL, "/")
	c.UIURL = strings.TrimRight(c.UIURL, "/")
	if c.Out == nil {
		c.Out = io.Discard
	}
	if c.Patience == 0 {
		c.Patience = 30 * time.Second
	}
	return c
}

func heading(text string) string {
	const width = 78
	return "── " + text + " " + strings.Repeat("─", max(3, width-len([]rune(text))-4))
}

// walker is one section's way through the system.
type walker struct {
	cfg    Config
	client *http.Client
}

func newWalker(cfg Config) *walker {
	// The sandbox answers when the payer is through, which takes several requests of its own.
	return &walker{cfg: cfg, client: &http.Client{Timeout: time.Minute}}
}

// say explains the next step.
func (w *walker) say(format string, args ...any) {
	fmt.Fprintf(w.cfg.Out, "\n  %s\n", fmt.Sprintf(format, args...))
}

// done shows a section's outcome and where its saga can be looked at.
func (w *walker) done(workflowID, outcome string) {
	fmt.Fprintf(w.cfg.Out, "\n  Outcome  %s\n", outcome)
	if w.cfg.UIURL != "" {
		fmt.Fprintf(w.cfg.Out, "  Saga     %s\n", w.sagaLink(workflowID))
	}
}

func (w *walker) sagaLink(workflowID string) string {
	return fmt.Sprintf("%s/namespaces/%s/workflows/%s",
		w.cfg.UIURL, url.PathEscape(w.cfg.Namespace), url.PathEscape(workflowID))
}
