package watchdog

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// fed is how many of the next messages feed the watchdog.
func (s *socket) fed(messages int) (n int) {
	s.t.Helper()
	for range messages {
		if slices.Contains(s.next(), "WATCHDOG=1") {
			n++
		}
	}
	return n
}

// rig is a Feeder on a real socket with one room that can be stalled. Its status
// changes at every turn, so that each turn sends a message, fed or not.
type rig struct {
	*socket
	stall atomic.Bool
	ready chan struct{}
	end   func()
}

func start(t *testing.T, feeder func(*rig, *Manager) runner) *rig {
	t.Helper()
	r := &rig{socket: listen(t, filepath.Join(t.TempDir(), "notify")), ready: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	f := feeder(r, r.manager(40*time.Millisecond))
	go func() {
		defer close(ended)
		f.Run(ctx, r.ready)
	}()
	r.end = func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(hangGuard):
			t.Error("feeder does not end")
		}
	}
	t.Cleanup(r.end)
	return r
}

func (r *rig) stalled() error {
	if r.stall.Load() {
		return errors.New("nothing taken in for 2m0s")
	}
	return nil
}

type runner = interface {
	Run(context.Context, <-chan struct{})
}

func (r *rig) feeder(m *Manager) runner {
	turns := 0
	return New(Options{
		Manager: m,
		Probes:  []Probe{{"store", func() error { return nil }}, {"pipeline", r.stalled}},
		Status:  func() string { turns++; return strings.Repeat("正常", turns%3+1) },
	})
}

func TestReadyThenFedThenStopping(t *testing.T) {
	r := start(t, (*rig).feeder)
	close(r.ready)
	if got := r.next(); !slices.Equal(got, []string{"READY=1"}) {
		t.Errorf("first message %q, want READY=1", got)
	}
	first := r.next()
	if !slices.Contains(first, "WATCHDOG=1") || !slices.ContainsFunc(first, func(l string) bool { return strings.HasPrefix(l, "STATUS=正常") }) {
		t.Errorf("first turn said %q", first)
	}
	if n := r.fed(5); n != 5 {
		t.Errorf("%d of 5 turns fed the watchdog", n)
	}
	r.end()
	last := r.next()
	for !strings.HasPrefix(last[0], "STOPPING") {
		last = r.next()
	}
	if !slices.Equal(last, []string{"STOPPING=1"}) {
		t.Errorf("last message %q, want STOPPING=1", last)
	}
}

func TestNotReadyIsNotSaid(t *testing.T) {
	r := start(t, (*rig).feeder)
	r.end()
	if got := r.next(); !slices.Equal(got, []string{"STOPPING=1"}) {
		t.Errorf("an agent that never was ready said %q", got)
	}
}

// stopsFeeding stalls one room and reports whether the feeding ended, and came
// back with the room.
func stopsFeeding(t *testing.T, feeder func(*rig, *Manager) runner) bool {
	r := start(t, feeder)
	close(r.ready)
	r.next()
	if r.fed(3) != 3 {
		t.Fatal("not fed while everything moves")
	}
	r.stall.Store(true)
	r.next() // this turn may have asked before
	quiet := r.fed(5) == 0
	r.stall.Store(false)
	r.next()
	return quiet && r.fed(3) == 3
}

func TestOneStalledRoomStopsTheFeeding(t *testing.T) {
	if !stopsFeeding(t, (*rig).feeder) {
		t.Error("the watchdog was fed while a room was stalled, or not again after it")
	}
}

// timerFeeder is how it is often done, and the negative control of the test above.
type timerFeeder struct {
	m *Manager
}

func (f timerFeeder) Run(ctx context.Context, ready <-chan struct{}) {
	<-ready
	_ = f.m.Tell("READY=1")
	ticker := time.NewTicker(f.m.Timeout() / share)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = f.m.Tell("WATCHDOG=1")
		}
	}
}

func TestFedByATimerIsSeen(t *testing.T) {
	if stopsFeeding(t, func(_ *rig, m *Manager) runner { return timerFeeder{m} }) {
		t.Error("a watchdog fed by a timer passes: the test sees nothing")
	}
}

// A probe that hangs, as one does behind a deadlock, is as good as a stalled one.
func TestHangingProbeStopsTheFeeding(t *testing.T) {
	hang, asked := make(chan struct{}), make(chan struct{}, 100)
	r := start(t, func(_ *rig, m *Manager) runner {
		return New(Options{Manager: m, Probes: []Probe{{"store", func() error { asked <- struct{}{}; <-hang; return nil }}}})
	})
	close(r.ready)
	r.next() // READY=1
	<-asked
	if err := r.conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := r.conn.Read(make([]byte, 100)); err == nil {
		t.Errorf("%d bytes came while a probe hung", n)
	}
	close(hang)
}

func TestUnwatchedAgentTellsItsStatus(t *testing.T) {
	s := listen(t, filepath.Join(t.TempDir(), "notify"))
	m, err := FromEnvironment(env(map[string]string{"NOTIFY_SOCKET": s.name}), 7)
	if err != nil {
		t.Fatal(err)
	}
	f := New(Options{Manager: m, Status: func() string { return "ok" }})
	f.turn()
	f.turn()
	if got := s.next(); !slices.Equal(got, []string{"STATUS=ok"}) {
		t.Errorf("said %q", got)
	}
	f.tell("END=1") // the second turn had nothing new to say
	if got := s.next(); !slices.Equal(got, []string{"END=1"}) {
		t.Errorf("said %q before the end", got)
	}
}
