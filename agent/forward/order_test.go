package forward

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/link"
	"watchpost/buffer"
)

// memory is a source in memory. While shut it cannot be read.
type memory struct {
	mu       sync.Mutex
	shut     bool
	lanes    [3][]buffer.Entry
	cursor   [3]buffer.Position
	appended [3]chan struct{}
}

func (m *memory) Next(_ string, l buffer.Lane, after buffer.Position, maxCount, _ int) ([]buffer.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shut {
		return nil, fmt.Errorf("read: %w", buffer.ErrReopening)
	}
	left := m.lanes[l][min(int(after.Seq), len(m.lanes[l])):]
	return left[:min(len(left), maxCount)], nil
}

func (m *memory) Appended(l buffer.Lane) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.appended[l] == nil {
		m.appended[l] = make(chan struct{})
	}
	return m.appended[l]
}

func (m *memory) Cursor(_ string, l buffer.Lane) buffer.Position {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cursor[l]
}

func (m *memory) Confirm(_ string, l buffer.Lane, upTo buffer.Position) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cursor[l] = upTo
	return nil
}

func (m *memory) GiveUp(string, buffer.Lane, buffer.Position, buffer.LossReason) error { return nil }

// add appends n records; told says whether Appended tells of it.
func (m *memory) add(l buffer.Lane, n int, told bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range n {
		m.lanes[l] = append(m.lanes[l], buffer.Entry{Position: buffer.Position{Seq: uint64(len(m.lanes[l]) + 1)}})
	}
	if told && m.appended[l] != nil {
		close(m.appended[l])
		m.appended[l] = nil
	}
}

// forwarding runs a Forwarder in a bubble while body does things.
func forwarding(t *testing.T, o Options, body func(t *testing.T)) {
	t.Helper()
	o.Platform = "city"
	if o.Encoder == nil {
		o.Encoder = one{}
	}
	o.Jitter = func(ceiling time.Duration) time.Duration { return ceiling }
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	body(t)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// count is how many messages of a lane came, taking them away.
func (p *far) count() (n [3]int) {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.got {
		for lane := range lanes() {
			if strings.HasPrefix(m, lane.String()) {
				n[lane]++
			}
		}
	}
	p.got = nil
	return n
}

func (p *far) batches() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sends
}

func TestAlarmOvertakesBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, p := &memory{}, &far{delay: time.Second}
		m.add(buffer.Readings, 500, true)
		forwarding(t, Options{Source: m, Dialer: p}, func(t *testing.T) {
			<-time.After(5500 * time.Millisecond)
			p.count()
			m.add(buffer.Alarms, 40, true) // three batches
			<-time.After(3 * time.Second)
			if got := p.count(); got[buffer.Alarms] != 40 || got[buffer.Readings] > 16 {
				t.Errorf("after three round trips: %v, want all alarms and one batch of readings", got)
			}
			<-time.After(time.Minute)
			if got := p.count(); got[buffer.Readings] < 300 {
				t.Errorf("later: %v, want the readings to go on", got)
			}
		})
	})
}

func TestFloodLeavesReadingsAShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, p := &memory{}, &far{delay: time.Second}
		m.add(buffer.Events, 5000, true)
		m.add(buffer.Readings, 500, true)
		forwarding(t, Options{Source: m, Dialer: p}, func(t *testing.T) {
			<-time.After(90500 * time.Millisecond)
			if got := p.count(); got[buffer.Events] != 90*16 || got[buffer.Readings] < 8*16 || got[buffer.Readings] > 12*16 {
				t.Errorf("after 90 round trips: %v, want a batch of readings for about 8 of events", got)
			}
		})
	})
}

func TestLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, p := &memory{}, &far{}
		forwarding(t, Options{Source: m, Dialer: p, Linger: DefaultLinger()}, func(t *testing.T) {
			expect := func(step string, want [3]int) {
				t.Helper()
				if got := p.count(); got != want {
					t.Errorf("%s: %v, want %v", step, got, want)
				}
			}
			synctest.Wait()
			m.add(buffer.Readings, 1, true)
			expect("the first is sent at once", [3]int{0, 0, 1})
			m.add(buffer.Readings, 1, true)
			m.add(buffer.Events, 1, true)
			m.add(buffer.Alarms, 1, true)
			expect("only readings wait", [3]int{1, 1, 0})
			<-time.After(900 * time.Millisecond)
			m.add(buffer.Readings, 2, true)
			expect("still waiting", [3]int{})
			sends := p.batches()
			<-time.After(100 * time.Millisecond)
			expect("a second later", [3]int{0, 0, 3})
			if now := p.batches(); now != sends+1 {
				t.Errorf("%d batches, want one", now-sends)
			}
		})
	})
}

func TestStoreComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, p := &memory{shut: true}, &far{}
		m.add(buffer.Readings, 3, true)
		forwarding(t, Options{Source: m, Dialer: p}, func(t *testing.T) {
			<-time.After(15 * time.Second)
			m.mu.Lock()
			m.shut = false
			m.mu.Unlock()
			<-time.After(lookAgain)
			if got := p.count(); got != [3]int{0, 0, 3} {
				t.Errorf("after it came back: %v, want the 3 readings", got)
			}
			m.add(buffer.Alarms, 2, false) // found on flash
			<-time.After(lookAgain)
			if got := p.count(); got != [3]int{2, 0, 0} || p.sessions != 1 {
				t.Errorf("%v over %d sessions, want 2 alarms that nobody told of, over 1", got, p.sessions)
			}
		})
	})
}

// sized filters out each third record and makes messages of 400 bytes.
type sized struct{}

func (sized) Encode(lane buffer.Lane, prev buffer.Position, e []buffer.Entry) (link.Message, int, error) {
	if e[0].Seq%3 == 0 {
		return link.Message{}, 1, nil
	}
	return link.Message{Topic: "t", Payload: fmt.Appendf(nil, "%v %d %-390d", lane, prev.Seq, e[0].Seq)[:400]}, 1, nil
}

func TestCapsAndFilter(t *testing.T) {
	for _, c := range []struct{ messages, bytes, sends int }{
		{16, 64 << 10, 2}, {5, 64 << 10, 4}, {16, 1200, 7}, {16, 1199, 10}, {16, 10, 20},
	} {
		synctest.Test(t, func(t *testing.T) {
			m, p := &memory{}, &far{}
			m.add(buffer.Readings, 30, true)
			forwarding(t, Options{Source: m, Dialer: p, Encoder: sized{}, BatchMessages: c.messages, BatchBytes: c.bytes}, func(t *testing.T) {
				synctest.Wait()
				if p.sends != c.sends || len(p.got) != 20 {
					t.Errorf("%+v: %d messages in %d batches, want 20", c, len(p.got), p.sends)
				}
				if _, odd := missing(p.got, buffer.Readings, 30); odd != 0 || m.Cursor("", buffer.Readings).Seq != 30 {
					t.Errorf("%d with a prev that was not sent, cursor %d; want 0 and 30", odd, m.Cursor("", buffer.Readings).Seq)
				}
			})
		})
	}
}

// mortal is a platform whose connections live so long each.
type mortal struct {
	far
	lives []time.Duration
}

func (p *mortal) Dial(ctx context.Context, o link.Opening) (link.Link, error) {
	l, err := p.far.Dial(ctx, o)
	if n := p.sessions; err == nil && n <= len(p.lives) {
		time.AfterFunc(p.lives[n-1], func() { l.Close() })
	}
	return l, err
}

func TestOnlyAStableConnectionResetsBackoff(t *testing.T) {
	for _, c := range []struct {
		name     string
		life     time.Duration
		confirms bool
		want     time.Duration
	}{
		{"short", 50 * time.Second, true, 4 * time.Second},
		{"nothing confirmed", 70 * time.Second, false, 4 * time.Second},
		{"stable", 70 * time.Second, true, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			m, p := &memory{}, &mortal{lives: []time.Duration{1, 1, c.life}}
			forwarding(t, Options{Source: m, Dialer: p}, func(t *testing.T) {
				<-time.After(10 * time.Second)
				if c.confirms {
					m.add(buffer.Alarms, 1, true)
				}
				<-time.After(2 * time.Minute)
				if len(p.dials) != 4 {
					t.Fatalf("%d dials, want 4", len(p.dials))
				}
				if got := p.dials[3].Sub(p.dials[2]) - c.life; got != c.want {
					t.Errorf("%s: waited %v, want %v", c.name, got, c.want)
				}
			})
		})
	}
}

func TestEndWhileTheLinkIsFrozen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		m, p := &memory{}, &far{delay: 24 * time.Hour}
		m.add(buffer.Readings, 100, true)
		var begun time.Time
		forwarding(t, Options{Source: m, Dialer: p, Goodbye: 2 * time.Second}, func(t *testing.T) {
			<-time.After(time.Minute)
			begun = time.Now()
		})
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("Run ended after %v, want the goodbye's 2s", took)
		}
		synctest.Wait()
		if after := runtime.NumGoroutine(); after > before {
			t.Errorf("%d goroutines, %d before", after, before)
		}
	})
}
