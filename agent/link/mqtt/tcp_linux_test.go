package mqtt

import (
	"io"
	"net"
	"sync/atomic"
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

// quick says whether the kernel would acknowledge at once what comes in next.
func quick(t *testing.T, c net.Conn) bool {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var on int
	var errOn error
	if err := raw.Control(func(fd uintptr) { on, errOn = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK) }); err != nil || errOn != nil {
		t.Fatal(err, errOn)
	}
	return on == 1
}

// A socket on which questions and answers take turns gets the kernel's delayed
// acknowledgements, unless each Read asks for prompt ones.
func TestReadAcknowledgesAtOnce(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	echo := func(over net.Conn) {
		t.Helper()
		if _, err := over.Write([]byte("a packet")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(over, make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
	}
	open := func() net.Conn {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	plain := open()
	for n := 0; quick(t, plain); n++ {
		if n == 10_000 {
			t.Fatal("this kernel does not delay acknowledgements: the test shows nothing")
		}
		echo(plain)
	}
	var sent, received atomic.Int64
	below := open()
	over := &wire{Conn: below, writeTimeout: time.Minute, sent: &sent, received: &received}
	for n := range 100 {
		if echo(over); !quick(t, below) {
			t.Fatalf("after answer %d acknowledgements are delayed", n+1)
		}
	}
	if sent.Load() != 800 || received.Load() != 800 {
		t.Errorf("counted %d sent and %d received, want 800 each", sent.Load(), received.Load())
	}
}
