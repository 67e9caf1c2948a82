package docs

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/paysaga/paysaga/api/pages"
	"github.com/paysaga/paysaga/state"
)

func openAPI(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("../openapi.yaml")
	require.NoError(t, err)
	return data
}

func site(t testing.TB) *Site {
	t.Helper()
	s, err := New(openAPI(t), "")
	require.NoError(t, err)
	return s
}

// each calls f with every page in both languages and with every kind of sample.
func (s *Site) each(t *testing.T, f func(t *testing.T, name string, l pages.Lang, c Code, page string)) {
	t.Helper()
	for _, name := range s.Names() {
		for _, l := range pages.Langs {
			for _, c := range Codes {
				page, ok, err := s.Page(name, pages.Reader{Lang: l, Chosen: true}, c.Slug)
				require.NoError(t, err)
				require.True(t, ok)
				f(t, name, l, c, string(page))
			}
		}
	}
}

// A route without Persian, or a text whose English was changed since, is an error; so is Persian that nobody reads.
func TestEverythingIsInPersian(t *testing.T) {
	s := site(t)
	without, unused := s.fa.missing(s.spec)
	require.Empty(t, without, "fa.yaml lacks the Persian of these")
	require.Empty(t, unused, "fa.yaml has these for nothing")
}

// Every route stands on its page with a sample in every language that asks for this very route.
func TestEveryRouteHasSamples(t *testing.T) {
	s := site(t)
	routes := 0
	for _, group := range s.spec.tags {
		require.NotEmpty(t, group.operations, "a page without a route: %s", group.name)
		for _, o := range group.operations {
			routes++
			for _, c := range Codes {
				sample, err := o.request(DevURL).write(c)
				require.NoError(t, err, o.ID)
				address := DevURL + strings.Split(o.Path, "{")[0]
				require.Contains(t, sample, address, "%s in %s", o.ID, c.Title)
				require.NotContains(t, sample, "<no value>", "%s in %s", o.ID, c.Title)
				require.NotRegexp(t, `[{}]\w*\b(token|id|code|attempt|key|merchant|name|page)}`, sample, "%s in %s has a hole in its address", o.ID, c.Title)
				page, _, err := s.Page(group.Slug(), pages.Reader{Lang: pages.English}, c.Slug)
				require.NoError(t, err)
				require.Contains(t, string(page), html.EscapeString(strings.Split(sample, "\n")[0]))
				require.Contains(t, string(page), `id="`+o.ID+`"`)
			}
		}
	}
	described := regexp.MustCompile(`(?m)^    (get|post|put|delete|patch):$`).FindAllString(string(openAPI(t)), -1)
	require.Len(t, described, routes)
}

// Pages are small, without scripts or styles of their own, and every link leads somewhere.
func TestPagesAreStrictSmallAndWhole(t *testing.T) {
	s := site(t)
	beside := len(files["docs.css"].Body) + len(files["docs.js"].Body)
	s.each(t, func(t *testing.T, name string, l pages.Lang, c Code, page string) {
		where := fmt.Sprintf("/docs/%s in %s with %s", name, l, c.Title)
		require.Less(t, len(page)+beside, 60<<10, where)
		root, err := html.Parse(strings.NewReader(page))
		require.NoError(t, err)
		var ids, links []string
		for n := range root.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			attrs := map[string]string{}
			for _, a := range n.Attr {
				attrs[a.Key] = a.Val
				require.False(t, a.Key == "style" || strings.HasPrefix(a.Key, "on"), "%s: %s", where, a.Key)
			}
			if id := attrs["id"]; id != "" {
				require.NotContains(t, ids, id, where)
				ids = append(ids, id)
			}
			switch n.Data {
			case "html":
				require.Equal(t, []string{l.String(), l.Of("rtl", "ltr")}, []string{attrs["lang"], attrs["dir"]})
			case "style", "iframe", "img", "object":
				t.Fatalf("%s: %s", where, n.Data)
			case "script":
				require.Nil(t, n.FirstChild, where)
				require.Regexp(t, `^/docs/assets/`, attrs["src"])
			case "link":
				require.Regexp(t, `^(/docs/assets/|/pay/assets/|data:,)`, attrs["href"])
			case "a":
				links = append(links, attrs["href"])
			}
		}
		for _, to := range links {
			address, anchor, _ := strings.Cut(to, "#")
			path, _, _ := strings.Cut(address, "?")
			page := strings.TrimPrefix(strings.TrimPrefix(path, "/docs"), "/")
			switch {
			case path == "/openapi.json", path == "/docs/"+TryPage, strings.HasPrefix(to, "https://www.standardwebhooks.com"), strings.HasPrefix(to, DevSandbox):
			case address == "" || page == name:
				require.True(t, anchor == "" || slices.Contains(ids, anchor), "%s: nothing at %s", where, to)
			default:
				require.Contains(t, s.Names(), page, "%s: no page at %s", where, to)
			}
		}
	})
}

