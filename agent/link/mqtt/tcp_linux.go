package mqtt

import (
	"fmt"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// userTimeout makes the kernel give up a connection whose data was not
// acknowledged for so long (RFC 5482; tcp(7), TCP_USER_TIMEOUT).
func userTimeout(d time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var set error
		err := c.Control(func(fd uintptr) {
			set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
		})
		if err == nil {
			err = set
		}
		if err != nil {
			return fmt.Errorf("set TCP user timeout to %v: %w", d, err)
		}
		return nil
	}
}

// acknowledge has the kernel acknowledge now what has come in (tcp(7),
// TCP_QUICKACK, which has to be asked for each time). It is a matter of speed
// alone: what is no TCP socket, or says no, goes on as it is.
func acknowledge(c net.Conn) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
	})
}
