// Package mochinet is the part of the MQTT broker of demo and tests that its
// library does not do well: ending. The gateway's program has no broker.
package mochinet

import (
	"net"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// Listen lets s serve on l, which s.Close closes. l may be encrypted.
//
// The library's own listeners can wait for ever in Close: they ask
// Clients.GetByListener (v2.7.9, clients.go), which takes one read lock within
// another, and a client that leaves between the two asks for the write lock.
func Listen(s *mochi.Server, l net.Listener) error {
	return s.AddListener(listener{listeners.NewNet(l.Addr().String(), l), s})
}

type listener struct {
	*listeners.Net
	server *mochi.Server
}

// Close ends the clients of this listener, then the listener. It does not call
// what it is given, which is what waits.
func (l listener) Close(listeners.CloseFn) {
	l.Net.Close(func(id string) {
		for _, c := range l.server.Clients.GetAll() {
			if c.Net.Listener == id && !c.Closed() {
				_ = l.server.DisconnectClient(c, packets.ErrServerShuttingDown) // it may be gone already
			}
		}
	})
}
