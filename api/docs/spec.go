package docs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// spec is openapi.yaml as the pages need it: in the file's order, references followed.
type spec struct {
	root *yaml.Node
	tags []tag
}

// tag is a group of operations, and a page.
type tag struct {
	name        string // "card to card"
	description string
	operations  []*operation
}

// Slug names the tag in addresses: "card-to-card".
func (t tag) Slug() string { return strings.ReplaceAll(t.name, " ", "-") }

// operation is one route and method.
type operation struct {
	ID          string
	Method      string // upper case
	Path        string
	Summary     string // English, as everything here
	Description string // Markdown

	Auth    credential
	Params  []field // path, query and header
	Body    []field
	Answers []answer
	Words   []field // of the answers: those that have few values, with what they mean

	form    bool       // the body is a form and not JSON
	example *yaml.Node // of the body; nil: there is none
}

// field is a parameter, or a member of the body.
type field struct {
	Name        string
	In          string // path, query, header or body
	Required    bool
	Type        string // "integer", "string", …
	Values      string // those it may have, when they are few
	Description string
	example     string
}

// answer is what an operation may answer.
type answer struct {
	Status      string
	Description string
	Shared      string // name of the answer that several operations share, else empty
	Examples    []example
}

// example is a body as it goes over the wire, indented.
type example struct{ Summary, Body string }

func readSpec(data []byte) (*spec, error) {
	s := &spec{root: &yaml.Node{}}
	if err := yaml.Unmarshal(data, s.root); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	if len(s.root.Content) != 1 {
		return nil, fmt.Errorf("openapi.yaml: empty")
	}
	s.root = s.root.Content[0]
	for _, t := range s.items(s.get(s.root, "tags")) {
		s.tags = append(s.tags, tag{name: s.text(t, "name"), description: s.text(t, "description")})
	}
	for path, item := range s.members(s.get(s.root, "paths")) {
		for method, op := range s.members(item) {
			if method == "parameters" {
				continue
			}
			o, group := s.operation(path, method, item, op)
			i := slices.IndexFunc(s.tags, func(t tag) bool { return t.name == group })
			if i < 0 {
				return nil, fmt.Errorf("openapi.yaml: %s %s has no known tag", method, path)
			}
			s.tags[i].operations = append(s.tags[i].operations, o)
		}
	}
	return s, nil
}

func (s *spec) operation(path, method string, item, op *yaml.Node) (*operation, string) {
	o := &operation{
		ID: s.text(op, "operationId"), Method: strings.ToUpper(method), Path: path,
		Summary: s.text(op, "summary"), Description: s.text(op, "description"),
		Auth: s.credential(op, path),
	}
	for _, p := range append(s.items(s.get(item, "parameters")), s.items(s.get(op, "parameters"))...) {
		o.Params = append(o.Params, s.param(p))
	}
	s.readBody(o, op)
	for status, a := range s.members(s.get(op, "responses")) {
		o.Answers = append(o.Answers, s.answer(status, a))
		if status < "400" {
			s.words(o, s.get(a, "content", "application/json", "schema"), 0)
		}
	}
	slices.SortStableFunc(o.Answers, func(a, b answer) int { return strings.Compare(a.Status, b.Status) })
	group := ""
	if tags := s.items(s.get(op, "tags")); len(tags) > 0 {
		group = tags[0].Value
	}
	return o, group
}

func (s *spec) param(p *yaml.Node) field {
	schema := s.get(p, "schema")
	f := s.field(s.text(p, "name"), schema)
	f.In, f.Required = s.text(p, "in"), s.text(p, "required") == "true"
	if d := s.text(p, "description"); d != "" {
		f.Description = d
	}
	if e := s.text(p, "example"); e != "" {
		f.example = e
	}
	return f
}

// readBody takes JSON where the route does, since only JSON can hold every field.
func (s *spec) readBody(o *operation, op *yaml.Node) {
	for _, media := range []string{"application/json", "application/x-www-form-urlencoded"} {
		content := s.get(op, "requestBody", "content", media)
		if content == nil {
			continue
		}
		schema := s.get(content, "schema")
		o.Body = s.fields(schema)
		o.form = media != "application/json"
		o.example = s.firstExample(content, schema)
		if o.example == nil && o.form {
			o.example = exampleOf(o.Body)
		}
		return
	}
}

// exampleOf makes a form of the fields' own examples.
func exampleOf(fields []field) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range fields {
		if f.example != "" {
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: f.Name}, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: f.example})
		}
	}
	return n
}

func (s *spec) firstExample(content, schema *yaml.Node) *yaml.Node {
	if e := s.get(content, "example"); e != nil {
		return e
	}
	for _, e := range s.members(s.get(content, "examples")) {
		return s.get(e, "value")
	}
	return s.get(schema, "example")
}

