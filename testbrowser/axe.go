package testbrowser

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Barrier is what axe-core found wrong with a page.
type Barrier struct {
	Rule   string   `json:"rule"`
	Impact string   `json:"impact"` // minor, moderate, serious or critical
	Help   string   `json:"help"`
	Where  []string `json:"where"` // each place, with what is wrong there
}

func (b Barrier) String() string {
	return fmt.Sprintf("%s (%s): %s\n    %s", b.Rule, b.Impact, b.Help, strings.Join(b.Where, "\n    "))
}

// runAxe answers what is wrong, and what axe could not decide about contrast: that counts, too.
const runAxe = `(async rules => {
	const options = { resultTypes: ['violations', 'incomplete'] };
	if (rules.length) options.runOnly = { type: 'rule', values: rules };
	const found = await axe.run(document, options);
	const short = node => node.any.every(check => check.data?.messageKey === 'shortTextContent'); // a lone letter
	const undecided = found.incomplete.filter(r => r.id === 'color-contrast')
		.map(r => ({ ...r, nodes: r.nodes.filter(n => !short(n)) })).filter(r => r.nodes.length);
	return [...found.violations, ...undecided].map(r => ({
		rule: r.id, impact: r.impact ?? '', help: r.help,
		where: r.nodes.map(n => n.target.join(' ') + ': ' + (n.failureSummary ?? '').replace(/\s+/g, ' ')),
	}));
})`

// Barriers looks for barriers on the page that the tab shows, by all of axe-core's rules or those named. Without
// axe-core the test is skipped, but never where it must run.
func (b *Browser) Barriers(rules ...string) []Barrier {
	b.t.Helper()
	script, err := os.ReadFile(filepath.Join(root(b.t), "bin", "tools", "axe.min.js"))
	if err != nil {
		missing(b.t, "axe-core is missing: `make axe` fetches it")
	}
	if !Ask(b, chromedp.Evaluate[bool](`typeof axe === 'object'`)) {
		b.Do(chromedp.Evaluate[chromedp.Void](string(script)))
	}
	list := `[]`
	if len(rules) > 0 {
		list = `["` + strings.Join(rules, `","`) + `"]`
	}
	found := Ask(b, chromedp.Evaluate[[]Barrier](runAxe+"("+list+")", chromedp.EvalAwaitPromise))
	require.NotNil(b.t, found)
	return found
}
