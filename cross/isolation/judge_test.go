package isolation

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/sense"
	"watchpost/drivers"
	"watchpost/drivers/sim"
)

// The bounds of the judge.
const (
	// said is how soon every dead sensor must be known to be dead.
	said = 10 * time.Second
	// slot is what the others may cost the living one: their turns on its bus,
	// and a conversion of its own chip for another input.
	slot = 250 * time.Millisecond
	// settled is when all goroutines there will ever be have been started.
	settled = 2 * time.Minute
)

// figures are what a supervisor made of a rig.
type figures struct {
	samples     int
	first       time.Duration // to the first value of the living sensor
	gap         time.Duration // longest between two of its values
	silent      []string      // sensors not heard of in time
	invented    []string      // dead sensors that gave a value
	early, late int           // goroutines, once all was settled and at the end
	seen        int           // observations of all sensors
}

func (f figures) String() string {
	return fmt.Sprintf("%d samples, the first after %v, at most %v apart; goroutines %d, then %d; %d observations in all",
		f.samples, f.first.Round(time.Millisecond), f.gap.Round(time.Millisecond), f.early, f.late, f.seen)
}

// supervise is a supervisor, ours or one that is broken on purpose.
type supervise func(ctx context.Context, sensors []sense.Sensor, sink func(sensor string, r drivers.Reading))

// ours is the real one.
func ours(ctx context.Context, sensors []sense.Sensor, sink func(string, drivers.Reading)) {
	start := time.Now()
	clk := clock.New(clock.Source{
		SinceBoot:   func() time.Duration { return time.Since(start) },
		Wall:        time.Now,
		Disciplined: func() bool { return true },
	}, time.Time{})
	sense.New(clk, func(o sense.Observation) { sink(o.Sensor, o.Reading.Reading) }, nil, nil).Run(ctx, sensors)
}

// measure lets a supervisor read a rig for d of the bubble's time.
func measure(t *testing.T, r *rig, d time.Duration, supervise supervise) (f figures) {
	t.Helper()
	start := time.Now()
	var mu sync.Mutex
	var last time.Duration
	heard := map[string]time.Duration{}
	sink := func(sensor string, reading drivers.Reading) {
		mu.Lock()
		defer mu.Unlock()
		at := time.Since(start)
		f.seen++
		if _, known := heard[sensor]; !known {
			heard[sensor] = at
		}
		switch {
		case sensor == living && reading.HasValue():
			f.samples++
			if last == 0 {
				f.first = at
			} else {
				f.gap = max(f.gap, at-last)
			}
			last = at
		case reading.HasValue() && !slices.Contains(f.invented, sensor):
			f.invented = append(f.invented, sensor)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		supervise(ctx, r.sensors, sink)
	}()
	<-time.After(settled)
	f.early = runtime.NumGoroutine()
	<-time.After(d - settled - time.Second)
	f.late = runtime.NumGoroutine()
	mu.Lock()
	f.gap = max(f.gap, time.Since(start)-last)
	mu.Unlock()
	<-ctx.Done()
	r.close(t)
	<-ended
	for _, s := range r.sensors {
		if at, known := heard[s.ID]; !known || at > said {
			f.silent = append(f.silent, s.ID)
		}
	}
	return f
}

// judge says what the dead cost the living one.
func judge(alone, beside figures) (wrong []string) {
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if beside.samples < alone.samples-1 {
		add("%d samples, %d alone", beside.samples, alone.samples)
	}
	if beside.samples == 0 || beside.first > alone.first+slot {
		add("first value after %v, %v alone", beside.first, alone.first)
	}
	if beside.gap > alone.gap+slot {
		add("values up to %v apart, %v alone", beside.gap, alone.gap)
	}
	if len(beside.silent) > 0 {
		add("not heard of within %v: %q", said, beside.silent)
	}
	if len(beside.invented) > 0 {
		add("values of dead sensors: %q", beside.invented)
	}
	if beside.late > beside.early+32 { // each sensor may have a call out
		add("%d goroutines grew to %d", beside.early, beside.late)
	}
	return wrong
}

// bubble measures a rig made inside a bubble.
func bubble(t *testing.T, dead, watchers bool, d time.Duration, supervise supervise) (f figures) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f = measure(t, newRig(t, dead, watchers), d, supervise) })
	return f
}

func TestThirtyOneDeadSensorsCostTheLivingOneNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true, true)
		defer r.close(t)
		if len(r.sensors) != 32 {
			t.Fatalf("%d sensors, want 32", len(r.sensors))
		}
	})
	alone, beside := bubble(t, false, false, time.Hour, ours), bubble(t, true, true, time.Hour, ours)
	t.Logf("alone:  %v", alone)
	t.Logf("beside: %v", beside)
	for _, wrong := range judge(alone, beside) {
		t.Error(wrong)
	}
}

// TestBrokenSupervisorsAreSeen is the negative control: each way of getting
// supervision wrong is seen, and the same supervisor without it is not.
func TestBrokenSupervisorsAreSeen(t *testing.T) {
	const d = settled + 2*time.Minute
	alone := bubble(t, false, false, d, ours)
	for _, tc := range []struct {
		name   string
		flaws  flaws
		broken bool
	}{
		{"none", flaws{}, false},
		{"one lock for all sensors", flaws{sharedLock: true}, true},
		{"no deadline", flaws{noDeadline: true}, true},
		{"start waits for each sensor", flaws{startInTurn: true}, true},
		{"asked again on top of a stuck call", flaws{askOnTop: true}, true},
	} {
		beside := bubble(t, true, false, d, tc.flaws.supervise)
		wrong := judge(alone, beside)
		if tc.broken != (len(wrong) > 0) {
			t.Errorf("%s: judged %q", tc.name, wrong)
		}
		t.Logf("%s: %v; %q", tc.name, beside, wrong)
	}
}

// TestPluggedInAgainIsSeen: what was dead for a long time is looked for at ease,
// but not so seldom that a person who plugs it in goes away too early. A chip
// is seen within the 10 s of sense; a bus within the minute of the board too.
func TestPluggedInAgainIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true, false)
		start := time.Now()
		const plugged = 20 * time.Minute
		back := map[string]time.Duration{}
		var mu sync.Mutex
		ctx, cancel := context.WithTimeout(t.Context(), plugged+3*time.Minute)
		defer cancel()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			ours(ctx, r.sensors, func(sensor string, reading drivers.Reading) {
				mu.Lock()
				defer mu.Unlock()
				if _, known := back[sensor]; !known && sensor != living && reading.HasValue() {
					back[sensor] = time.Since(start) - plugged
				}
			})
		}()
		<-time.After(plugged)
		r.chip("i2c-1", 0x49, sim.NoFault)
		r.chip("i2c-1", 0x4b, sim.NoFault)
		r.chip("i2c-3", 0x48, sim.NoFault)
		<-ended
		r.close(t)
		for sensor, most := range map[string]time.Duration{
			"absent 0": 10 * time.Second, "never ready 0": 30 * time.Second, "missing bus 0": 70 * time.Second,
		} {
			if took, known := back[sensor]; !known || took < 0 || took > most+slot {
				t.Errorf("%s: seen %v after it was plugged in (%v), want within %v", sensor, took, known, most)
			}
			t.Logf("%s: seen %v after it was plugged in", sensor, back[sensor].Round(time.Millisecond))
		}
	})
}
