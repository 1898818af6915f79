package forward

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/link"
	"watchpost/buffer"
)

// ledger is what a platform got, by whatever way, and who was sending.
type ledger struct {
	mu      sync.Mutex
	arrived []arrival
	busy    map[string]int // sends of lanes under way, by way
	both    int            // times two ways were sending at once
}

type arrival struct {
	way, body string
	at        time.Time
}

// first is each record's first arrival; doubles counts the others, and odd those
// that differ from the first.
func (l *ledger) sorted(lane buffer.Lane) (first []uint64, doubles, odd int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := map[uint64]string{}
	for _, a := range l.arrived {
		var name string
		var prev, seq uint64
		if n, _ := fmt.Sscan(a.body, &name, &prev, &seq); n != 3 || name != lane.String() {
			continue
		}
		was, double := seen[seq]
		switch {
		case !double:
			seen[seq] = a.body
			first = append(first, seq)
		case was != a.body:
			odd++
			doubles++
		default:
			doubles++
		}
	}
	return first, doubles, odd
}

// flaw says what is wrong with a lane of n records; empty when nothing is.
func flaw(first []uint64, odd, n int) string {
	for i, seq := range first {
		if seq != uint64(i+1) {
			return fmt.Sprintf("arrival %d is of seq %d", i+1, seq)
		}
	}
	if len(first) != n {
		return fmt.Sprintf("%d of %d records came", len(first), n)
	}
	if odd > 0 {
		return fmt.Sprintf("%d doubles are not the same", odd)
	}
	return ""
}

func (l *ledger) by(way string, from, to time.Time) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.arrived {
		if a.way == way && !a.at.Before(from) && a.at.Before(to) {
			n++
		}
	}
	return n
}

// way is one way to the platform. What it carries arrives after half its delay
// and is confirmed after all of it.
type way struct {
	name   string
	ledger *ledger

	mu      sync.Mutex
	delay   time.Duration
	lies    bool          // confirms and throws away: the broken promise
	blocked chan struct{} // closed when the way is open again; nil: it is
	mute    bool          // accepts connections and documents, confirms no lane
	fails   error         // of every dial
	dials   int
	road    *road // dialled last
}

// cut ends the connection that is there.
func (w *way) cut() {
	w.mu.Lock()
	r := w.road
	w.mu.Unlock()
	if r != nil {
		r.Close()
	}
}

func (w *way) block() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blocked = make(chan struct{})
}

func (w *way) open() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.blocked != nil {
		close(w.blocked)
	}
	w.blocked = nil
}

// set changes what the way does.
func (w *way) set(edit func(w *way)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	edit(w)
}

func (w *way) isBlocked() (blocked chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.blocked
}

