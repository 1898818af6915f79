package watchdog

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hangGuard ends a test that waits for what never comes.
const hangGuard = 10 * time.Second

// socket is the manager's end: a real unixgram socket.
type socket struct {
	t    *testing.T
	conn *net.UnixConn
	name string
}

func listen(t *testing.T, name string) *socket {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &socket{t: t, conn: conn, name: name}
}

// next is the next message's lines.
func (s *socket) next() []string {
	s.t.Helper()
	if err := s.conn.SetReadDeadline(time.Now().Add(hangGuard)); err != nil {
		s.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := s.conn.Read(buf)
	if err != nil {
		s.t.Fatalf("no message came: %v", err)
	}
	return strings.Split(string(buf[:n]), "\n")
}

// manager is the product's end.
func (s *socket) manager(timeout time.Duration) *Manager {
	s.t.Helper()
	m, err := FromEnvironment(env(map[string]string{
		"NOTIFY_SOCKET": s.name, "WATCHDOG_USEC": strconv.FormatInt(timeout.Microseconds(), 10), "WATCHDOG_PID": "7",
	}), 7)
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

func env(values map[string]string) func(string) string {
	return func(key string) string { return values[key] }
}

func TestTellReachesTheSocket(t *testing.T) {
	for _, name := range []string{
		filepath.Join(t.TempDir(), "notify"),
		"@watchpost-" + strings.ReplaceAll(t.TempDir(), "/", "-"), // abstract: no file
	} {
		s := listen(t, name)
		if err := s.manager(time.Minute).Tell("READY=1", "STATUS=一切正常\nREADY=0"); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := s.next()
		if len(got) != 2 || got[0] != "READY=1" || got[1] != "STATUS=一切正常 READY=0" {
			t.Errorf("%s: manager got %q", name, got)
		}
	}
}

func TestTellNobody(t *testing.T) {
	m, err := FromEnvironment(env(nil), 7)
	if m != nil || err != nil {
		t.Fatalf("without a socket: %v, %v", m, err)
	}
	if err := m.Tell("READY=1"); err != nil || m.Timeout() != 0 {
		t.Errorf("nil manager: %v, timeout %v", err, m.Timeout())
	}
	gone := listen(t, filepath.Join(t.TempDir(), "gone"))
	gone.conn.Close()
	if err := gone.manager(time.Minute).Tell("READY=1"); err == nil {
		t.Error("a socket nobody listens on took a message")
	}
}

// A manager that does not read must not hold the agent up.
func TestTellIsBounded(t *testing.T) {
	s := listen(t, filepath.Join(t.TempDir(), "full"))
	m := s.manager(time.Minute)
	failed := make(chan error, 1)
	go func() {
		for {
			if err := m.Tell("WATCHDOG=1"); err != nil {
				failed <- err
				return
			}
		}
	}()
	select {
	case <-failed: // the queue was full, and the wait for it ended
	case <-time.After(hangGuard):
		t.Fatal("a full queue holds the agent up")
	}
}

func TestFromEnvironment(t *testing.T) {
	for _, tc := range []struct {
		socket, usec, pid string
		want              time.Duration
		wrong             bool
	}{
		{socket: "/run/n", usec: "60000000", pid: "7", want: time.Minute},
		{socket: "@n", usec: "60000000", want: time.Minute},
		{socket: "/run/n", usec: "60000000", pid: "8"}, // another process is watched
		{socket: "/run/n"},
		{socket: "vsock:2:1", wrong: true},
		{socket: "/run/n", usec: "soon", wrong: true},
		{socket: "/run/n", usec: "0", wrong: true},
		{socket: "/run/n", usec: "-1", wrong: true},
		{socket: "/run/n", usec: "9223372036854775807", wrong: true},
	} {
		m, err := FromEnvironment(env(map[string]string{"NOTIFY_SOCKET": tc.socket, "WATCHDOG_USEC": tc.usec, "WATCHDOG_PID": tc.pid}), 7)
		if (err != nil) != tc.wrong || m.Timeout() != tc.want {
			t.Errorf("%+v: timeout %v, error %v", tc, m.Timeout(), err)
		}
	}
}
