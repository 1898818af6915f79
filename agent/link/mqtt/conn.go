package mqtt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"watchpost/agent/link"
)

// Close takes at most closeWithin for the goodbye and again for what it frees.
const closeWithin = 500 * time.Millisecond

var errClosed = errors.New("link is closed")

// conn is one connection: one client, one socket, used until it fails once.
type conn struct {
	dialer *Dialer
	client paho.Client
	done   chan struct{}
	gone   chan struct{} // closed when paho has freed what it held after a loss
	turn   chan struct{} // holds one token: whoever has it may publish

	opening error // why there is no socket; written before the CONNECT token ends

	publishers sync.WaitGroup

	mu        sync.Mutex
	socket    net.Conn
	connected time.Time // when the broker accepted; zero before
	err       error
	remote    bool // err came from the far side or the way there
	closed    bool
}

func newConn(d *Dialer) *conn {
	return &conn{
		dialer: d,
		done:   make(chan struct{}),
		gone:   make(chan struct{}),
		turn:   make(chan struct{}, 1),
	}
}

// Done is closed when the connection is lost or closed.
func (c *conn) Done() <-chan struct{} { return c.done }

// Err is why the connection was lost; nil while it is alive and after a Close
// that found it alive.
func (c *conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// why is Err, or that the link was closed.
func (c *conn) why() error {
	if err := c.Err(); err != nil {
		return err
	}
	return errClosed
}

// adopt takes the socket, unless the connection has already been given up.
func (c *conn) adopt(s net.Conn) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if c.closed {
		return errClosed
	}
	c.socket = s
	return nil
}

// fail ends the connection: the socket is closed without a DISCONNECT, so that
// the broker publishes the last will. remote says that the far side or the way
// there ended it. paho notices by its next read and frees what it holds.
func (c *conn) fail(err error, remote bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.closed {
		return
	}
	err = fmt.Errorf("connection lost: %w", err)
	c.remote = remote
	if remote && !c.connected.IsZero() {
		err = c.dialer.lifeEnded(time.Since(c.connected), err)
	}
	c.err = err
	close(c.done)
	if c.socket != nil {
		c.socket.Close()
	}
}

// accepted notes the broker's yes, even when the connection is already lost
// again: then it was a very short one.
func (c *conn) accepted() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connected = time.Now()
	if c.err != nil && c.remote {
		c.err = c.dialer.lifeEnded(0, c.err)
	}
	return c.err
}

// lost is paho's word that the connection is lost and its goroutines have ended.
// It comes once: the client never reconnects.
func (c *conn) lost(err error) {
	c.fail(err, true)
	close(c.gone)
}

// Send publishes the batch in order with QoS 1 and waits for the PUBACK of each
// message. Any error, an ended ctx too, ends the connection.
func (c *conn) Send(ctx context.Context, batch []link.Message) (confirmed int, err error) {
	c.mu.Lock()
	if c.err != nil || c.closed {
		c.mu.Unlock()
		return 0, c.why()
	}
	// Publish can block for the write timeout and cannot be cancelled, hence
	// its own goroutine, which outlives Send by no more than that.
	tokens := make(chan paho.Token, len(batch))
	c.publishers.Go(func() { c.publish(ctx, batch, tokens) })
	c.mu.Unlock()

	oldest := time.NewTimer(c.dialer.options.AckTimeout)
	defer oldest.Stop()
	for confirmed < len(batch) {
		if err := c.awaitOne(ctx, tokens, oldest.C); err != nil {
			err = fmt.Errorf("send message %d of %d to %s: %w", confirmed+1, len(batch), batch[confirmed].Topic, err)
			c.fail(err, false)
			return confirmed, err
		}
		confirmed++
		oldest.Reset(c.dialer.options.AckTimeout)
	}
	return confirmed, nil
}

// publish hands the batch to the client, one message at a time, in turn with
// other batches.
func (c *conn) publish(ctx context.Context, batch []link.Message, tokens chan<- paho.Token) {
	for _, m := range batch {
		select {
		case c.turn <- struct{}{}:
		case <-c.done:
			return
		case <-ctx.Done():
			return
		}
		token := c.client.Publish(m.Topic, 1, m.Retained, m.Payload)
		<-c.turn
		tokens <- token
	}
}

// awaitOne waits for the next message to be published and confirmed.
func (c *conn) awaitOne(ctx context.Context, tokens <-chan paho.Token, timeout <-chan time.Time) error {
	var acked <-chan struct{}
	var token paho.Token
	for {
		select {
		case token = <-tokens:
			acked, tokens = token.Done(), nil
		case <-acked:
			if err := token.Error(); err != nil {
				return err
			}
			// Only now: a token also ends when its connection does.
			select {
			case <-c.done:
				return c.why()
			default:
				return nil
			}
		case <-c.done:
			return c.why()
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timeout:
			return fmt.Errorf("no confirmation within %v", c.dialer.options.AckTimeout)
		}
	}
}

// Close sends DISCONNECT if the connection is alive, so that no last will is
// published, and waits at most a second until everything is freed.
func (c *conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	alive, socket := c.err == nil, c.socket
	wasUp := !c.connected.IsZero()
	if alive {
		close(c.done)
	}
	c.mu.Unlock()

	switch {
	case alive && wasUp:
		c.client.Disconnect(uint(closeWithin.Milliseconds()))
		socket.Close()
	case wasUp:
		within(c.gone, closeWithin)
	}
	published := make(chan struct{})
	go func() {
		c.publishers.Wait()
		close(published)
	}()
	within(published, closeWithin)
	return nil
}

// within waits for ch, but no longer than d.
func within(ch <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ch:
	case <-t.C:
	}
}
