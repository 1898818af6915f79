package gateway_test

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
	"github.com/mochi-mqtt/server/v2/packets"
	"periph.io/x/conn/v3/physic"

	"watchpost/agent/desk/mochinet"
)

// city is a platform: a real broker that keeps what it was sent.
type city struct {
	mochi.HookBase
	address string
	server  *mochi.Server

	mu       sync.Mutex
	messages []cityMessage
}

type cityMessage struct {
	class string
	body  map[string]any
	raw   string
}

func newCity(t *testing.T) *city { return newCityAt(t, "127.0.0.1:0") }

func newCityAt(t *testing.T, address string) *city {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return newCityOn(t, l)
}

func newCityOn(t *testing.T, l net.Listener) *city {
	t.Helper()
	c := &city{address: l.Addr().String(), server: mochi.New(&mochi.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})}
	for _, err := range []error{
		c.server.AddHook(new(auth.AllowHook), nil),
		c.server.AddHook(c, nil),
		mochinet.Listen(c.server, l),
		c.server.Serve(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { c.server.Close() })
	return c
}

func (*city) ID() string { return "city" }

func (*city) Provides(b byte) bool { return b == mochi.OnPublish }

// OnPublish is called before a message goes on to anybody: what is an answer to
// it is kept after it.
func (c *city) OnPublish(_ *mochi.Client, p packets.Packet) (packets.Packet, error) {
	_, class, _ := strings.Cut(p.TopicName, "/GW-TEST/")
	m := cityMessage{class: class, raw: string(p.Payload)}
	if err := json.Unmarshal(p.Payload, &m.body); err != nil {
		m.raw = "not JSON: " + m.raw
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages = append(c.messages, m)
	return p, nil
}

func (c *city) of(class string) (all []cityMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.messages {
		if m.class == class {
			all = append(all, m)
		}
	}
	return all
}

// until waits for a message of a class.
func (c *city) until(t *testing.T, what, class string, holds func(cityMessage) bool) cityMessage {
	t.Helper()
	guard := time.After(hangGuard)
	for {
		for _, m := range c.of(class) {
			if holds(m) {
				return m
			}
		}
		select {
		case <-guard:
			t.Fatalf("waited %v for %s", hangGuard, what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestPlatformGetsEverythingInOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.city = newCity(t)
	l := r.start()
	r.city.until(t, "a reading", "readings", func(cityMessage) bool { return true })
	r.water.set(1800 * physic.MilliMetre)
	raised := r.city.until(t, "the alarm", "alarms", func(m cityMessage) bool { return m.body["state"] == "raised" })
	r.city.until(t, "the active alarms", "alarms/active", func(m cityMessage) bool { return strings.Contains(m.raw, `"pit"`) })
	l.end()

	// The alarm's id is the place where it was raised, in every later step.
	l = r.start()
	r.water.set(500 * physic.MilliMetre)
	cleared := r.city.until(t, "the alarm cleared", "alarms", func(m cityMessage) bool { return m.body["state"] == "cleared" })
	l.end()
	if raised.body["alarm"] == nil || raised.body["alarm"] != cleared.body["alarm"] {
		t.Errorf("alarm %v was raised, %v was cleared", raised.body["alarm"], cleared.body["alarm"])
	}

	r.city.mu.Lock()
	defer r.city.mu.Unlock()
	for i, want := range []string{"state", "alarms/active"} {
		if got := r.city.messages[i].class; got != want {
			t.Errorf("message %d after the connection is %s, want %s", i+1, got, want)
		}
	}
	last := r.city.messages[len(r.city.messages)-1]
	if last.class != "state" || last.body["online"] != false {
		t.Errorf("the last message is %s %s, want state offline", last.class, last.raw)
	}
}

func TestLateWillIsCorrected(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.city = newCity(t)
	l := r.start()
	defer l.end()
	state := r.city.until(t, "the state", "state", func(m cityMessage) bool { return m.body["online"] == true })
	before := len(r.city.of("state"))
	late := strings.Replace(state.raw, `"online":true`, `"online":false`, 1)
	late = strings.Replace(late, `"session":1`, `"session":0`, 1)
	if late == state.raw {
		t.Fatalf("state %s has no online and session to change", state.raw)
	}
	if err := r.city.server.Publish("watchpost/v1/GW-TEST/state", []byte(late), true, 1); err != nil {
		t.Fatal(err)
	}
	guard := time.After(hangGuard)
	for {
		states := r.city.of("state")
		if last := states[len(states)-1]; len(states) > before+1 && last.body["online"] == true {
			return
		}
		select {
		case <-guard:
			t.Fatalf("state stays at what a late will left: %s", states[len(states)-1].raw)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
