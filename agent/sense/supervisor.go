package sense

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
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
	// maxBackoff keeps a sensor that comes back from waiting long to be seen.
	maxBackoff = 30 * time.Second
	// patience is how many failures in a row are retried at the normal pace:
	// one bad frame on a long cable is no reason to slow down.
	patience = 3
	// silence is how many periods a watcher may say nothing before it counts
	// as stuck.
	silence = 3
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

// Observation is one stamped reading and what the report policy says of it.
type Observation struct {
	record.Reading
	Due bool // to be recorded and sent
}

// Supervisor reads sensors. Make one with New; Run it once.
type Supervisor struct {
	clock   *clock.Clock
	sink    func(Observation)
	inAlarm func(sensor string) bool
	log     *slog.Logger

	// mu makes the order of obs the order of sink calls.
	mu  sync.Mutex
	obs uint64
}

// New makes a supervisor that hands each observation to sink, one at a time and
// in obs order. While sink blocks, sensors wait. inAlarm says which sensors have
// an active alarm and are reported faster; nil says none.
func New(clk *clock.Clock, sink func(Observation), inAlarm func(sensor string) bool, log *slog.Logger) *Supervisor {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if inAlarm == nil {
		inAlarm = func(string) bool { return false }
	}
	return &Supervisor{clock: clk, sink: sink, inAlarm: inAlarm, log: log}
}

// Run reads the sensors until ctx ends. It returns when every sensor has been
// let go; a driver call that is stuck in the kernel is left behind after its
// deadline.
func (s *Supervisor) Run(ctx context.Context, sensors []Sensor) {
	var wg sync.WaitGroup
	for _, sensor := range sensors {
		w := &watch{Sensor: sensor, supervisor: s, log: s.log.With("sensor", sensor.ID), reports: map[drivers.Quantity]report{}}
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
		if pending == nil {
			pending = w.ask(ctx)
		}
		if w.await(ctx, pending) {
			pending = nil
		}
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

// await hands on the answer and reports whether there was one. A call that is
// past its deadline is said to be stuck, and waited for again next time: a
// second call on top of it would only be stuck too.
func (w *watch) await(ctx context.Context, answer <-chan sample) bool {
	limit := time.NewTimer(w.deadline() + lateness)
	defer limit.Stop()
	select {
	case <-ctx.Done():
		return false
	case a := <-answer:
		if ctx.Err() != nil {
			return true
		}
		if a.err == nil && len(a.readings) == 0 {
			a.err = errors.New("driver returned neither a reading nor an error")
		}
		if a.err != nil {
			w.fail(a.err)
			return true
		}
		w.succeed()
		for _, r := range a.readings {
			w.observe(r)
		}
		return true
	case <-limit.C:
		w.fail(drivers.Because(drivers.Stuck, fmt.Errorf("sample sensor %s: no answer within %v", w.ID, w.deadline())))
		return false
	}
}

// listen runs a Watcher, again and again when it fails, and says so when it
// falls silent.
func (w *watch) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := w.hear(ctx)
		if ctx.Err() != nil {
			return
		}
		w.fail(err)
		timer := time.NewTimer(w.pause())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// hear is one life of a Watcher.
func (w *watch) hear(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	heard := make(chan drivers.Reading)
	ended := make(chan error, 1)
	go func() {
		_, err := guard(func() ([]drivers.Reading, error) {
			return nil, w.Watcher.Watch(ctx, func(r drivers.Reading) {
				select {
				case heard <- r:
				case <-ctx.Done():
				}
			})
		})
		if err == nil {
			err = errors.New("driver stopped watching without an error")
		}
		ended <- err
	}()
	defer func() { letGo(ended) }()
	defer cancel()
	limit := time.NewTimer(w.deadline() * silence)
	defer limit.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case r := <-heard:
			limit.Reset(w.deadline() * silence)
			w.succeed()
			w.observe(r)
		case err := <-ended:
			ended = nil // nothing more to let go
			return err
		case <-limit.C:
			w.fail(drivers.Because(drivers.Stuck, fmt.Errorf("watch sensor %s: silent for %v", w.ID, w.deadline()*silence)))
			limit.Reset(w.deadline() * silence)
		}
	}
}

// observe stamps one reading and hands it on.
func (w *watch) observe(r drivers.Reading) {
	s := w.supervisor
	s.mu.Lock()
	defer s.mu.Unlock()
	s.obs++
	reading := record.Reading{Sensor: w.ID, Obs: s.obs, At: s.clock.Now(), Reading: r}
	last, seen := w.reports[r.Quantity]
	due := !seen || w.Report.due(last, reading, w.Every, s.inAlarm(w.ID))
	if due {
		w.reports[r.Quantity] = report{reading: r, at: reading.At.Offset}
	}
	s.sink(Observation{Reading: reading, Due: due})
}

// fail says of every quantity that it cannot be read. The first of a row of
// failures is logged, the others are the same news.
func (w *watch) fail(err error) {
	w.failures++
	if w.failures == 1 {
		w.log.Warn("sensor cannot be read", "reason", drivers.ReasonOf(err), "err", err)
	}
	for _, q := range w.Quantities {
		w.observe(drivers.NewFault(q, drivers.ReasonOf(err)))
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
	doubled := w.Every << min(w.failures-patience, 16)
	if doubled <= 0 || doubled > maxBackoff {
		doubled = max(maxBackoff, w.Every)
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
