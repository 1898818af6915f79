package forward

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/link"
	"watchpost/buffer"
)

// far is a platform in memory; its links lose the connection on request.
type far struct {
	mu       sync.Mutex
	got      []string // payloads in the order of arrival
	sends    int
	failAt   int  // this Send arrives half, and nothing of it is confirmed
	early    bool // confirms what it throws away: the broken promise
	refuse   error
	sessions int
	dials    []time.Time
	delay    time.Duration
}

func (p *far) Dial(ctx context.Context, o link.Opening) (link.Link, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dials = append(p.dials, time.Now())
	if p.refuse != nil {
		return nil, p.refuse
	}
	p.sessions++
	return &line{far: p, done: make(chan struct{})}, nil
}

type line struct {
	far  *far
	once sync.Once
	done chan struct{}
}

func (l *line) Done() <-chan struct{} { return l.done }
func (l *line) Err() error            { return nil }
func (l *line) Close() error          { l.once.Do(func() { close(l.done) }); return nil }
func (l *line) Send(ctx context.Context, batch []link.Message) (int, error) {
	if !pause(ctx, l.far.delay) {
		return 0, ctx.Err()
	}
	l.far.mu.Lock()
	defer l.far.mu.Unlock()
	l.far.sends++
	for i, m := range batch {
		if l.far.sends == l.far.failAt && i >= len(batch)/2 {
			if l.far.early {
				return len(batch), nil
			}
			return 0, errors.New("cable pulled")
		}
		l.far.got = append(l.far.got, string(m.Payload))
	}
	return len(batch), nil
}

// one makes a message of each record: "lane prev seq".
type one struct{ bad uint64 }

func (e one) Encode(lane buffer.Lane, prev buffer.Position, entries []buffer.Entry) (link.Message, int, error) {
	at := entries[0].Position
	if at.Seq == e.bad {
		return link.Message{}, 0, &UnreadableError{Position: at, Cause: errors.New("garbled")}
	}
	return link.Message{Topic: lane.String(), Payload: fmt.Appendf(nil, "%v %d %d", lane, prev.Seq, at.Seq)}, 1, nil
}

// missing counts the seqs of a lane up to last that never arrived, and the
// messages whose prev had not arrived before them.
func missing(got []string, lane buffer.Lane, last uint64) (lost, unexplained int) {
	seen := map[uint64]bool{0: true}
	for _, m := range got {
		var name string
		var prev, seq uint64
		fmt.Sscan(m, &name, &prev, &seq)
		if name != lane.String() {
			continue
		}
		if !seen[prev] {
			unexplained++
		}
		seen[seq] = true
	}
	for seq := uint64(1); seq <= last; seq++ {
		if !seen[seq] {
			lost++
		}
	}
	return lost, unexplained
}

func open(t *testing.T) *buffer.Buffer {
	t.Helper()
	b, err := buffer.Open(buffer.Options{Dir: t.TempDir(), Platforms: []string{"city"}})
	if err != nil {
		t.Fatal(err)
	}
	<-b.Ready()
	t.Cleanup(func() { b.Close() })
	return b
}

func fill(t *testing.T, b *buffer.Buffer, lane buffer.Lane, n int) {
	t.Helper()
	for i := range n {
		if _, err := b.Append(lane, binary.BigEndian.AppendUint64(nil, uint64(i))); err != nil {
			t.Fatal(err)
		}
	}
}

