package stack

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress writes whole lines, from several goroutines.
type progress struct {
	mu  sync.Mutex
	out io.Writer
}

func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// part says one line about a part, in columns.
func (p *progress) part(name, format string, args ...any) {
	p.say("  %-9s %s", name, fmt.Sprintf(format, args...))
}

// patience says now and then that a part is still on its way, until the returned stop is called.
func (p *progress) patience(name, logFile string) (stop func()) {
	done := make(chan struct{})
	begin := time.Now()
	go func() {
		ticker := time.NewTicker(10 * time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				p.part(name, "… still starting (%s), its log is %s", seconds(time.Since(begin)), logFile)
			}
		}
	}()
	return func() { close(done) }
}

// seconds shows a duration as people say it: "0.8 s".
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
