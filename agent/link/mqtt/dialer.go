package mqtt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"watchpost/agent/link"
)

// A connection that the far side ends within shortLife of accepting it, so many
// times in a row, is most often taken away by a second client with the same id.
// One that waits between its attempts lets ours live a while; then the broker
// closes it in good order (MQTT 3.1.1, section 3.1.4), as no bad network does.
const (
	shortLife   = 5 * time.Second
	closedLife  = time.Minute
	shortInARow = 3
)

// Dialer makes connections to one broker. It is safe for concurrent use, but a
// broker keeps only one connection per client id.
type Dialer struct {
	options        Options
	sent, received atomic.Int64
	connections    atomic.Int64

	mu    sync.Mutex
	short int // short-lived connections in a row
}

var _ link.Dialer = (*Dialer)(nil)

// Stats counts over all connections of a Dialer.
type Stats struct {
	Connections   int64 // accepted by the broker
	BytesSent     int64 // written to the socket, MQTT headers included, TCP/IP headers not
	BytesReceived int64
}

// New checks the options; it does not connect.
func New(options Options) (*Dialer, error) {
	options = options.withDefaults()
	if err := options.check(); err != nil {
		return nil, err
	}
	return &Dialer{options: options}, nil
}

// Stats is what went over all connections so far. It may be called at any time.
func (d *Dialer) Stats() Stats {
	return Stats{
		Connections:   d.connections.Load(),
		BytesSent:     d.sent.Load(),
		BytesReceived: d.received.Load(),
	}
}

// Dial connects with a fresh client and returns when the broker has accepted
// the connection and every subscription. An error wraps link.ErrRefused when
// the broker answered and said no, and a trust.Error when it is TLS that failed.
// Cancelling ctx ends the attempt; it has no bearing on the connection
// afterwards.
func (d *Dialer) Dial(ctx context.Context, opening link.Opening) (link.Link, error) {
	var password []byte
	if d.options.Password != nil {
		var err error
		if password, err = d.options.Password(); err != nil {
			return nil, fmt.Errorf("read MQTT password: %w", err)
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, d.options.ConnectTimeout,
		fmt.Errorf("no answer within %v", d.options.ConnectTimeout))
	defer cancel()

	c := newConn(d)
	c.client = paho.NewClient(clientOptions(d.options, string(password), opening.Will, handlers{
		open: func() (s net.Conn, err error) {
			s, c.opening = d.open(ctx, c)
			return s, c.opening
		},
		lost:    c.lost,
		receive: func(m link.Message) { receive(opening, m) },
	}))
	release := context.AfterFunc(ctx, func() { c.fail(context.Cause(ctx), false) })

	err := c.connect()
	if err == nil {
		d.connections.Add(1)
		err = c.subscribe(opening.Subscribe)
	}
	if !release() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = c.Close() // the error that matters is err
		return nil, fmt.Errorf("connect to %s: %w", d.options.Server, err)
	}
	return c, nil
}

func receive(opening link.Opening, m link.Message) {
	if opening.Receive != nil {
		opening.Receive(m)
	}
}

// open makes the connection that the client speaks MQTT on.
func (d *Dialer) open(ctx context.Context, c *conn) (net.Conn, error) {
	address := d.options.address()
	raw, err := d.options.Dial(ctx, "tcp", address.Host)
	if err != nil {
		return nil, err
	}
	below := &wire{Conn: raw, writeTimeout: d.options.WriteTimeout, sent: &d.sent, received: &d.received}
	s := &socket{Conn: &plain{Conn: below}, under: below, failed: func(err error) { c.fail(err, true) }, cause: c.Err}
	if address.Scheme == "tls" {
		if s.Conn, err = d.options.TLS.Client(ctx, below, address.Hostname()); err != nil {
			return nil, err
		}
	}
	if err := c.adopt(s); err != nil {
		_ = s.Close() // the error that matters is err
		return nil, err
	}
	return s, nil
}

// connect sends CONNECT and waits for its answer.
func (c *conn) connect() error {
	token := c.client.Connect()
	select {
	case <-token.Done():
	case <-c.done: // the socket is closed, so the token follows at once
		within(token.Done(), closeWithin)
	}
	select {
	case <-token.Done():
	default:
		return c.why()
	}
	if token.Error() == nil {
		return c.accepted()
	}
	if t, ok := token.(*paho.ConnectToken); ok {
		if words, ok := refusals[t.ReturnCode()]; ok {
			return fmt.Errorf("%w: %s", link.ErrRefused, words)
		}
	}
	if c.opening != nil { // without the client's words around it
		return c.opening
	}
	if err := c.Err(); err != nil {
		return err
	}
	return token.Error()
}

// refusals are the CONNACK return codes (MQTT 3.1.1, table 3.1) after which
// trying again soon is pointless. Code 3, server unavailable, is not one.
var refusals = map[byte]string{
	packets.ErrRefusedBadProtocolVersion:    "the broker does not speak MQTT 3.1.1",
	packets.ErrRefusedIDRejected:            "the broker does not accept this client id",
	packets.ErrRefusedBadUsernameOrPassword: "bad user name or password",
	packets.ErrRefusedNotAuthorised:         "not authorised",
}

// subscribe asks for the topics with QoS 1 and waits for the broker's answer.
func (c *conn) subscribe(topics []string) error {
	if len(topics) == 0 {
		return nil
	}
	filters := make(map[string]byte, len(topics))
	for _, t := range topics {
		filters[t] = 1
	}
	token := c.client.SubscribeMultiple(filters, nil)
	select {
	case <-token.Done():
	case <-c.done:
		return c.why()
	}
	if err := c.Err(); err != nil {
		return err
	}
	if err := token.Error(); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	t, ok := token.(*paho.SubscribeToken)
	if !ok {
		return errors.New("subscribe: the client gave no result")
	}
	granted := t.Result()
	for _, topic := range topics {
		if granted[topic] > 2 { // 0x80 is failure, MQTT 3.1.1 section 3.9.3
			return fmt.Errorf("%w: may not subscribe to %s", link.ErrRefused, topic)
		}
	}
	return nil
}

// lifeEnded notes how long a connection lived that the far side ended, and adds
// to the error what a row of very short lives means.
func (d *Dialer) lifeEnded(lived time.Duration, err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	closed := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) // TLS says the latter
	if lived > closedLife || lived > shortLife && !closed {
		d.short = 0
		return err
	}
	d.short++
	if d.short < shortInARow {
		return err
	}
	return fmt.Errorf("%w: %w (ended by the far side within %v of connecting, %d times in a row: another client with the same id, or a topic the broker does not allow?)",
		link.ErrContested, err, closedLife, d.short)
}
