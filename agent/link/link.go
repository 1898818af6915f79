// Package link is the seam between forwarding and the ways out: a Link is one
// live connection to a platform, a Dialer makes it. Package mqtt below is the
// first way.
package link

import (
	"context"
	"errors"
)

// Message is one thing to send: a topic and a payload. All messages are
// confirmed by the far side (MQTT QoS 1, HTTP 2xx).
type Message struct {
	Topic    string
	Payload  []byte
	Retained bool // documents only
}

// Link is one connection. It is used until it fails once, and then dialled
// anew: nothing is ever resumed.
type Link interface {
	// Send hands over the batch in order and returns when the far side has
	// confirmed all of it, or with an error and how many leading messages were
	// confirmed. A message counts as confirmed only while its connection is the
	// live one. Send may be called from several goroutines; order holds within
	// one call. After an error the link is of no more use.
	Send(ctx context.Context, batch []Message) (confirmed int, err error)
	// Done is closed when the connection is lost, whoever noticed.
	Done() <-chan struct{}
	// Err is why Done was closed; nil before that and after Close.
	Err() error
	// Close says goodbye (no last will is published) and frees everything the
	// connection held. It waits at most a second.
	Close() error
}

// Opening is what a connection is opened with.
type Opening struct {
	// Will is published by the far side when the connection ends without Close.
	Will Message
	// Subscribe lists topics whose messages are handed to Receive.
	Subscribe []string
	// Receive is called for each message received, never concurrently. It must
	// not block and must not send.
	Receive func(Message)
}

// Dialer makes connections. Dial returns when the far side has accepted the
// connection and the subscriptions, or with an error.
type Dialer interface {
	Dial(ctx context.Context, opening Opening) (Link, error)
}

// ErrRefused is the error, wrapped, of a far side that answered but will not have
// us: bad credentials, not authorised. Trying again soon is pointless.
var ErrRefused = errors.New("refused by the platform")

// ErrUntrusted is the error, wrapped, of a far side that we will not have: its
// certificate is not one to believe. Trying again soon is pointless.
var ErrUntrusted = errors.New("platform not trusted")

// ErrTooLarge is the error, wrapped, of a far side that takes no message of that
// size. One of fewer records may pass.
var ErrTooLarge = errors.New("message too large for the platform")

// ErrContested is the error, wrapped, of a far side that ends each connection
// soon after it was made: most often a second client with the same id.
var ErrContested = errors.New("connection taken away again and again")
