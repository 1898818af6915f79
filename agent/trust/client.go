package trust

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// Conn is a connection after its handshake. Errors of Read and Write are in
// words where trust is the matter: with TLS 1.3 a far side that wants another
// certificate of us says so only after the handshake.
type Conn struct {
	*tls.Conn
	attempt *attempt
	heard   atomic.Bool // anything of what is above TLS
}

// attempt is one handshake and what was learnt in it.
type attempt struct {
	*loaded
	name  string // asked for
	asked atomic.Bool
}

// Client makes the handshake over under, which was dialled to host, and ends it
// with ctx. The error is an Error, or the cause of ctx's end unless that is its
// deadline. When there is an error, under is closed.
func (s Settings) Client(ctx context.Context, under net.Conn, host string) (*Conn, error) {
	l, err := s.load()
	if err != nil {
		_ = under.Close() // the error that matters is err
		return nil, err
	}
	a := &attempt{loaded: l, name: s.ServerName}
	if a.name == "" {
		a.name = host
	}
	conn := tls.Client(under, a.config())
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = under.Close() // the error that matters is err
		return nil, a.failed(ctx, err)
	}
	return &Conn{Conn: conn, attempt: a}, nil
}

func (a *attempt) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: a.name,
		RootCAs:    a.roots,
		Time: func() time.Time {
			now, _ := a.settings.Clock()
			return now
		},
		// Asked only by a far side that wants a certificate. Ours is shown even
		// when its issuer is not among those that were named: the answer then
		// says what is wrong with it.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			a.asked.Store(true)
			if a.own == nil {
				return &tls.Certificate{}, nil
			}
			return a.own, nil
		},
	}
}

func (a *attempt) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return &Error{Reason: NoAnswer, cause: context.Cause(ctx)}
		}
		return context.Cause(ctx)
	}
	return a.explain(err, inHandshake)
}

// Read is tls.Conn's, with an error in words.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.heard.Store(true)
	}
	return n, c.explain(err)
}

// Write is tls.Conn's, with an error in words.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil && !c.heard.Load() && isEnd(err) {
		err = c.lastWord(err)
	}
	return n, c.explain(err)
}

// lastWordWithin is how long a far side that has ended the connection is listened
// to: what it said before has arrived already.
const lastWordWithin = 100 * time.Millisecond

// lastWord is the alert that the far side sent before it ended the connection,
// else err. Whoever refuses our certificate closes at once, so that what we write
// meanwhile may fail before its alert is read.
func (c *Conn) lastWord(err error) error {
	if c.Conn.SetReadDeadline(time.Now().Add(lastWordWithin)) != nil {
		return err
	}
	_, said := c.Conn.Read(make([]byte, 1))
	if _, ok := alertOf(said); ok {
		return said
	}
	return err
}

func (c *Conn) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case c.heard.Load():
		return c.attempt.explain(err, spoken)
	}
	return c.attempt.explain(err, unheard)
}