// fields are the members of an object, those of its parts included.
func (s *spec) fields(schema *yaml.Node) []field {
	var out []field
	for _, part := range s.items(s.get(schema, "allOf")) {
		out = append(out, s.fields(part)...)
	}
	if one := s.items(s.get(schema, "oneOf")); len(one) > 0 {
		out = append(out, s.fields(one[0])...)
	}
	var required []string
	for _, r := range s.items(s.get(schema, "required")) {
		required = append(required, r.Value)
	}
	for name, property := range s.members(s.get(schema, "properties")) {
		f := s.field(name, property)
		f.In, f.Required = "body", slices.Contains(required, name)
		out = append(out, f)
	}
	return out
}

func (s *spec) field(name string, schema *yaml.Node) field {
	f := field{Name: name, Type: s.text(schema, "type"), Description: s.text(schema, "description"), example: s.text(schema, "example")}
	for _, v := range s.items(s.get(schema, "enum")) {
		if v.Tag != "!!null" {
			f.Values += " | " + v.Value
		}
	}
	for _, part := range append(s.items(s.get(schema, "allOf")), s.items(s.get(schema, "oneOf"))...) {
		p := s.field(name, part)
		for _, into := range []struct{ to, from *string }{{&f.Type, &p.Type}, {&f.Values, &p.Values}, {&f.Description, &p.Description}, {&f.example, &p.example}} {
			if *into.to == "" {
				*into.to = *into.from
			}
		}
	}
	f.Values = strings.TrimPrefix(f.Values, " | ")
	return f
}

func (s *spec) answer(status string, a *yaml.Node) answer {
	out := answer{Status: status}
	if ref := rawText(a, "$ref"); ref != "" {
		out.Shared = ref[strings.LastIndex(ref, "/")+1:]
	}
	out.Description = s.text(a, "description")
	content := s.get(a, "content", "application/json")
	if e := s.get(content, "example"); e != nil {
		out.Examples = []example{{Body: indented(e)}}
	}
	for _, e := range s.members(s.get(content, "examples")) {
		out.Examples = append(out.Examples, example{Summary: s.text(e, "summary"), Body: indented(s.get(e, "value"))})
	}
	if len(out.Examples) == 0 {
		if e := s.get(content, "schema", "example"); e != nil {
			out.Examples = []example{{Body: indented(e)}}
		}
	}
	return out
}

// words gathers the members of an answer that have few values, each with a meaning.
func (s *spec) words(o *operation, schema *yaml.Node, depth int) {
	const deepest = 12 // schemas hold no circles today
	if depth > deepest || schema == nil {
		return
	}
	for name, property := range s.members(s.get(schema, "properties")) {
		f := s.field(name, property)
		known := slices.ContainsFunc(o.Words, func(w field) bool { return w.Description == f.Description })
		if strings.Contains(f.Values, "|") && f.Description != "" && !known {
			o.Words = append(o.Words, f)
		}
		s.words(o, s.follow(property), depth+1)
	}
	s.words(o, s.get(schema, "items"), depth+1)
	for _, part := range append(s.items(s.get(schema, "allOf")), s.items(s.get(schema, "oneOf"))...) {
		s.words(o, s.follow(part), depth+1)
	}
}

// get walks down; nil when a step is not there.
func (s *spec) get(n *yaml.Node, names ...string) *yaml.Node {
	n = s.follow(n)
	for _, name := range names {
		n = s.follow(child(n, name))
	}
	return n
}

// follow resolves aliases of YAML and references of OpenAPI.
func (s *spec) follow(n *yaml.Node) *yaml.Node {
	for n != nil {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
			continue
		}
		ref := rawText(n, "$ref")
		if ref == "" {
			return n
		}
		n = s.root
		for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
			n = child(n, step)
		}
	}
	return nil
}

func (s *spec) text(n *yaml.Node, name string) string {
	if v := s.get(n, name); v != nil && v.Kind == yaml.ScalarNode {
		return strings.TrimSpace(v.Value)
	}
	return ""
}

func (s *spec) items(n *yaml.Node) []*yaml.Node {
	if n = s.follow(n); n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return slices.Clone(n.Content)
}

// members yields a mapping's names and values, in the file's order.
func (s *spec) members(n *yaml.Node) func(yield func(string, *yaml.Node) bool) {
	return func(yield func(string, *yaml.Node) bool) {
		if n = s.follow(n); n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i].Value, n.Content[i+1]) {
				return
			}
		}
	}
}

func child(n *yaml.Node, name string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

func rawText(n *yaml.Node, name string) string {
	if v := child(n, name); v != nil {
		return v.Value
	}
	return ""
}

// number says whether a scalar is written as one in every language.
func number(n *yaml.Node) bool {
	if n.Tag != "!!int" && n.Tag != "!!float" {
		return false
	}
	_, err := strconv.ParseFloat(n.Value, 64)
	return err == nil
}