// run forwards until every record is settled, then stops.
func run(t *testing.T, b *buffer.Buffer, p *far, e Encoder, want [3]uint64) Stats {
	t.Helper()
	f, err := New(Options{Platform: "city", Source: b, Dialer: p, Encoder: e, BackoffMin: time.Millisecond, BackoffMax: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	tick, guard := time.NewTicker(time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for lane := range lanes() {
		for b.Cursor("city", lane).Seq < want[lane] {
			select {
			case <-tick.C:
			case <-guard:
				t.Fatalf("%v: cursor %d, want %d", lane, b.Cursor("city", lane).Seq, want[lane])
			}
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	return f.Stats()
}

func TestNothingIsLostAcrossLostConnections(t *testing.T) {
	for failAt := 1; failAt <= 8; failAt++ {
		b, p := open(t), &far{failAt: failAt}
		fill(t, b, buffer.Readings, 200)
		run(t, b, p, one{}, [3]uint64{buffer.Readings: 200})
		if lost, odd := missing(p.got, buffer.Readings, 200); lost != 0 || odd != 0 {
			t.Errorf("failure at %d: %d lost, %d with a prev that never came", failAt, lost, odd)
		}
		if len(p.got) <= 200 || p.sessions != 2 {
			t.Errorf("failure at %d: %d messages over %d sessions, want doubles and 2", failAt, len(p.got), p.sessions)
		}
	}
}

// TestLedgerSeesEarlyConfirmation is the negative control.
func TestLedgerSeesEarlyConfirmation(t *testing.T) {
	b, p := open(t), &far{failAt: 3, early: true}
	fill(t, b, buffer.Readings, 200)
	run(t, b, p, one{}, [3]uint64{buffer.Readings: 200})
	if lost, odd := missing(p.got, buffer.Readings, 200); lost == 0 || odd == 0 {
		t.Errorf("%d lost, %d odd: the check does not see a confirmation that came too early", lost, odd)
	}
}

func TestAlarmsBeforeEventsBeforeReadings(t *testing.T) {
	b, p := open(t), &far{}
	fill(t, b, buffer.Readings, 100)
	fill(t, b, buffer.Events, 20)
	fill(t, b, buffer.Alarms, 20)
	run(t, b, p, one{}, [3]uint64{20, 20, 100})
	for i, m := range p.got {
		want := buffer.Readings
		if i < 20 {
			want = buffer.Alarms
		} else if i < 40 {
			want = buffer.Events
		}
		var name string
		if fmt.Sscan(m, &name); name != want.String() {
			t.Fatalf("message %d is %q, want one of %v", i, m, want)
		}
	}
}

func TestUnreadableRecordIsGivenUp(t *testing.T) {
	b, p := open(t), &far{}
	fill(t, b, buffer.Readings, 50)
	s := run(t, b, p, one{bad: 20}, [3]uint64{buffer.Readings: 50})
	if len(p.got) != 49 || s.GivenUp[buffer.Readings] != 1 || s.Records[buffer.Readings] != 49 {
		t.Errorf("%d messages, stats %+v; want 49 and one given up", len(p.got), s)
	}
}

func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		refuse error
		want   []time.Duration
	}{
		{errors.New("no route"), []time.Duration{1, 2, 4, 8, 16, 32, 60, 60}},
		{fmt.Errorf("say: %w", link.ErrRefused), []time.Duration{300, 300}},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &far{refuse: c.refuse}
			f, err := New(Options{Platform: "city", Source: empty{}, Dialer: p, Encoder: one{},
				Jitter: func(ceiling time.Duration) time.Duration { return ceiling }})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- f.Run(ctx) }()
			var total time.Duration
			for _, d := range c.want {
				total += d * time.Second
			}
			<-time.After(total + time.Second)
			cancel()
			<-ended
			for i, d := range c.want {
				if got := p.dials[i+1].Sub(p.dials[i]); got != d*time.Second {
					t.Errorf("wait %d: %v, want %v", i, got, d*time.Second)
				}
			}
		})
	}
}

// empty has no records.
type empty struct{}

func (empty) Next(string, buffer.Lane, buffer.Position, int, int) ([]buffer.Entry, error) {
	return nil, nil
}
func (empty) Appended(buffer.Lane) <-chan struct{}                                 { return nil }
func (empty) Cursor(string, buffer.Lane) buffer.Position                           { return buffer.Position{} }
func (empty) Confirm(string, buffer.Lane, buffer.Position) error                   { return nil }
func (empty) GiveUp(string, buffer.Lane, buffer.Position, buffer.LossReason) error { return nil }
