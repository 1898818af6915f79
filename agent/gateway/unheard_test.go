package gateway

import (
	"fmt"
	"testing"
	"time"

	"watchpost/agent/forward"
	"watchpost/agent/link"
	"watchpost/agent/record"
	"watchpost/buffer"
)

// A broker that confirms everything and hands nothing back is noticed when the
// connection has held, and not before; one that hands the state back is not.
func TestUnheard(t *testing.T) {
	b, err := buffer.Open(buffer.Options{Dir: t.TempDir(), Platforms: []string{"city"}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	u := &uplink{g: &gateway{buffer: b}}
	from := func(run record.Run, session int, online bool) {
		u.Receive(link.Message{Payload: fmt.Appendf(nil, `{"v":1,"run":%q,"session":%d,"online":%t}`, run, session, online)})
	}
	state := func(session int, online bool) { from(record.Run(b.Run()), session, online) }
	now := time.Now()
	for _, step := range []struct {
		what string
		do   func()
		want bool
	}{
		{"not connected", func() { u.session.Store(3) }, false},
		{"just connected", func() { u.state = forward.State{Connected: true, Since: now.Add(-heldFor / 2)} }, false},
		{"held", func() { u.state.Since = now.Add(-2 * heldFor) }, true},
		{"an older session's will", func() { state(2, false) }, true},
		{"an older session's state", func() { state(2, true) }, true},
		{"another gateway's of our name", func() { from(record.Run{Epoch: 1, N: 1}, 3, true) }, true},
		{"our own", func() { state(3, true) }, false},
		{"the next connection", func() { u.session.Store(4) }, true},
		{"its state", func() { state(4, true) }, false},
		{"lost again", func() { u.session.Store(5); u.state.Connected = false }, false},
	} {
		step.do()
		if got := u.unheard(now); got != step.want {
			t.Errorf("%s: unheard %t, want %t", step.what, got, step.want)
		}
	}
}
