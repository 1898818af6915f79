package mqtt

import (
	"context"
	"errors"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// A token that is done without an error confirms nothing once its connection is
// lost, whichever of the two is seen first.
func TestConfirmationOfALostConnection(t *testing.T) {
	gone := errors.New("gone")
	c := newConn(&Dialer{})
	c.err = gone
	close(c.done)
	for range 200 {
		tokens := make(chan paho.Token, 1)
		tokens <- new(paho.DummyToken)
		if err := c.awaitOne(context.Background(), tokens, nil); !errors.Is(err, gone) {
			t.Fatalf("error %v, want that the connection is gone", err)
		}
	}
}
