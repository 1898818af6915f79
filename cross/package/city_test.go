//go:build debian && live

package deb

import (
	"encoding/json"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/packets"

	"watchpost/agent/desk/mochinet"
)

// city is the platform outside the machine: a broker that keeps what runs told
// of their start.
type city struct {
	mochi.HookBase
	port string

	mu     sync.Mutex
	starts []start
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
		mochinet.Listen(server, l),
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
	if !strings.HasSuffix(p.TopicName, "/events") {
		return p, nil
	}
	var event struct {
		Kind  string `json:"kind"`
		Start *start `json:"start"`
	}
	if err := json.Unmarshal(p.Payload, &event); err == nil && event.Kind == "run" && event.Start != nil {
		c.starts = append(c.starts, *event.Start)
	}
	return p, nil
}

// after waits for the run that names this one as its predecessor.
func (c *city) after(t *testing.T, run string) start {
	t.Helper()
	for deadline := time.Now().Add(settleWithin); ; pause(100 * time.Millisecond) {
		c.mu.Lock()
		starts := slices.Clone(c.starts)
		c.mu.Unlock()
		for _, s := range starts {
			if s.Predecessor != nil && *s.Predecessor == run {
				return s
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("no run was told that followed %s, only %+v", run, starts)
		}
	}
}
