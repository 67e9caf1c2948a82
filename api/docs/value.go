package docs

import (
	"encoding/json"
	"strings"

	"go.yaml.in/yaml/v3"
)

// style is how a language writes literals.
type style struct {
	openMap, closeMap   string
	openList, closeList string
	colon               string // between a name and its value
	null, yes, no       string
	text                func(string) string
	name                func(string) string
	wide                bool // one member a line
	space               string
	trail               bool // a comma after the last member
}

var (
	jsonStyle   = style{openMap: "{", closeMap: "}", openList: "[", closeList: "]", colon: ":", null: "null", yes: "true", no: "false", text: quoted, name: quoted}
	prettyStyle = style{openMap: "{", closeMap: "}", openList: "[", closeList: "]", colon: ": ", null: "null", yes: "true", no: "false", text: quoted, name: quoted, wide: true, space: "  "}
	phpStyle    = style{openMap: "[", closeMap: "]", openList: "[", closeList: "]", colon: " => ", null: "null", yes: "true", no: "false", text: single, name: single, wide: true, space: "    ", trail: true}
	jsStyle     = style{openMap: "{", closeMap: "}", openList: "[", closeList: "]", colon: ": ", null: "null", yes: "true", no: "false", text: quoted, name: bare, wide: true, space: "  ", trail: true}
	pythonStyle = style{openMap: "{", closeMap: "}", openList: "[", closeList: "]", colon: ": ", null: "None", yes: "True", no: "False", text: quoted, name: quoted, wide: true, space: "    ", trail: true}
)

// compact is JSON without blanks, in the file's order.
func compact(n *yaml.Node) string { return jsonStyle.write(n, "") }

// indented is JSON for reading.
func indented(n *yaml.Node) string { return prettyStyle.write(n, "") }

func (s style) write(n *yaml.Node, indent string) string {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case n == nil || n.Tag == "!!null":
		return s.null
	case n.Kind == yaml.MappingNode:
		var members []string
		for i := 0; i+1 < len(n.Content); i += 2 {
			members = append(members, s.name(n.Content[i].Value)+s.colon+s.write(n.Content[i+1], indent+s.space))
		}
		return s.enclose(s.openMap, s.closeMap, members, indent)
	case n.Kind == yaml.SequenceNode:
		var items []string
		for _, item := range n.Content {
			items = append(items, s.write(item, indent+s.space))
		}
		return s.enclose(s.openList, s.closeList, items, indent)
	case n.Tag == "!!bool" && n.Value == "true":
		return s.yes
	case n.Tag == "!!bool":
		return s.no
	case number(n):
		return n.Value
	}
	return s.text(n.Value)
}

// enclose keeps what is short on one line.
func (s style) enclose(open, end string, parts []string, indent string) string {
	if !s.wide {
		return open + strings.Join(parts, ",") + end
	}
	line := open + strings.Join(parts, ", ") + end
	if len(parts) == 0 || len([]rune(line)) < 60 && !strings.Contains(line, "\n") {
		return line
	}
	inner := "\n" + indent + s.space
	last := ""
	if s.trail {
		last = ","
	}
	return open + inner + strings.Join(parts, ","+inner) + last + "\n" + indent + end
}

// quoted is a JSON text, which JavaScript, Python and Go read as their own.
func quoted(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // texts always encode
	return strings.TrimSuffix(b.String(), "\n")
}

// single is a text of PHP.
func single(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// bare leaves out the quotes that JavaScript does not need.
func bare(name string) string {
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" {
		return quoted(name)
	}
	return name
}

// word is a word of a shell.
func word(text string) string {
	if text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@%+") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// raw is a text of Go.
func raw(text string) string {
	if strings.Contains(text, "`") {
		return quoted(text)
	}
	return "`" + text + "`"
}
