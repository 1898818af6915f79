package mqtt

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"watchpost/agent/trust"
)

// wire is the TCP connection at the bottom, below TLS where there is any. It
// bounds every write (paho bounds only those of PUBLISH packets) and counts
// bytes.
type wire struct {
	net.Conn
	writeTimeout   time.Duration
	sent, received *atomic.Int64
	in             *bufio.Reader // made by the first Read
}

// Read counts. It takes what has come in one piece, since paho reads packets
// byte by byte, and has it acknowledged at once: a broker with Nagle's algorithm
// (Mosquitto unless set_tcp_nodelay is set) holds its next PUBACK back until
// then, and the kernel would take its 40 ms. One goroutine at a time reads.
func (w *wire) Read(p []byte) (int, error) {
	if w.in == nil {
		w.in = bufio.NewReader(prompt{w.Conn})
	}
	n, err := w.in.Read(p)
	w.received.Add(int64(n))
	return n, err
}

// prompt acknowledges what it reads without delay.
type prompt struct{ net.Conn }

func (c prompt) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		acknowledge(c.Conn)
	}
	return n, err
}

// Write counts and is bounded by the write timeout.
func (w *wire) Write(p []byte) (int, error) {
	if err := w.Conn.SetWriteDeadline(time.Now().Add(w.writeTimeout)); err != nil {
		return 0, err
	}
	n, err := w.Conn.Write(p)
	w.sent.Add(int64(n))
	return n, err
}

// SetWriteDeadline does nothing: Write sets its own.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline does nothing: the context of Dial bounds the handshake.
func (w *wire) SetDeadline(time.Time) error { return nil }

// socket is what one client reads and writes. It tells of the first error before
// paho has come to terms with it.
type socket struct {
	net.Conn // with TLS: what is above it
	under    net.Conn
	failed   func(error)
	cause    func() error // why the connection was given up on our side, or nil
}

// Read replaces the error of a socket that we closed: paho takes "use of closed
// network connection" for its own doing and would not stop.
func (s *socket) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	return n, s.explain(err)
}

// Write does the same.
func (s *socket) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	return n, s.explain(err)
}

// Close closes what is below TLS. TLS's own goodbye would wait for a far side
// that reads nothing; MQTT has one, the DISCONNECT, which cannot be forged
// within TLS.
func (s *socket) Close() error { return s.under.Close() }

func (s *socket) explain(err error) error {
	if err == nil {
		return nil
	}
	if !errors.Is(err, net.ErrClosed) {
		s.failed(err)
	}
	if cause := s.cause(); cause != nil {
		return cause
	}
	return err
}

// plain is a connection without TLS. It notices a far side that wants it. It is
// read by one goroutine.
type plain struct {
	net.Conn
	heard bool
}

// tlsAlert begins the record in which TLS refuses what it does not understand
// (RFC 8446 section 5.1). In MQTT 3.1.1 it would be a CONNECT, which no broker
// sends.
const tlsAlert = 0x15

// Read looks at the first byte of the broker's answer.
func (c *plain) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	switch {
	case c.heard:
	case n > 0 && p[0] == tlsAlert:
		return 0, trust.New(trust.WantsTLS, err)
	case n == 0 && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return 0, trust.New(trust.MayWantTLS, err)
	}
	c.heard = c.heard || n > 0
	return n, err
}
