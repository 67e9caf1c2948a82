package listen

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxEvent bounds one line of the stream, in bytes: a body of 64 KiB, in base64 and as escaped text.
const maxEvent = 2 << 20

var errEnded = errors.New("it ended the stream")

// events reads server-sent events and gives every message to take, until the stream ends or breaks.
func events(stream io.Reader, take func(id string, m message)) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(make([]byte, 0, 64<<10), maxEvent)
	var id, data string
	for lines.Scan() {
		line := lines.Text()
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if data == "" {
				continue
			}
			var m message
			if err := json.Unmarshal([]byte(data), &m); err != nil {
				return fmt.Errorf("it sent no message: %w", err)
			}
			take(id, m)
			data = ""
		case name == "id":
			id = value
		case name == "data":
			data += value
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return errEnded
}
