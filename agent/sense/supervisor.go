package sense

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/record"
	"watchpost/drivers"
)

// The limits of supervision.
const (
	// minDeadline lets a slow bus answer even when a sensor is sampled fast.
	minDeadline = 2 * time.Second
	// lateness is what an orderly driver may take, past its deadline, to say
	// itself what was late.
	lateness = 500 * time.Millisecond
	// A sensor that is plugged in again is seen within cheapBackoff, as long as
	// asking it in vain costs its bus no more than share of that time. Asking a
	// dead slave of a slow serial line costs a whole timeout: then it waits
	// longer, up to maxBackoff. So thirty dead ones leave most of a bus to the
	// living.
	cheapBackoff = 10 * time.Second
	maxBackoff   = 30 * time.Second
	share        = 100
	// patience is how many failures in a row are retried at the normal pace:
	// one bad frame on a long cable is no reason to slow down.
	patience = 3
	// silence is how many periods a watcher may say nothing before it counts
	// as stuck.
	silence = 3
	// shortest is the shortest period that is kept.
	shortest = 10 * time.Millisecond
)

// Sensor is one configured thing that is read.
type Sensor struct {
	ID string
	// Quantities is what a failure is said of.
	Quantities []drivers.Quantity
	// Sampler is asked every Every; Watcher, when there is one, speaks by
	// itself instead, at least every Every.
	Sampler drivers.Sampler
	Watcher drivers.Watcher
	Every   time.Duration
	Report  Policy
}

// Observation is one stamped reading and what the report policy says of it. Its
// Token is always zero: what was presented is in Card.
type Observation struct {
	record.Reading
	Due bool // to be recorded and sent
	// Card is what was presented to a reader just now; nil otherwise.
	Card *record.Card
	// Folded is how many readings of this sensor were left out since its last
	// observation, because it spoke too fast. 0 for a sensor in order.
	Folded uint64
	// Err is what the driver said of a fault, for whoever checks the wiring; nil
	// otherwise. It is never recorded or sent.
	Err error
}

// Supervisor reads sensors. Make one with New; Run it once.
type Supervisor struct {
	clock      *clock.Clock
	sink       func(Observation)
	inAlarm    func(sensor string) bool
	pseudonyms atomic.Pointer[Pseudonyms]
	log        *slog.Logger

	// mu makes the order of obs the order of sink calls.
	mu  sync.Mutex
	obs uint64
}

// New makes a supervisor that hands each observation to sink, one at a time and
// in obs order. While sink blocks, sensors wait. inAlarm says which sensors have
// an active alarm and are reported faster; it is asked at each observation and
// must be quick; nil says none. Presentations have no identity until Identify.
func New(clk *clock.Clock, sink func(Observation), inAlarm func(sensor string) bool, log *slog.Logger) *Supervisor {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if inAlarm == nil {
		inAlarm = func(string) bool { return false }
	}
	return &Supervisor{clock: clk, sink: sink, inAlarm: inAlarm, log: log}
}

// Identify gives presentations their pseudonyms from now on. It may be called at
// any time.
func (s *Supervisor) Identify(p *Pseudonyms) *Supervisor {
	s.pseudonyms.Store(p)
	return s
}

// Run reads the sensors until ctx ends. It returns when every sensor has been
// let go; a driver call that is stuck in the kernel is left behind after its
// deadline.
func (s *Supervisor) Run(ctx context.Context, sensors []Sensor) {
	var wg sync.WaitGroup
	for _, sensor := range sensors {
		sensor.Every = max(sensor.Every, shortest)
		w := &watch{
			Sensor: sensor, supervisor: s, log: s.log.With("sensor", sensor.ID),
			reports: map[drivers.Quantity]report{},
		}
		if sensor.Watcher != nil {
			wg.Go(func() { w.listen(ctx) })
		} else {
			wg.Go(func() { w.poll(ctx) })
		}
	}
	wg.Wait()
}

// watch is the supervision of one sensor, in one goroutine.
type watch struct {
	Sensor
	supervisor *Supervisor
	log        *slog.Logger
	reports    map[drivers.Quantity]report
	failures   int
	cost       time.Duration // what the last failure took
	folded     uint64        // readings left out since the last observation
}

// poll asks a Sampler every Every, later when it keeps failing.
func (w *watch) poll(ctx context.Context) {
	// Sensors of one bus should not all ask in the same instant.
	timer := time.NewTimer(rand.N(min(w.Every, 100*time.Millisecond)))
	defer timer.Stop()
	var pending chan sample
	for {
		select {
		case <-ctx.Done():
			letGo(pending)
			return
		case <-timer.C:
		}
		due := time.Now()
		pending = w.round(ctx, pending)
		w.cost = time.Since(due)
		timer.Reset(max(0, time.Until(due.Add(w.pause()))))
	}
}

