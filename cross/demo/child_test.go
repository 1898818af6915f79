//go:build demo

package demo

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// hang is how long anything may take before it counts as hung; what is expected
// takes some seconds at most, with several demos at once on a slow machine.
const hang = 2 * time.Minute

// child is one running demo.
type child struct {
	t    *testing.T
	cmd  *exec.Cmd
	temp string // its TMPDIR, with nothing else in it
	done chan struct{}

	mu   sync.Mutex
	out  []string
	errs strings.Builder
	more chan struct{} // closed at the next line
}

// start runs the built program's demo. The child is killed at the end of the
// test if it still lives then.
func start(t *testing.T, args ...string) *child {
	t.Helper()
	program, err := filepath.Abs("../../bin/watchpost-desk")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("find the built program: %v; run make build first", err)
	}
	c := &child{t: t, temp: t.TempDir(), done: make(chan struct{}), more: make(chan struct{})}
	c.cmd = exec.Command(program, append([]string{"demo", "--plain"}, args...)...)
	c.cmd.Env = append(os.Environ(), "TMPDIR="+c.temp)
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := c.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	readers.Go(func() { c.read(out) })
	readers.Go(func() {
		text, err := io.ReadAll(stderr)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.errs.Write(text)
		if err != nil {
			c.errs.WriteString(err.Error())
		}
	})
	go func() {
		defer close(c.done)
		readers.Wait()
		// The exit code is read from ProcessState.
		_ = c.cmd.Wait()
	}()
	t.Cleanup(func() {
		select {
		case <-c.done:
			return
		default:
		}
		if err := c.cmd.Process.Kill(); err != nil {
			t.Errorf("kill demo %d: %v", c.cmd.Process.Pid, err)
		}
		<-c.done
	})
	return c
}

func (c *child) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		c.mu.Lock()
		c.out = append(c.out, lines.Text())
		close(c.more)
		c.more = make(chan struct{})
		c.mu.Unlock()
	}
}

// find waits for a line that matches and returns its groups.
func (c *child) find(pattern string) []string {
	c.t.Helper()
	want := regexp.MustCompile(pattern)
	guard := time.NewTimer(hang)
	defer guard.Stop()
	for ended := false; ; {
		c.mu.Lock()
		lines, more := c.out, c.more
		c.mu.Unlock()
		for _, line := range lines {
			if m := want.FindStringSubmatch(line); m != nil {
				return m
			}
		}
		if ended {
			c.t.Fatalf("demo ended without a line like %q:\n%s", pattern, c.text())
		}
		select {
		case <-more:
		case <-c.done:
			ended = true
		case <-guard.C:
			c.t.Fatalf("no line like %q within %s:\n%s", pattern, hang, c.text())
		}
	}
}

// page and broker are the addresses the demo prints.
func (c *child) page() string   { c.t.Helper(); return c.find(`page +http://([0-9.]+:[0-9]+)/`)[1] }
func (c *child) broker() string { c.t.Helper(); return c.find(`broker +mqtt://([0-9.]+:[0-9]+)`)[1] }

func (c *child) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.out, "\n") + "\n" + c.errs.String()
}

// wait is the exit code, and what went to standard error.
func (c *child) wait(within time.Duration) (code int, errs string) {
	c.t.Helper()
	guard := time.NewTimer(within)
	defer guard.Stop()
	select {
	case <-c.done:
	case <-guard.C:
		c.t.Fatalf("demo did not end within %s:\n%s", within, c.text())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cmd.ProcessState.ExitCode(), c.errs.String()
}

// interrupt presses Ctrl-C and holds the demo to a clean end.
func (c *child) interrupt() {
	c.t.Helper()
	begun := time.Now()
	if err := c.cmd.Process.Signal(syscall.SIGINT); err != nil {
		c.t.Fatal(err)
	}
	code, errs := c.wait(hang)
	c.t.Logf("ended %.2f s after Ctrl-C", time.Since(begun).Seconds())
	if code != 0 || errs != "" {
		c.t.Errorf("after Ctrl-C: exit code %d, standard error %q; want 0 and nothing", code, errs)
	}
	c.leftNothing()
}

// leftNothing checks that the data directory is gone and both ports are free.
func (c *child) leftNothing() {
	c.t.Helper()
	if left, err := os.ReadDir(c.temp); err != nil || len(left) > 0 {
		c.t.Errorf("left behind in the temporary directory: %v, %v", left, err)
	}
	for _, address := range []string{c.page(), c.broker()} {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", address)
		if err == nil {
			conn.Close()
			c.t.Errorf("%s still answers", address)
		}
	}
}

// pause lets real processes run for a while.
func pause(d time.Duration) { <-time.After(d) }
