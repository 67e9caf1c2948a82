package cmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/paysaga/paysaga/gateways"
)

const longestCredentials = 16 << 10

// parseCredentials reads a JSON object of texts; a number is taken as it is written. Errors say where the mistake is
// and never what stands there.
func parseCredentials(r io.Reader) (gateways.Credentials, error) {
	body, err := io.ReadAll(io.LimitReader(r, longestCredentials+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("credentials: %w", err)
	case len(body) > longestCredentials:
		return nil, fmt.Errorf("credentials: more than %d bytes", longestCredentials)
	}
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
	d.UseNumber()
	if opened, err := d.Token(); err != nil || opened != json.Delim('{') {
		return nil, notJSON(d)
	}
	c := gateways.Credentials{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, notJSON(d)
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return nil, notJSON(d)
		}
		field := name.(string) // a key of an object
		if _, twice := c[field]; twice {
			return nil, fmt.Errorf("credentials: %.40q stands there twice", field)
		}
		switch v := value.(type) {
		case string:
			c[field] = v
		case json.Number:
			c[field] = v.String()
		default:
			return nil, fmt.Errorf("credentials: the value of %.40q is not a text", field)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, notJSON(d)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, notJSON(d)
	}
	return c, nil
}

func notJSON(d *json.Decoder) error {
	return fmt.Errorf("credentials: not a JSON object of texts, from byte %d on", d.InputOffset())
}

// openTerminal gets a terminal ready for questions; done leaves it as it was.
func openTerminal(in io.Reader, out io.Writer) (*term.Terminal, func(), error) {
	file, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil, nil, errors.New("nobody to ask: standard input is no terminal; use --from FILE or --from -")
	}
	before, err := term.MakeRaw(int(file.Fd()))
	if err != nil {
		return nil, nil, fmt.Errorf("terminal: %w", err)
	}
	return term.NewTerminal(readWriter{file, out}, ""), func() { _ = term.Restore(int(file.Fd()), before) }, nil
}

type readWriter struct {
	io.Reader
	io.Writer
}

// askCredentials asks for each field; what is secret is not echoed.
func askCredentials(t *term.Terminal, fields []gateways.Field) (gateways.Credentials, error) {
	c := gateways.Credentials{}
	for _, f := range fields {
		question := f.Label + " (" + f.Name + "): "
		if f.Optional {
			question = f.Label + " (" + f.Name + ", may stay empty): "
		}
		var answer string
		var err error
		if f.Secret {
			answer, err = t.ReadPassword(question)
		} else {
			t.SetPrompt(question)
			answer, err = t.ReadLine()
		}
		if err != nil {
			return nil, errors.New("broken off; nothing was changed")
		}
		if answer = strings.TrimSpace(answer); answer != "" || !f.Optional {
			c[f.Name] = answer
		}
	}
	return c, nil
}
