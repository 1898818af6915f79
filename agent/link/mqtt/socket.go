package mqtt

import (
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// socket is the TCP connection below one client. It bounds every write (paho
// bounds only those of PUBLISH packets), counts bytes, and tells of the first
// error before paho has come to terms with it.
type socket struct {
	net.Conn
	writeTimeout   time.Duration
	sent, received *atomic.Int64
	failed         func(error)
	cause          func() error // why the connection was given up on our side, or nil
}

// Read counts, and replaces the error of a socket that we closed: paho takes
// "use of closed network connection" for its own doing and would not stop.
func (s *socket) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.received.Add(int64(n))
	return n, s.explain(err)
}

// Write counts and is bounded by the write timeout.
func (s *socket) Write(p []byte) (int, error) {
	if err := s.Conn.SetWriteDeadline(time.Now().Add(s.writeTimeout)); err != nil {
		return 0, s.explain(err)
	}
	n, err := s.Conn.Write(p)
	s.sent.Add(int64(n))
	return n, s.explain(err)
}

// SetWriteDeadline does nothing: Write sets its own.
func (s *socket) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline does nothing: the context of Dial bounds the handshake.
func (s *socket) SetDeadline(time.Time) error { return nil }

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
