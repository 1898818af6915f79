package watchdog

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// answerWithin bounds one message: a manager whose queue is full must not hold
// the agent up.
const answerWithin = time.Second

// Manager is the service manager that started this process. Its methods may be
// called from several goroutines; a nil Manager listens to nothing.
type Manager struct {
	socket  *net.UnixAddr
	timeout time.Duration
}

// FromEnvironment finds the manager by NOTIFY_SOCKET, WATCHDOG_USEC and
// WATCHDOG_PID: nil when there is none. pid is this process's. A socket of
// another kind than AF_UNIX is an error, and so is a timeout that is no number:
// then the manager is there, and can be told all but that the agent moves.
func FromEnvironment(getenv func(string) string, pid int) (*Manager, error) {
	name := getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil, nil
	}
	if name[0] != '/' && name[0] != '@' { // "@" stands for the NUL of an abstract name; net reads it so too
		return nil, fmt.Errorf("use service manager's socket %q: neither a path nor an abstract name", name)
	}
	m := &Manager{socket: &net.UnixAddr{Name: name, Net: "unixgram"}}
	usec, whose := getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID")
	if usec == "" || whose != "" && whose != strconv.Itoa(pid) {
		return m, nil
	}
	n, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || n <= 0 || n > int64(1<<63-1)/int64(time.Microsecond) {
		return m, fmt.Errorf("read WATCHDOG_USEC %q: not a time in microseconds", usec)
	}
	m.timeout = time.Duration(n) * time.Microsecond
	return m, nil
}

// Timeout is how long the manager waits between two feedings, 0 when it does
// not watch.
func (m *Manager) Timeout() time.Duration {
	if m == nil {
		return 0
	}
	return m.timeout
}

// Tell sends assignments, such as "READY=1" and "STATUS=...", in one message.
// A line break in one would begin another: it is sent as a space.
func (m *Manager) Tell(assignments ...string) (err error) {
	if m == nil {
		return nil
	}
	for i, a := range assignments {
		assignments[i] = strings.Join(strings.FieldsFunc(a, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
	}
	conn, err := net.DialUnix("unixgram", nil, m.socket)
	if err != nil {
		return fmt.Errorf("reach service manager at %s: %w", m.socket.Name, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.SetWriteDeadline(time.Now().Add(answerWithin)); err != nil {
		return fmt.Errorf("bound message to service manager: %w", err)
	}
	if _, err := conn.Write([]byte(strings.Join(assignments, "\n"))); err != nil {
		return fmt.Errorf("tell service manager %s: %w", strings.Join(assignments, " "), err)
	}
	return nil
}
