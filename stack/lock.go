package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// AlreadyRunning means that another supervisor holds the home directory.
type AlreadyRunning struct {
	Home string `json:"-"`
	PID  int    `json:"pid"`
	API  string `json:"api"` // its URL
}

func (e *AlreadyRunning) Error() string {
	return fmt.Sprintf("paysaga is already running in %s (pid %d, API %s)", e.Home, e.PID, e.API)
}

func lockPath(home string) string { return filepath.Join(home, "lock") }

// takeLock makes this process the only supervisor in home. The system gives the lock back when the
// process ends, however it ends; the file itself stays.
func takeLock(home, api string) (*os.File, error) {
	f, err := os.OpenFile(lockPath(home), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock home: %w", err)
	}
	// A few tries: isLocked of another process may hold it for an instant.
	for range 5 {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		owner := &AlreadyRunning{Home: home}
		_ = json.NewDecoder(f).Decode(owner) // an unreadable owner is still an owner
		f.Close()
		return nil, owner
	}
	if err == nil {
		err = writeOwner(f, AlreadyRunning{PID: os.Getpid(), API: api})
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock home: %w", err)
	}
	return f, nil
}

func writeOwner(f *os.File, owner AlreadyRunning) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	return json.NewEncoder(f).Encode(owner)
}

// isLocked reports whether a supervisor lives in home.
func isLocked(home string) bool {
	f, err := os.Open(lockPath(home))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
