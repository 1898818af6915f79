package forward

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/link"
)

// papers are two documents; Changed is closed by change.
type papers struct {
	mu      sync.Mutex
	version int
	changed chan struct{}
}

func (d *papers) Will(n uint64) link.Message {
	return link.Message{Topic: "state", Payload: fmt.Appendf(nil, "offline %d", n), Retained: true}
}
func (d *papers) Opening(n uint64) []link.Message {
	d.mu.Lock()
	defer d.mu.Unlock()
	return []link.Message{
		{Topic: "state", Payload: fmt.Appendf(nil, "online %d", n), Retained: true},
		{Topic: "active", Payload: fmt.Appendf(nil, "active %d", d.version), Retained: true},
	}
}
func (d *papers) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}
func (d *papers) change() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.version++
	close(d.changed)
	d.changed = make(chan struct{})
}

// mail says that "offline" on state is ours, overwritten.
type mail struct{}

func (mail) Subscribe() []string         { return []string{"state"} }
func (mail) Receive(m link.Message) bool { return string(m.Payload) == "offline 0" }

// keeper is a platform that keeps what a connection was opened with.
type keeper struct {
	far
	opening link.Opening
}

func (k *keeper) Dial(ctx context.Context, o link.Opening) (link.Link, error) {
	k.opening = o
	return k.far.Dial(ctx, o)
}

func TestDocuments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := &keeper{}, &papers{changed: make(chan struct{})}
		f, err := New(Options{Platform: "city", Source: empty{}, Dialer: p, Encoder: one{}, Documents: d, Inbox: mail{}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- f.Run(ctx) }()
		expect := func(step string, want ...string) {
			t.Helper()
			synctest.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			if !slices.Equal(p.got, want) {
				t.Errorf("%s: got %q, want %q", step, p.got, want)
			}
			p.got = nil
		}
		expect("opening", "online 1", "active 0")
		d.change()
		synctest.Wait()
		d.change()
		expect("changed within a second")
		<-time.After(time.Second)
		expect("a second later, the newest and only what differs", "active 2")
		p.opening.Receive(link.Message{Topic: "state", Payload: []byte("offline 0")})
		expect("late will of an older session", "online 1", "active 2")
		cancel()
		<-ended
		expect("goodbye", "offline 1")
	})
}
