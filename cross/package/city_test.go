//go:build debian && live

package deb

import (
	"encoding/json"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// city is the platform outside the machine: a broker that keeps what runs told
// of their start, and how many readings came.
type city struct {
	mochi.HookBase
	port string

	mu       sync.Mutex
	starts   []start
	readings int
}

// start is what a run says of the one before it.
type start struct {
	Predecessor *string `json:"predecessor"`
	Ended       string  `json:"ended"`
}

func newCity(t *testing.T) *city {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	c := &city{port: port}
	server := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	for _, err := range []error{
		server.AddHook(new(auth.AllowHook), nil),
		server.AddHook(c, nil),
		server.AddListener(listeners.NewNet("city", l)),
		server.Serve(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { server.Close() })
	return c
}

func (*city) ID() string { return "city" }

func (*city) Provides(b byte) bool { return b == mochi.OnPublish }

func (c *city) OnPublish(_ *mochi.Client, p packets.Packet) (packets.Packet, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case strings.HasSuffix(p.TopicName, "/readings"):
		c.readings++
	case strings.HasSuffix(p.TopicName, "/events"):
		var event struct {
			Kind  string `json:"kind"`
			Start *start `json:"start"`
		}
		if err := json.Unmarshal(p.Payload, &event); err == nil && event.Kind == "run" && event.Start != nil {
			c.starts = append(c.starts, *event.Start)
		}
	}
	return p, nil
}

// start waits for the nth run event, counted from 0.
func (c *city) start(t *testing.T, n int) start {
	t.Helper()
	for deadline := time.Now().Add(settleWithin); ; pause(100 * time.Millisecond) {
		c.mu.Lock()
		starts := c.starts
		c.mu.Unlock()
		if len(starts) > n {
			return starts[n]
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d runs were told, want %d", len(starts), n+1)
		}
	}
}

// told is how many run events have come.
func (c *city) told() (runs, readings int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.starts), c.readings
}