func (w *way) Dial(ctx context.Context, _ link.Opening) (link.Link, error) {
	w.mu.Lock()
	w.dials++
	fails := w.fails
	w.mu.Unlock()
	if fails != nil {
		return nil, fails
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if blocked := w.isBlocked(); blocked != nil { // packets vanish
		<-ctx.Done()
		return nil, errors.New("no answer within 30s")
	}
	r := &road{way: w, done: make(chan struct{})}
	w.set(func(w *way) { w.road = r })
	return r, nil
}

type road struct {
	way  *way
	once sync.Once
	done chan struct{}
}

func (r *road) Done() <-chan struct{} { return r.done }
func (*road) Err() error              { return nil }
func (r *road) Close() error          { r.once.Do(func() { close(r.done) }); return nil }

func (r *road) Send(ctx context.Context, batch []link.Message) (n int, err error) {
	if !batch[0].Retained {
		defer r.way.ledger.sending(r.way.name)()
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for _, m := range batch {
		if err := r.carry(ctx, m); err != nil {
			r.Close()
			return n, err
		}
		n++
	}
	return n, nil
}

func (r *road) carry(ctx context.Context, m link.Message) error {
	w := r.way
	w.mu.Lock()
	blocked, mute, lies, delay := w.blocked, w.mute, w.lies, w.delay
	w.mu.Unlock()
	if blocked != nil || mute && !m.Retained {
		select {
		case <-ctx.Done():
		case <-r.done:
		}
		return errors.New("no confirmation")
	}
	if !pause(ctx, delay/2) {
		return ctx.Err()
	}
	if !lies && !m.Retained {
		w.ledger.take(arrival{w.name, string(m.Payload), time.Now()})
	}
	if blocked := w.isBlocked(); blocked != nil {
		select { // it arrived, and the confirmation vanishes
		case <-ctx.Done():
		case <-r.done:
		}
		return errors.New("no confirmation")
	}
	if !pause(ctx, delay/2) {
		return ctx.Err()
	}
	return nil
}

func (l *ledger) take(a arrival) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.arrived = append(l.arrived, a)
}

func (l *ledger) sending(way string) (ended func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy[way]++
	for other, n := range l.busy {
		if other != way && n > 0 {
			l.both++
		}
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.busy[way]--
	}
}

// statement is the one document of a gateway.
type statement struct{ noDocuments }

func (statement) Opening(session uint64) []link.Message {
	return []link.Message{{Topic: "state", Payload: fmt.Append(nil, session), Retained: true}}
}

// outage is a Forwarder with two ways, fed a reading a second, an event every ten
// and an alarm every thirty.
type outage struct {
	t           *testing.T
	mqtt, https *way
	ledger      *ledger
	memory      *memory
	begun       time.Time
	fed         int
	mu          sync.Mutex
	states      []State
}

func twoWays(t *testing.T, body func(o *outage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{busy: map[string]int{}}
		o := &outage{
			t: t, ledger: l, memory: &memory{}, begun: time.Now(),
			mqtt:  &way{name: "mqtt", ledger: l, delay: 200 * time.Millisecond},
			https: &way{name: "https", ledger: l, delay: 100 * time.Millisecond},
		}
		forwarding(t, Options{
			Source: o.memory, Dialer: o.mqtt, Second: o.https, Documents: statement{},
			OnState: func(s State) {
				o.mu.Lock()
				defer o.mu.Unlock()
				o.states = append(o.states, s)
			},
		}, func(*testing.T) { body(o) })
	}) // which fails when a goroutine is left
}

// feed appends records for d.
func (o *outage) feed(d time.Duration) {
	for range int(d / time.Second) {
		<-time.After(time.Second)
		o.fed++
		o.memory.add(buffer.Readings, 1, true)
		if o.fed%10 == 0 {
			o.memory.add(buffer.Events, 1, true)
		}
		if o.fed%30 == 0 {
			o.memory.add(buffer.Alarms, 1, true)
		}
	}
}

// settle waits long enough for everything to be sent.
func (o *outage) settle() { <-time.After(5 * time.Minute) }

// complete holds the ledger to the promise, and says how many doubles there are.
func (o *outage) complete() (doubles int) {
	o.t.Helper()
	for lane, n := range map[buffer.Lane]int{buffer.Readings: o.fed, buffer.Events: o.fed / 10, buffer.Alarms: o.fed / 30} {
		first, twice, odd := o.ledger.sorted(lane)
		doubles += twice
		if f := flaw(first, odd, n); f != "" {
			o.t.Errorf("%v: %s", lane, f)
		}
		if at := o.memory.Cursor("", lane).Seq; at != uint64(n) {
			o.t.Errorf("%v: cursor %d, want %d", lane, at, n)
		}
	}
	if o.ledger.both > 0 {
		o.t.Errorf("%d times two ways were sending at once", o.ledger.both)
	}
	return doubles
}

func (o *outage) state() State {
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.states[len(o.states)-1]
}

func (o *outage) at(d time.Duration) time.Time { return o.begun.Add(d) }

func TestMQTTBlockedForTenMinutes(t *testing.T) {
	twoWays(t, func(o *outage) {
		o.feed(5*time.Minute + 100*time.Millisecond)
		if s := o.state(); !s.Connected || s.Second {
			t.Errorf("before: %+v", s)
		}
		<-time.After(50 * time.Millisecond) // a batch is in flight
		o.mqtt.block()
		o.feed(time.Minute)
		if s := o.state(); s.Connected || s.Second {
			t.Errorf("a minute after: %+v, want neither way", s)
		}
		o.feed(9 * time.Minute)
		if s := o.state(); s.Connected || !s.Second || s.Session < 2 {
			t.Errorf("after ten minutes: %+v, want the second way and attempts on the first", s)
		}
		if n := o.ledger.by("https", o.at(8*time.Minute), o.at(15*time.Minute)); n < 7*60 {
			t.Errorf("%d messages by HTTPS in its seven minutes, want all", n)
		}
		o.mqtt.open()
		o.feed(5 * time.Minute)
		if s := o.state(); !s.Connected || s.Second {
			t.Errorf("after it came back: %+v, want the first way", s)
		}
		if n := o.ledger.by("https", o.at(17*time.Minute), o.at(time.Hour)); n > 0 {
			t.Errorf("%d messages by HTTPS although MQTT was back", n)
		}
		o.settle()
		t.Logf("%d doubles of %d", o.complete(), len(o.ledger.arrived))
	})
}

