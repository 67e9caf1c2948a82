package docs

import (
	"html"
	"html/template"
	"regexp"
	"strings"
)

// The Markdown that openapi.yaml uses: headings, paragraphs, lists, tables, code, links, bold and emphasis. Nothing of it comes from
// outside, and everything is escaped all the same.

var (
	codeSpan = regexp.MustCompile("`([^`]+)`")
	boldSpan = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	softSpan = regexp.MustCompile(`\*([^*\s][^*]*)\*`)
	linkSpan = regexp.MustCompile(`\[([^\]]+)\]\((https?://[^)\s]+)\)`)
	bareLink = regexp.MustCompile(`&lt;(https?://[^&\s]+)&gt;`)
)

// blocks turns a text into paragraphs, lists and tables.
func blocks(text string) template.HTML {
	var out strings.Builder
	for _, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		lines := strings.Split(strings.TrimSpace(block), "\n")
		switch {
		case strings.TrimSpace(block) == "":
		case strings.HasPrefix(block, "## "):
			out.WriteString("<h2>" + string(inline(block[3:])) + "</h2>")
		case strings.HasPrefix(block, "```\n"):
			code := strings.TrimSuffix(strings.TrimPrefix(block, "```\n"), "\n```")
			out.WriteString(`<pre dir="ltr" lang="en" tabindex="0"><code>` + html.EscapeString(code) + "</code></pre>")
		case strings.HasPrefix(block, "|"):
			table(&out, lines)
		case strings.HasPrefix(block, "- "):
			out.WriteString("<ul>")
			for _, item := range strings.Split("\n"+block, "\n- ")[1:] {
				out.WriteString("<li>" + string(inline(item)) + "</li>")
			}
			out.WriteString("</ul>")
		default:
			out.WriteString("<p>" + string(inline(block)) + "</p>")
		}
	}
	return template.HTML(out.String())
}

func table(out *strings.Builder, lines []string) {
	out.WriteString(`<div class="wide" tabindex="0"><table>`)
	for i, line := range lines {
		if i == 1 { // |---|---|
			continue
		}
		cell := "td"
		if i == 0 {
			cell = "th"
		}
		out.WriteString("<tr>")
		for _, text := range strings.Split(strings.Trim(line, "| "), "|") {
			out.WriteString("<" + cell + ">" + string(inline(strings.TrimSpace(text))) + "</" + cell + ">")
		}
		out.WriteString("</tr>")
	}
	out.WriteString("</table></div>")
}

// inline marks code, bold and emphasis in a line. What stands in code is left as it is.
func inline(text string) template.HTML {
	var out strings.Builder
	rest := text
	for {
		at := codeSpan.FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		out.WriteString(marked(rest[:at[0]]))
		out.WriteString("<code>" + html.EscapeString(rest[at[2]:at[3]]) + "</code>")
		rest = rest[at[1]:]
	}
	out.WriteString(marked(rest))
	return template.HTML(out.String())
}

func marked(text string) string {
	text = html.EscapeString(text)
	text = boldSpan.ReplaceAllString(text, "<strong>$1</strong>")
	text = softSpan.ReplaceAllString(text, "<em>$1</em>")
	text = linkSpan.ReplaceAllString(text, `<a href="$2" rel="noreferrer">$1</a>`)
	return bareLink.ReplaceAllString(text, `<a href="$1" dir="ltr">$1</a>`)
}
