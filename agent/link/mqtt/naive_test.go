//go:build !race

// paho's own reconnecting races with itself, and the race detector rightly says
// so. This package never turns it on; only this control does.

package mqtt

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"watchpost/agent/link"
)

// TestFlakyCheckSeesFalseConfirmations is the negative control: the same check
// on the way of sending that this package avoids.
func TestFlakyCheckSeesFalseConfirmations(t *testing.T) {
	b := startFake(t, &fakeBroker{publish: flaky(1, 0.02, 0.02)})
	naive := func() (link.Link, error) {
		o := clientOptions(b.options().withDefaults(), "", link.Message{}, handlers{
			open: func() (net.Conn, error) { return net.Dial("tcp", b.listener.Addr().String()) },
			lost: func(error) {},
		})
		o.SetAutoReconnect(true)
		c := paho.NewClient(o)
		token := c.Connect()
		<-token.Done()
		return trusting{c}, token.Error()
	}
	if n := deliver(t, naive, b, batchOf(2000), true); n == 0 {
		t.Error("no false confirmation with automatic reconnection: the check sees nothing")
	}
}

// trusting believes every token.
type trusting struct{ client paho.Client }

func (n trusting) Send(_ context.Context, batch []link.Message) (int, error) {
	var tokens []paho.Token
	for _, m := range batch {
		tokens = append(tokens, n.client.Publish(m.Topic, 1, false, m.Payload))
	}
	for i, token := range tokens {
		select {
		case <-token.Done():
		case <-time.After(2 * time.Second):
			return i, errors.New("no answer")
		}
		if token.Error() != nil {
			return i, token.Error()
		}
	}
	return len(batch), nil
}
func (n trusting) Done() <-chan struct{} { return nil }
func (n trusting) Err() error            { return nil }
func (n trusting) Close() error          { n.client.Disconnect(100); return nil }
