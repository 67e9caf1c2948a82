package stack

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// ChildError means that a part did not start or died. Log holds the last lines it wrote.
type ChildError struct {
	Name    string
	Err     error
	Log     string
	LogFile string
}

func (e *ChildError) Error() string {
	if e.Log == "" {
		return fmt.Sprintf("%s: %v (it logged nothing to %s)", e.Name, e.Err, e.LogFile)
	}
	return fmt.Sprintf("%s: %v\n%s\n(all of it: %s)", e.Name, e.Err, e.Log, e.LogFile)
}

func (e *ChildError) Unwrap() error { return e.Err }

// launcher starts processes from one thread that lives as long as they do: the kernel takes the
// end of the starting thread, not of the whole supervisor, for the parent's death.
type launcher struct{ jobs chan func() }

func newLauncher() *launcher {
	l := &launcher{jobs: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for job := range l.jobs {
			job()
		}
	}()
	return l
}

func (l *launcher) start(cmd *exec.Cmd) error {
	result := make(chan error)
	l.jobs <- func() { result <- cmd.Start() }
	return <-result
}

// close ends the thread, and with it whatever child is left.
func (l *launcher) close() { close(l.jobs) }

// announcement is the JSON line with which a devstack part says that it is ready.
type announcement struct {
	Ready       string `json:"ready"`
	DatabaseURL string `json:"database_url"`
	DataDir     string `json:"data_dir"`
	Address     string `json:"address"`
	UI          string `json:"ui"`
	Namespace   string `json:"namespace"`
}

// process is one run of a part.
type process struct {
	name      string
	pid       int
	began     time.Time
	logFile   string
	logBegin  int64
	announced chan announcement // one value when the part announces itself
	done      chan struct{}     // closed when it has ended
	err       error             // why it ended; read after done
}

// run is what a process is started with.
type run struct {
	name     string
	path     string
	args     []string
	env      []string
	logFile  string
	announce bool           // its stdout carries an announcement
	orphan   syscall.Signal // sent by the kernel when the supervisor is killed
	yields   bool           // lets parts that answer people go first
}

// command runs at lower priority what may be late by a few milliseconds: on one small machine, sagas
// in the background must not keep a merchant waiting.
func (r run) command() *exec.Cmd {
	if r.yields {
		if nice, err := exec.LookPath("nice"); err == nil {
			return exec.Command(nice, append([]string{"-n", "5", r.path}, r.args...)...)
		}
	}
	return exec.Command(r.path, r.args...)
}

func (l *launcher) run(r run) (*process, error) {
	log, begin, err := openLog(r.logFile)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := r.command()
	cmd.Env = r.env
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = sysProcAttr(r.orphan)

	var stdout *os.File
	if r.announce {
		var stdin *os.File
		if stdout, stdin, err = os.Pipe(); err != nil {
			return nil, fmt.Errorf("start %s: %w", r.name, err)
		}
		defer stdin.Close()
		cmd.Stdout = stdin
	}
	if err := l.start(cmd); err != nil {
		if stdout != nil {
			stdout.Close()
		}
		return nil, fmt.Errorf("start %s: %w", r.name, err)
	}
	p := &process{
		name: r.name, pid: cmd.Process.Pid, began: time.Now(),
		logFile: r.logFile, logBegin: begin,
		announced: make(chan announcement, 1), done: make(chan struct{}),
	}
	if stdout != nil {
		go p.listen(stdout, r)
	}
	go func() {
		p.err = cmd.Wait()
		_ = syscall.Kill(-p.pid, syscall.SIGKILL) // what it left behind in its group
		close(p.done)
	}()
	return p, nil
}

// listen takes the announcement from stdout, and all of stdout to the log.
func (p *process) listen(stdout *os.File, r run) {
	defer stdout.Close()
	log, _, err := openLog(r.logFile)
	if err != nil {
		_, _ = io.Copy(io.Discard, stdout) // a full pipe would stop the part
		return
	}
	defer log.Close()
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadBytes('\n')
		_, _ = log.Write(line)
		var a announcement
		if json.Unmarshal(line, &a) == nil && a.Ready != "" {
			select {
			case p.announced <- a:
			default: // it said so before
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// failure describes the end of a process that should be running.
func (p *process) failure(why error) *ChildError {
	return &ChildError{Name: p.name, Err: why, Log: tail(p.logFile, p.logBegin), LogFile: p.logFile}
}

// died is the failure of a process that ended by itself.
func (p *process) died() *ChildError {
	if p.err == nil {
		return p.failure(fmt.Errorf("ended too early"))
	}
	return p.failure(fmt.Errorf("died: %w", p.err))
}

// kill ends the process and its group at once and waits until it is gone.
func (p *process) kill() {
	if p.alive() {
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	}
	<-p.done
}

// terminate asks the process to end and kills it when hurry is closed first. It reports whether the
// process went by itself.
func (p *process) terminate(hurry <-chan struct{}) bool {
	if p.alive() {
		_ = syscall.Kill(p.pid, syscall.SIGTERM)
	}
	select {
	case <-p.done:
		return true
	case <-hurry:
		p.kill()
		return false
	}
}
