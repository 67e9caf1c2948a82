package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// ErrNotRunning means that no healthy instance runs in the home directory.
var ErrNotRunning = errors.New("paysaga is not running here")

// Instance is a running system as written to instance.json. The file holds the database's
// password and is readable by its owner only.
type Instance struct {
	PID             int            `json:"pid"` // of the supervisor
	PIDs            map[string]int `json:"pids"`
	Started         time.Time      `json:"started"` // UTC
	Home            string         `json:"home"`
	Environment     string         `json:"environment"` // PAYSAGA_ENV of the children
	Addrs           Addrs          `json:"addresses"`
	APIURL          string         `json:"api_url"`    // as this machine reaches it
	PublicURL       string         `json:"public_url"` // as payers and banks reach the API
	SandboxURL      string         `json:"sandbox_url"`
	UIURL           string         `json:"ui_url"` // empty when a foreign Temporal has none
	DatabaseURL     string         `json:"database_url"`
	TemporalAddress string         `json:"temporal_address"`
	Namespace       string         `json:"temporal_namespace"`
}

// Vars are the environment variables with which a paysaga command talks to this instance, KEY=VALUE.
func (i *Instance) Vars() []string {
	vars := []string{
		"PAYSAGA_HOME=" + i.Home,
		"TEMPORAL_NAMESPACE=" + i.Namespace,
	}
	for _, v := range i.Addrs.each() {
		vars = append(vars, v.name+"="+*v.addr)
	}
	for _, v := range [][2]string{
		{"PAYSAGA_ENV", i.Environment},
		{"DATABASE_URL", i.DatabaseURL},
		{"TEMPORAL_ADDRESS", i.TemporalAddress},
		{"PAYSAGA_API_URL", i.PublicURL},
		{"PAYSAGA_SANDBOX_URL", i.SandboxURL},
		{"PAYSAGA_UI_URL", i.UIURL},
	} {
		if v[1] != "" {
			vars = append(vars, v[0]+"="+v[1])
		}
	}
	return vars
}

// Find returns the instance running in home, or an error wrapping [ErrNotRunning].
func Find(home string) (*Instance, error) {
	home, err := filepath.Abs(home)
	if err != nil {
		return nil, fmt.Errorf("home directory: %w", err)
	}
	if !isLocked(home) {
		return nil, fmt.Errorf("%w (%s): start it with `make up` or `paysaga up`", ErrNotRunning, home)
	}
	data, err := os.ReadFile(instancePath(home))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w (%s): it is still starting or stopping", ErrNotRunning, home)
	}
	if err != nil {
		return nil, fmt.Errorf("read the running instance: %w", err)
	}
	var found Instance
	if err := json.Unmarshal(data, &found); err != nil {
		return nil, fmt.Errorf("read %s: %w", instancePath(home), err)
	}
	return &found, nil
}

func instancePath(home string) string { return filepath.Join(home, "instance.json") }

// write replaces instance.json in one step, so that nobody reads half of it.
func (i *Instance) write() error {
	data, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return fmt.Errorf("instance.json: %w", err)
	}
	tmp, err := os.CreateTemp(i.Home, "instance-*.tmp") // mode 0600
	if err != nil {
		return fmt.Errorf("instance.json: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(append(data, '\n'))
	if err := errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("instance.json: %w", err)
	}
	return os.Rename(tmp.Name(), instancePath(i.Home))
}

func removeInstance(home string) error {
	err := os.Remove(instancePath(home))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
