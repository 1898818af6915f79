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

// readingBytes is what one reading adds to a message.
const readingBytes = 130

// heavy makes messages as large as real ones: one alarm or event of 400 bytes,
// up to a hundred readings. A payload begins "lane prev first last".
type heavy struct{}

func (heavy) Encode(lane buffer.Lane, prev buffer.Position, entries []buffer.Entry) (link.Message, int, error) {
	n, size := 1, 400
	if lane == buffer.Readings {
		n = min(100, len(entries))
		size = 200 + n*readingBytes
	}
	payload := fmt.Appendf(make([]byte, 0, size), "%v %d %d %d ", lane, prev.Seq, entries[0].Seq, entries[n-1].Seq)
	return link.Message{Topic: lane.String(), Payload: payload[:size]}, n, nil
}

// pipe is a platform at the end of one pipe: what is handed over first arrives
// first, however long that takes.
type pipe struct {
	trip time.Duration // there and back
	rate int           // bytes a second; 0: without limit

	mu     sync.Mutex
	free   time.Time // when the last byte handed over will have left
	handed []delivery
}

type delivery struct {
	message     string
	at, arrived time.Time // handed over, and come out
}

func (p *pipe) Dial(context.Context, link.Opening) (link.Link, error) {
	return &pipeLink{pipe: p, done: make(chan struct{})}, nil
}

type pipeLink struct {
	pipe *pipe
	once sync.Once
	done chan struct{}
}

func (l *pipeLink) Done() <-chan struct{} { return l.done }
func (*pipeLink) Err() error              { return nil }
func (l *pipeLink) Close() error          { l.once.Do(func() { close(l.done) }); return nil }

func (l *pipeLink) Send(ctx context.Context, batch []link.Message) (int, error) {
	p := l.pipe
	p.mu.Lock()
	now := time.Now()
	if p.free.Before(now) {
		p.free = now
	}
	for _, m := range batch {
		if p.rate > 0 {
			p.free = p.free.Add(time.Duration(len(m.Payload)) * time.Second / time.Duration(p.rate))
		}
		head, _, _ := strings.Cut(string(m.Payload), "\x00")
		p.handed = append(p.handed, delivery{head, now, p.free.Add(p.trip / 2)})
	}
	confirmed := p.free.Add(p.trip)
	p.mu.Unlock()
	if !pause(ctx, time.Until(confirmed)) {
		return 0, ctx.Err()
	}
	return len(batch), nil
}

// overtaking drains a backlog through the pipe, lets ten urgent records happen
// in a lane, and returns how long the slowest of them took to come out, and what
// was handed over ahead of one of them although it came later.
func overtaking(t *testing.T, p *pipe, within time.Duration, lane buffer.Lane) (slowest time.Duration, ahead int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.add(buffer.Readings, 100_000, true)
		var raised []time.Time
		forwarding(t, Options{Source: m, Dialer: p, Encoder: heavy{}, InFlight: within}, func(t *testing.T) {
			<-time.After(30 * time.Second)
			for range 10 {
				raised = append(raised, time.Now())
				m.add(lane, 1, true)
				<-time.After(time.Minute + 7300*time.Millisecond)
			}
		})
		p.mu.Lock()
		defer p.mu.Unlock()
		for i, at := range raised {
			seq := uint64(i + 1)
			if lane == buffer.Readings {
				seq += 100_000
			}
			came := at.Add(time.Hour) // it never did
			for _, d := range p.handed {
				var name string
				var prev, first, last uint64
				fmt.Sscan(d.message, &name, &prev, &first, &last)
				if name == lane.String() && first <= seq && seq <= last {
					came = d.arrived
					break
				}
				if d.at.After(at) {
					ahead++
				}
			}
			slowest = max(slowest, came.Sub(at))
		}
		if odd := oddPrev(p.handed); odd > 0 {
			t.Errorf("%d messages with a prev that is not the record before", odd)
		}
	})
	return slowest, ahead
}

// oddPrev counts the messages whose prev is not the last record sent before them
// in their lane.
func oddPrev(handed []delivery) (odd int) {
	before := map[string]uint64{}
	for _, d := range handed {
		var name string
		var prev, first, last uint64
		fmt.Sscan(d.message, &name, &prev, &first, &last)
		if prev != before[name] || first != prev+1 {
			odd++
		}
		before[name] = last
	}
	return odd
}

// An alarm comes out of a slow link soon, and nothing that is not yet handed over
// goes before it.
func TestAlarmOvertakesOnASlowLink(t *testing.T) {
	for _, c := range []struct {
		rate   int
		trip   time.Duration
		within time.Duration // for an alarm
	}{
		{2500, 600 * time.Millisecond, 3 * time.Second}, // GPRS
		{10_000, 300 * time.Millisecond, 1500 * time.Millisecond},
		{100_000, 100 * time.Millisecond, time.Second},
		{0, time.Second, 600 * time.Millisecond},
	} {
		slowest, ahead := overtaking(t, &pipe{rate: c.rate, trip: c.trip}, 0, buffer.Alarms)
		if slowest > c.within || ahead > 0 {
			t.Errorf("%d bytes/s, round trip %v: an alarm took %v, want at most %v; %d messages handed over later went before it", c.rate, c.trip, slowest, c.within, ahead)
		}
		t.Logf("%d bytes/s, round trip %v: slowest alarm %v", c.rate, c.trip, slowest)
	}
}