// TestHandOverInFlight opens the first way again and again in the middle of what
// the second has in flight, and blocks it in the middle of the first's.
func TestHandOverInFlight(t *testing.T) {
	twoWays(t, func(o *outage) {
		o.https.set(func(w *way) { w.delay = 3 * time.Second }) // longer than the goodbye
		for i := range 12 {
			o.mqtt.block()
			o.feed(4 * time.Minute)
			<-time.After(time.Duration(i) * 137 * time.Millisecond)
			o.mqtt.open()
			o.feed(time.Minute)
			<-time.After(time.Duration(i) * 61 * time.Millisecond)
		}
		o.settle()
		if doubles := o.complete(); doubles == 0 {
			t.Error("no doubles: nothing was in flight at any change of way")
		} else {
			t.Logf("%d doubles of %d", doubles, len(o.ledger.arrived))
		}
	})
}

func TestFlapping(t *testing.T) {
	twoWays(t, func(o *outage) {
		for range 40 {
			o.mqtt.block()
			o.feed(25 * time.Second)
			o.mqtt.open()
			o.feed(70 * time.Second)
		}
		o.settle()
		o.complete()
		if n := o.ledger.by("https", o.begun, o.at(24*time.Hour)); n > 0 {
			t.Errorf("%d messages by HTTPS, although MQTT was never away for two minutes", n)
		}
	})
}

// A broker that takes connections and documents and confirms no record is no way.
func TestMuteFirstWay(t *testing.T) {
	twoWays(t, func(o *outage) {
		o.mqtt.set(func(w *way) { w.mute = true })
		o.feed(30 * time.Minute)
		if n := o.ledger.by("https", o.begun, o.at(30*time.Minute)); n < 25*60 {
			t.Errorf("%d messages in half an hour, want nearly all by HTTPS", n)
		}
		o.mqtt.set(func(w *way) { w.mute = false })
		o.settle()
		o.complete()
	})
}

func TestBothWaysBlocked(t *testing.T) {
	twoWays(t, func(o *outage) {
		o.mqtt.block()
		o.https.block()
		o.feed(20 * time.Minute)
		if s := o.state(); s.Connected || s.Second || s.SecondError == "" {
			t.Errorf("%+v, want neither way and both reasons", s)
		}
		o.https.set(func(w *way) {
			if w.dials > 40 {
				t.Errorf("%d attempts on the second way in 20 minutes", w.dials)
			}
		})
		o.https.open()
		o.feed(3 * time.Minute)
		if s := o.state(); !s.Second || s.SecondError != "" {
			t.Errorf("%+v, want the second way", s)
		}
		o.mqtt.open()
		o.settle()
		o.complete()
	})
}

// TestLedgerCanFail is the negative control of the tests above.
func TestLedgerCanFail(t *testing.T) {
	twoWays(t, func(o *outage) {
		o.https.set(func(w *way) { w.lies = true })
		o.mqtt.block()
		o.feed(5 * time.Minute)
		o.mqtt.open()
		o.settle()
		first, _, odd := o.ledger.sorted(buffer.Readings)
		if flaw(first, odd, o.fed) == "" {
			t.Error("the ledger is complete although HTTPS confirmed what it threw away")
		}
	})
	for name, f := range map[string]string{
		"order": flaw([]uint64{1, 3, 2}, 0, 3), "gap": flaw([]uint64{1, 2}, 0, 3), "changed": flaw([]uint64{1}, 1, 1),
	} {
		if f == "" {
			t.Errorf("%s is not seen", name)
		}
	}
	l := &ledger{busy: map[string]int{}}
	l.sending("mqtt")
	l.sending("https")
	if l.both != 1 {
		t.Error("two senders are not seen")
	}
}
