package browser

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// hang is how long anything may take before it counts as hung.
const hang = 60 * time.Second

// demo is a running `watchpost-desk demo`.
type demo struct {
	t    *testing.T
	cmd  *exec.Cmd
	page string // with scheme and slash
	done chan struct{}

	mu    sync.Mutex
	lines []line
	more  chan struct{} // closed at the next line
}

type line struct {
	text string
	at   time.Time
}

// startDemo runs the built program until the end of the test at the latest.
func startDemo(t *testing.T, args ...string) *demo {
	t.Helper()
	program, err := filepath.Abs("../../bin/watchpost-desk")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("find the built program: %v; run make build first", err)
	}
	d := &demo{t: t, done: make(chan struct{}), more: make(chan struct{})}
	d.cmd = exec.Command(program, append([]string{"demo", "--plain"}, args...)...)
	d.cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	d.cmd.Stderr = os.Stderr
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(d.done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			d.mu.Lock()
			d.lines = append(d.lines, line{lines.Text(), time.Now()})
			close(d.more)
			d.more = make(chan struct{})
			d.mu.Unlock()
		}
		// How it ended is of no interest here.
		_ = d.cmd.Wait()
	}()
	t.Cleanup(d.kill)
	text := d.wait("http://").text
	d.page = text[strings.Index(text, "http://"):]
	return d
}

// kill ends the demo as a power cut would.
func (d *demo) kill() {
	select {
	case <-d.done:
		return
	default:
	}
	if err := d.cmd.Process.Kill(); err != nil {
		d.t.Errorf("kill demo %d: %v", d.cmd.Process.Pid, err)
	}
	<-d.done
}

// wait is the first line that has part in it.
func (d *demo) wait(part string) line {
	d.t.Helper()
	guard := time.NewTimer(hang)
	defer guard.Stop()
	for {
		d.mu.Lock()
		lines, more := d.lines, d.more
		d.mu.Unlock()
		for _, l := range lines {
			if strings.Contains(l.text, part) {
				return l
			}
		}
		select {
		case <-more:
		case <-d.done:
			d.t.Fatalf("demo ended without a line with %q", part)
		case <-guard.C:
			d.t.Fatalf("no line with %q within %s", part, hang)
		}
	}
}