// The same check sees a window without bound, and an alarm that overtakes nothing.
func TestOvertakingIsSeen(t *testing.T) {
	if slowest, _ := overtaking(t, &pipe{rate: 2500, trip: 600 * time.Millisecond}, time.Hour, buffer.Alarms); slowest < 10*time.Second {
		t.Errorf("without a bound an alarm took %v only", slowest)
	}
	if slowest, ahead := overtaking(t, &pipe{rate: 2500, trip: 600 * time.Millisecond}, 0, buffer.Readings); slowest < 10*time.Second || ahead == 0 {
		t.Errorf("in the lane of readings an alarm took %v only, %d messages before it", slowest, ahead)
	}
}

// drained is how many bytes of readings a second a pipe carries in two minutes.
func drained(t *testing.T, p *pipe, within time.Duration) (rate float64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.add(buffer.Readings, 200_000, true)
		forwarding(t, Options{Source: m, Dialer: p, Encoder: heavy{}, InFlight: within}, func(t *testing.T) {
			<-time.After(2 * time.Minute)
		})
		rate = float64(m.Cursor("", buffer.Readings).Seq*readingBytes) / (2 * time.Minute).Seconds()
	})
	return rate
}

func TestWindowLeavesTheLinkMostlyUsed(t *testing.T) {
	for _, c := range []struct {
		rate  int
		trip  time.Duration
		share float64 // of what it carries with an unbounded window
	}{
		{2500, 600 * time.Millisecond, 0.6},
		{10_000, 300 * time.Millisecond, 0.6},
		{100_000, 100 * time.Millisecond, 0.8},
		{0, 600 * time.Millisecond, 0.9}, // satellite
	} {
		all := drained(t, &pipe{rate: c.rate, trip: c.trip}, time.Hour)
		got := drained(t, &pipe{rate: c.rate, trip: c.trip}, 0)
		if got < c.share*all {
			t.Errorf("%d bytes/s, round trip %v: %.0f bytes of readings a second, %.0f with an unbounded window", c.rate, c.trip, got, all)
		}
		t.Logf("%d bytes/s, round trip %v: %.0f bytes of readings a second, %.2f of unbounded", c.rate, c.trip, got, got/all)
	}
}

// A way whose round trip grows is not taken for a slow one for ever.
func TestWindowFollowsTheRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := window{within: time.Second / 2}
		send := func(trip time.Duration) {
			<-time.After(trip)
			w.took(w.limit(), trip)
		}
		for range 10 {
			send(50 * time.Millisecond)
		}
		if got := w.limit(); got != readMost {
			t.Fatalf("fast: %d records, want %d", got, readMost)
		}
		for range 10 {
			send(2 * time.Second)
		}
		if got := w.limit(); got > readMost/2 {
			t.Errorf("twenty seconds later: %d records, want fewer", got)
		}
		for range 60 {
			send(2 * time.Second)
		}
		if got := w.limit(); got != readMost {
			t.Errorf("two minutes later: %d records, want %d again", got, readMost)
		}
	})
}

// slowly takes a second to encode readings.
type slowly struct{ heavy }

func (s slowly) Encode(lane buffer.Lane, prev buffer.Position, entries []buffer.Entry) (link.Message, int, error) {
	if lane == buffer.Readings {
		<-time.After(time.Second)
	}
	return s.heavy.Encode(lane, prev, entries)
}

func TestAlarmGoesBeforeWhatIsBeingEncoded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, p := &memory{}, &pipe{trip: 100 * time.Millisecond}
		m.add(buffer.Readings, 100, true)
		forwarding(t, Options{Source: m, Dialer: p, Encoder: slowly{}}, func(t *testing.T) {
			<-time.After(500 * time.Millisecond)
			m.add(buffer.Alarms, 1, true)
			<-time.After(450 * time.Millisecond) // it is confirmed, and another
			m.add(buffer.Alarms, 1, true)        // is on its way when the readings are encoded
			<-time.After(time.Minute)
		})
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.handed) < 3 || !strings.HasPrefix(p.handed[1].message, "alarms") || !strings.HasPrefix(p.handed[2].message, "readings") {
			t.Fatalf("handed over: %v", p.handed)
		}
		if gap := p.handed[2].at.Sub(p.handed[1].at); gap != p.trip {
			t.Errorf("the readings were handed over %v after the second alarm, want its round trip of %v", gap, p.trip)
		}
	})
}
