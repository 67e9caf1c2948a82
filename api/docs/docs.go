// Package docs is the API's documentation at /docs: how to begin, every route with its samples in five languages,
// how to receive webhooks; in Persian and English. The pages are made from openapi.yaml and fa.yaml, need no script,
// and ask nobody but the server they came from.
//
//go:generate go run ./gen
package docs

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/paysaga/paysaga/api/pages"
)

// DevURL is where `make up` serves the API.
const DevURL = "http://127.0.0.1:8080"

// Site holds the pages of one server.
type Site struct {
	spec *spec
	fa   persian
	base string // of the samples' addresses
}

// New reads openapi.yaml. base is the address at which merchants find the API; empty is that of development.
func New(openAPI []byte, base string) (*Site, error) {
	s, err := readSpec(openAPI)
	if err != nil {
		return nil, err
	}
	fa, err := readPersian(persianFile)
	if err != nil {
		return nil, err
	}
	base = strings.TrimRight(base, "/")
	if base == "" {
		base = DevURL
	}
	return &Site{spec: s, fa: fa, base: base}, nil
}

// The pages that are no group of operations.
const (
	startPage    = ""
	receiverPage = "receiver"
)

// TryPage is the name of the page that [Try] is, which is none of the site's own.
const TryPage = "try"

// Names lists the pages: what follows /docs/. The first, empty, is /docs itself.
func (s *Site) Names() []string {
	names := []string{startPage}
	for _, t := range s.spec.tags {
		names = append(names, t.Slug())
		if t.name == "webhooks" {
			names = append(names, receiverPage)
		}
	}
	return names
}

// Page writes a page for a reader, with samples in the language of the slug ("php"); any other slug is curl's.
// ok is false when there is no such page.
func (s *Site) Page(name string, reader pages.Reader, code string) (html []byte, ok bool, err error) {
	if !slices.Contains(s.Names(), name) {
		return nil, false, nil
	}
	v := view{Reader: reader, site: s, Name: name, Code: codeOf(code)}
	if err := v.fill(); err != nil {
		return nil, true, fmt.Errorf("page /docs/%s: %w", name, err)
	}
	var out bytes.Buffer
	if err := layouts[reader.Lang.String()].ExecuteTemplate(&out, "page", v); err != nil {
		return nil, true, fmt.Errorf("page /docs/%s: %w", name, err)
	}
	return out.Bytes(), true, nil
}

func codeOf(slug string) Code {
	for _, c := range Codes {
		if c.Slug == slug {
			return c
		}
	}
	return Codes[0]
}
