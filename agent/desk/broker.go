package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/packets"

	"watchpost/agent/desk/mochinet"
)

// broker is the platform's side of the demo: a real MQTT broker that lets
// everybody in, on one address, and can be taken away and brought back.
type broker struct {
	address  string
	received func(topic string, payload []byte)

	// mu guards everything that follows.
	mu     sync.Mutex
	server *mochi.Server
}

// newBroker serves on l and calls received for each message it takes in, never
// concurrently for one client.
func newBroker(l net.Listener, received func(topic string, payload []byte)) (*broker, error) {
	b := &broker{address: l.Addr().String(), received: received}
	return b, b.serve(l)
}

func (b *broker) serve(l net.Listener) error {
	server := mochi.New(&mochi.Options{InlineClient: false, Logger: slog.New(slog.DiscardHandler)})
	if err := errors.Join(
		server.AddHook(new(auth.AllowHook), nil),
		server.AddHook(&tap{received: b.received}, nil),
		mochinet.Listen(server, l),
		server.Serve(),
	); err != nil {
		return fmt.Errorf("start broker on %s: %w", b.address, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.server = server
	return nil
}

// down takes the broker away: its clients are cut off and its port is closed.
func (b *broker) down() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server == nil {
		return nil
	}
	err := b.server.Close()
	b.server = nil
	return err
}

// up brings it back on the same address.
func (b *broker) up() error {
	l, err := net.Listen("tcp", b.address)
	if err != nil {
		return fmt.Errorf("bring broker back on %s: %w", b.address, err)
	}
	return b.serve(l)
}

// tap looks at what clients publish.
type tap struct {
	mochi.HookBase
	received func(topic string, payload []byte)
}

// ID names the hook.
func (*tap) ID() string { return "tap" }

// Provides says which calls the hook wants.
func (*tap) Provides(b byte) bool { return b == mochi.OnPublished }

// OnPublished is called with what the broker has taken in. Last wills do not
// pass here.
func (t *tap) OnPublished(_ *mochi.Client, p packets.Packet) {
	t.received(p.TopicName, append([]byte(nil), p.Payload...))
}
