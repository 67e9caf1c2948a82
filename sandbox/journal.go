package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// journal is an append-only file of JSON lines. One write call per line, so a killed process leaves
// at most one torn line at the end, of a change nobody was told about.
type journal struct {
	file *os.File
	size int64
}

// openJournal opens or makes the file at path and gives every whole line to replay.
func openJournal(path string, replay func(line []byte) error) (*journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("open book: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open book: %w", err)
	}
	j := &journal{file: file}
	if err := j.read(replay); err != nil {
		file.Close()
		return nil, fmt.Errorf("open book %s: %w", path, err)
	}
	return j, nil
}

func (j *journal) read(replay func(line []byte) error) error {
	r := bufio.NewReader(j.file)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return j.file.Truncate(j.size) // drops a torn last line
		}
		if err != nil {
			return err
		}
		if err := replay(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		j.size += int64(len(line))
	}
}

// append writes one line, or nothing.
func (j *journal) append(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	n, err := j.file.Write(append(line, '\n'))
	if err != nil {
		return errors.Join(fmt.Errorf("write book: %w", err), j.file.Truncate(j.size))
	}
	j.size += int64(n)
	return nil
}

func (j *journal) close() error { return j.file.Close() }