// What a reader chose stays with every link; who chose nothing carries nothing.
func TestChoicesStay(t *testing.T) {
	s := site(t)
	page, _, err := s.Page("payments", pages.Reader{Lang: pages.English, Chosen: true}, "php")
	require.NoError(t, err)
	require.Contains(t, string(page), `href="/docs/top-up?code=php&amp;lang=en"`)
	require.Contains(t, string(page), `href="/docs/payments?code=php&amp;lang=fa"`)
	page, _, err = s.Page("payments", pages.Reader{}, "cobol")
	require.NoError(t, err)
	require.Contains(t, string(page), `href="/docs/top-up"`)
	require.Contains(t, string(page), "curl ")
}

func TestNoSuchPage(t *testing.T) {
	_, ok, err := site(t).Page("../try", pages.Reader{}, "")
	require.NoError(t, err)
	require.False(t, ok)
	_, ok = Asset("../page.html")
	require.False(t, ok)
}

func TestBadFilesAreErrors(t *testing.T) {
	for _, bad := range []string{"", "a: [", "paths: {/x: {get: {tags: [none]}}}"} {
		_, err := New([]byte(bad), "")
		require.Error(t, err, "%q", bad)
	}
}

// The samples call the server that shows them.
func TestSamplesNameTheServer(t *testing.T) {
	s, err := New(openAPI(t), "https://pay.example/")
	require.NoError(t, err)
	page, _, err := s.Page("payments", pages.Reader{}, "")
	require.NoError(t, err)
	require.Contains(t, string(page), "https://pay.example/api/v1/payments")
	require.NotContains(t, string(page), DevURL)
}

func TestMarkdown(t *testing.T) {
	for in, want := range map[string]string{
		"a `<b> *c*` **d** *e* <f>":       "<p>a <code>&lt;b&gt; *c*</code> <strong>d</strong> <em>e</em> &lt;f&gt;</p>",
		"- a\n- b\n  c":                   "<ul><li>a</li><li>b\n  c</li></ul>",
		"## a\n\n```\nb <c>\n```":         `<h2>a</h2><pre dir="ltr" lang="en" tabindex="0"><code>b &lt;c&gt;</code></pre>`,
		"<http://x/y>":                    `<p><a href="http://x/y" dir="ltr">http://x/y</a></p>`,
		"[x](javascript:y)":               "<p>[x](javascript:y)</p>",
		"| a | b |\n|---|---|\n| c | d |": `<div class="wide" tabindex="0"><table><tr><th>a</th><th>b</th></tr><tr><td>c</td><td>d</td></tr></table></div>`,
	} {
		require.Equal(t, want, string(blocks(in)))
	}
}

// The table of events holds every event that an endpoint can be told.
func TestEveryEventIsListed(t *testing.T) {
	page, _, err := site(t).Page(receiverPage, pages.Reader{Lang: pages.English}, "")
	require.NoError(t, err)
	for kind, states := range state.Events() {
		for _, of := range states {
			require.Contains(t, string(page), "<td><code>"+kind+"."+of+"</code></td>")
		}
	}
}
