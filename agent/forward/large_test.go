package forward

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/link"
	"watchpost/buffer"
)

// crowd makes one message of up to a hundred records: "lane prev first last".
type crowd struct{}

func (crowd) Encode(lane buffer.Lane, prev buffer.Position, entries []buffer.Entry) (link.Message, int, error) {
	n := min(100, len(entries))
	body := fmt.Sprintf("%v %d %d %d", lane, prev.Seq, entries[0].Position.Seq, entries[n-1].Position.Seq)
	return link.Message{Topic: lane.String(), Payload: []byte(body)}, n, nil
}

// narrow is a second way that takes messages of so many records.
type narrow struct {
	mu       sync.Mutex
	most     uint64
	got      []string
	refused  int
	sequence []uint64 // each record as it came
}

func (n *narrow) Dial(context.Context, link.Opening) (link.Link, error) {
	return &narrowLink{far: n, done: make(chan struct{})}, nil
}

type narrowLink struct {
	far  *narrow
	once sync.Once
	done chan struct{}
}

func (l *narrowLink) Done() <-chan struct{} { return l.done }
func (*narrowLink) Err() error              { return nil }
func (l *narrowLink) Close() error          { l.once.Do(func() { close(l.done) }); return nil }

func (l *narrowLink) Send(_ context.Context, batch []link.Message) (int, error) {
	l.far.mu.Lock()
	defer l.far.mu.Unlock()
	for i, m := range batch {
		var lane string
		var prev, first, last uint64
		fmt.Sscan(string(m.Payload), &lane, &prev, &first, &last)
		if last-first+1 > l.far.most {
			l.far.refused++
			l.Close()
			return i, fmt.Errorf("HTTP 413: %w", link.ErrTooLarge)
		}
		l.far.got = append(l.far.got, string(m.Payload))
		for seq := first; seq <= last; seq++ {
			l.far.sequence = append(l.far.sequence, seq)
		}
	}
	return len(batch), nil
}

// A second way that refuses large messages gets smaller ones, soon and in order.
func TestTooLargeIsHalved(t *testing.T) {
	for _, c := range []struct {
		most    uint64
		refused int
		blocked bool
	}{{100, 0, false}, {99, 1, false}, {7, 4, false}, {1, 6, false}, {0, 0, true}} {
		synctest.Test(t, func(t *testing.T) {
			far, first := &narrow{most: c.most}, &way{name: "mqtt", ledger: &ledger{busy: map[string]int{}}}
			first.block()
			m := &memory{}
			m.add(buffer.Readings, 450, true)
			var mu sync.Mutex
			var last State
			forwarding(t, Options{
				Source: m, Dialer: first, Second: far, Encoder: crowd{},
				OnState: func(s State) { mu.Lock(); defer mu.Unlock(); last = s },
			}, func(*testing.T) {
				<-time.After(2*time.Minute + 20*time.Second)
				far.mu.Lock()
				defer far.mu.Unlock()
				if c.blocked {
					mu.Lock()
					defer mu.Unlock()
					if len(far.got) > 0 || !strings.Contains(last.SecondError, "a single record") || far.refused > 30 {
						t.Errorf("%d came, refused %d times, %q", len(far.got), far.refused, last.SecondError)
					}
					return
				}
				if f := flaw(far.sequence, 0, 450); f != "" || far.refused != c.refused {
					t.Errorf("most %d: %s; refused %d times, want %d; %v", c.most, f, far.refused, c.refused, far.got)
				}
			})
		})
	}
}

// When the second way is taken anew, it may take large messages again.
func TestLargeAgainLater(t *testing.T) {
	w := &second{f: &Forwarder{}}
	w.f.options.OnState = func(State) {}
	w.most[buffer.Readings].Store(7)
	if n := len(w.share(buffer.Readings, make([]buffer.Entry, 100))); n != 7 {
		t.Errorf("%d records in a message, want 7", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.start(ctx)
	w.stop()
	if n := len(w.share(buffer.Readings, make([]buffer.Entry, 100))); n != 100 {
		t.Errorf("%d records in a message, want 100", n)
	}
}