// sample is what one driver call returned.
type sample struct {
	readings []drivers.Reading
	err      error
}

// ask starts one driver call, which may outlive its deadline.
func (w *watch) ask(ctx context.Context) chan sample {
	answer := make(chan sample, 1)
	go func() {
		ctx, cancel := context.WithTimeout(ctx, w.deadline())
		defer cancel()
		readings, err := guard(func() ([]drivers.Reading, error) { return w.Sampler.Sample(ctx) })
		answer <- sample{readings, err}
	}()
	return answer
}

// round is one attempt to read the sensor. It returns the call that is still
// out. Nothing is asked on top of that: a second call would only be stuck too.
func (w *watch) round(ctx context.Context, pending chan sample) chan sample {
	// The answer to a call that was said to be stuck is dropped: nobody knows
	// when its value was measured.
	if pending != nil {
		if _, ok := w.await(ctx, pending); !ok {
			return pending
		}
	}
	pending = w.ask(ctx)
	a, ok := w.await(ctx, pending)
	if !ok {
		return pending
	}
	if ctx.Err() == nil {
		w.take(a)
	}
	return nil
}

// await waits for an answer and says of a call that is past its deadline that
// it is stuck.
func (w *watch) await(ctx context.Context, answer <-chan sample) (a sample, ok bool) {
	limit := time.NewTimer(w.deadline() + lateness)
	defer limit.Stop()
	select {
	case <-ctx.Done():
		return a, false
	case a := <-answer:
		return a, true
	case <-limit.C:
		w.fail(drivers.Because(drivers.Stuck, fmt.Errorf("sample sensor %s: no answer within %v", w.ID, w.deadline())))
		return a, false
	}
}

// take hands on what a driver call returned.
func (w *watch) take(a sample) {
	if a.err == nil && len(a.readings) == 0 {
		a.err = errors.New("driver returned neither a reading nor an error")
	}
	if a.err != nil {
		w.fail(a.err)
		return
	}
	w.succeed()
	for _, r := range a.readings {
		w.observe(r)
	}
}

// observe hands on one reading.
func (w *watch) observe(r drivers.Reading) { w.hand(r, nil) }

// hand stamps one reading, takes the card's number out of it and hands it on.
func (w *watch) hand(r drivers.Reading, cause error) {
	s := w.supervisor
	card := s.pseudonyms.Load().card(r.Token)
	r.Token = drivers.Token{}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.obs++
	reading := record.Reading{Sensor: w.ID, Obs: s.obs, At: s.clock.Now(), Reading: r}
	last := w.reports[r.Quantity]
	why := w.Report.due(last, reading, w.Every, s.inAlarm(w.ID))
	if why != notDue {
		w.reports[r.Quantity] = last.next(reading, why)
	}
	folded := w.folded
	w.folded = 0
	s.sink(Observation{Reading: reading, Due: why != notDue, Card: card, Folded: folded, Err: cause})
}

// fail says of every quantity that it cannot be read. The first of a row of
// failures is logged, the others are the same news.
func (w *watch) fail(err error) {
	w.failures++
	if w.failures == 1 {
		w.log.Warn("sensor cannot be read", "reason", drivers.ReasonOf(err), "err", err)
	}
	for _, q := range w.Quantities {
		w.hand(drivers.NewFault(q, drivers.ReasonOf(err)), err)
	}
}

func (w *watch) succeed() {
	if w.failures > 0 {
		w.log.Info("sensor is read again", "failures", w.failures)
	}
	w.failures = 0
}

// deadline is what one call may take: a few periods, and never so little that
// a slow bus looks dead.
func (w *watch) deadline() time.Duration { return max(w.Every, minDeadline) }

// pause is the time from one call to the next: the period, and after repeated
// failures twice as long each time, with jitter, so that a dead sensor takes
// less and less of its bus.
func (w *watch) pause() time.Duration {
	if w.failures <= patience {
		return w.Every
	}
	longest := max(w.Every, min(max(cheapBackoff, w.cost*share), maxBackoff))
	doubled := w.Every << min(w.failures-patience, 16)
	if doubled <= 0 || doubled > longest {
		doubled = longest
	}
	return doubled - rand.N(doubled/4+1)
}

// letGo waits a moment for a driver call to come back after its context ended.
// One that is stuck in the kernel is abandoned.
func letGo[T any](answer <-chan T) {
	if answer == nil {
		return
	}
	grace := time.NewTimer(time.Second)
	defer grace.Stop()
	select {
	case <-answer:
	case <-grace.C:
	}
}

// guard turns a panic of a driver into an error: one bad driver must not take
// the others with it.
func guard(call func() ([]drivers.Reading, error)) (readings []drivers.Reading, err error) {
	defer func() {
		if p := recover(); p != nil {
			readings, err = nil, fmt.Errorf("driver panicked: %v", p)
		}
	}()
	return call()
}
