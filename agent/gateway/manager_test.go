package gateway_test

import (
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"

	"watchpost/agent/watchdog"
)

// manager is a service manager's socket. Like the real one it takes every message
// at once: the kernel keeps only ten, and the agent does not wait for long.
type manager struct {
	t        *testing.T
	messages chan string
	env      map[string]string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	m := &manager{t: t, messages: make(chan string, 10_000), env: map[string]string{"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "200000"}}
	var reader sync.WaitGroup
	reader.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return // closed at the end
			}
			m.messages <- string(buf[:n])
		}
	})
	t.Cleanup(func() {
		conn.Close()
		reader.Wait()
	})
	return m
}

func (m *manager) client() *watchdog.Manager {
	m.t.Helper()
	client, err := watchdog.FromEnvironment(func(key string) string { return m.env[key] }, 1)
	if err != nil {
		m.t.Fatal(err)
	}
	return client
}

// until reads messages up to one that has the line, and returns all lines.
func (m *manager) until(line string) (lines []string) {
	m.t.Helper()
	guard := time.After(hangGuard)
	for !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, line) }) {
		select {
		case message := <-m.messages:
			lines = append(lines, strings.Split(message, "\n")...)
		case <-guard:
			m.t.Fatalf("%s did not come, only %d lines, the first %q", line, len(lines), lines[:min(3, len(lines))])
		}
	}
	return lines
}

// TestManagerIsTold runs the whole agent under a service manager's socket.
func TestManagerIsTold(t *testing.T) {
	m, r := newManager(t), newRig(t)
	r.manager = m.client()
	life := r.start()
	if got := m.until("READY=1"); got[0] != "READY=1" {
		t.Errorf("before it was ready the agent said %q", got)
	}
	fed := m.until("STATUS=")
	if !slices.Contains(fed, "WATCHDOG=1") {
		t.Errorf("the first turn said %q", fed)
	}
	r.smoke.Set(gpio.Low)
	for alarmed := false; !alarmed; {
		alarmed = slices.ContainsFunc(m.until("STATUS="), func(l string) bool { return strings.Contains(l, "烟雾报警") })
	}
	for range 3 {
		m.until("WATCHDOG=1")
	}
	life.end()
	m.until("STOPPING=1")
}
