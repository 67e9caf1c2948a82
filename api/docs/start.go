package docs

import (
	"embed"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/paysaga/paysaga/api/pages"
	"github.com/paysaga/paysaga/payload"
	"github.com/paysaga/paysaga/state"
)

// part is a piece of a guide: text, a command to copy, or a program.
type part struct {
	Text    template.HTML
	Command string
	Source  string
}

//go:embed texts/*.md
var guideFiles embed.FS

// parts are a guide in a language. A paragraph "@name" stands for a command, "@source" for the program,
// "@events" for the table of events.
func parts(guide string, l pages.Lang, commands map[string]string, source string) ([]part, error) {
	text, err := guideFiles.ReadFile("texts/" + guide + "." + l.String() + ".md")
	if err != nil {
		return nil, err
	}
	var out []part
	for block := range strings.SplitSeq(string(text), "\n\n") {
		name, isName := strings.CutPrefix(strings.TrimSpace(block), "@")
		switch {
		case !isName:
			out = append(out, part{Text: blocks(block)})
		case name == "events":
			out = append(out, part{Text: eventTable(l)})
		case name == "source":
			out = append(out, part{Source: source})
		case commands[name] == "":
			return nil, fmt.Errorf("guide %s: no command is called %q", guide, name)
		default:
			out = append(out, part{Command: commands[name]})
		}
	}
	return out, nil
}

// DevSandbox is where `make up` serves the sandbox.
const DevSandbox = "http://127.0.0.1:8090"

// tutorial are the commands of the first page. A test runs them as they stand against the whole system.
func tutorial(base string) map[string]string {
	return map[string]string{
		"begin": lines(
			`HOST=`+word(base),
			`MERCHANT=faSDF42w3Fs`,
			`KEY=test`,
		),
		"own": lines(
			`MERCHANT=my-shop`,
			`bin/paysaga merchant put $MERCHANT --name "My shop" --gateways sandbox`,
			`KEY=$(bin/paysaga key create $MERCHANT)`,
		),
		"create": lines(
			`ANSWER=$(curl -s $HOST/api/v1/payments -H "Authorization: Bearer $KEY" \`,
			`  -d merchant=$MERCHANT -d amount=250000 -d description=coffee)`,
			`echo "$ANSWER"`,
			`TOKEN=$(echo "$ANSWER" | sed 's/.*"token":"\([^"]*\)".*/\1/')`,
			`echo "$HOST/pay/$TOKEN"`,
		),
		"pay":     `curl -s ` + DevSandbox + `/payer -d "{\"link\":\"$HOST/pay/$TOKEN\",\"do\":\"pay\"}"`,
		"read":    `curl -s $HOST/api/v1/payments/$TOKEN -H "Authorization: Bearer $KEY"`,
		"collect": `curl -s -X POST $HOST/api/v1/payments/$TOKEN/collect -H "Authorization: Bearer $KEY"`,
		"hear": lines(
			`curl -s $HOST/api/v1/webhook-endpoints -H "Authorization: Bearer $KEY" \`,
			`  -H "Content-Type: application/json" \`,
			`  -d '{"url":"`+DevSandbox+`/inbox/mine","events":["payment.*"]}'`,
		),
	}
}

func lines(all ...string) string { return strings.Join(all, "\n") }

// eventTable lists what endpoints can be told, in the words of the messages.
func eventTable(l pages.Lang) template.HTML {
	var out strings.Builder
	out.WriteString("| `event` | `status` | `is_final` |\n|---|---|---|\n")
	events := state.Events()
	for _, kind := range slices.Sorted(maps.Keys(events)) {
		for _, of := range events[kind] {
			word, ok := payload.OfEvent(kind + "." + of)
			if !ok {
				continue
			}
			final := l.Of("نه", "no")
			if word.Final {
				final = l.Of("بله", "yes")
			}
			fmt.Fprintf(&out, "| `%s.%s` | %s | %s |\n", kind, of, word.Status, final)
		}
	}
	return blocks(out.String())
}
