package mqtt

import (
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"watchpost/agent/link"
)

func TestUserTimeoutIsSetOnTheSocket(t *testing.T) {
	_, o := startBroker(t)
	o.TCPUserTimeout = 12345 * time.Millisecond
	l := dial(t, dialer(t, o), link.Opening{})
	raw, err := l.(*conn).socket.(*socket).under.(*wire).Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var timeout, keepAlive int
	var errTimeout, errKeep error
	err = raw.Control(func(fd uintptr) {
		timeout, errTimeout = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
		keepAlive, errKeep = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE)
	})
	if err != nil || errTimeout != nil || errKeep != nil {
		t.Fatal(err, errTimeout, errKeep)
	}
	if timeout != 12345 || keepAlive != 0 {
		t.Errorf("user timeout %d ms, keep-alive %d; want 12345 and off", timeout, keepAlive)
	}
}
