package stack

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const (
	maxLogSize = 32 << 20 // a log larger than this is set aside at the next start of its part
	tailLines  = 15
	tailBytes  = 8 << 10
)

// openLog opens the part's log for appending and returns where this run's lines begin.
func openLog(path string) (*os.File, int64, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, 0, fmt.Errorf("log directory: %w", err)
	}
	if info, err := os.Stat(path); err == nil && info.Size() > maxLogSize {
		if err := os.Rename(path, path+".old"); err != nil {
			return nil, 0, fmt.Errorf("set the log aside: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, 0, fmt.Errorf("open the log: %w", err)
	}
	begin, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("open the log: %w", err)
	}
	return f, begin, nil
}

// tail returns the last lines written after begin.
func tail(path string, begin int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		begin = max(begin, info.Size()-tailBytes)
	}
	data, err := io.ReadAll(io.NewSectionReader(f, begin, tailBytes))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
