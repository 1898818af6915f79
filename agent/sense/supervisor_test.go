package sense_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/sense"
	"watchpost/drivers"
)

// bubbleClock runs on the time of the synctest bubble.
func bubbleClock() *clock.Clock {
	start := time.Now()
	return clock.New(clock.Source{
		Boot:        clock.BootID{7},
		SinceBoot:   func() time.Duration { return time.Since(start) },
		Wall:        time.Now,
		Disciplined: func() bool { return true },
	}, time.Time{})
}

// ledger keeps what a supervisor handed on.
type ledger struct {
	mu   sync.Mutex
	seen []sense.Observation
}

func (l *ledger) note(o sense.Observation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = append(l.seen, o)
}

func (l *ledger) of(sensor string) (all []sense.Observation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range l.seen {
		if o.Sensor == sensor {
			all = append(all, o)
		}
	}
	return all
}

type samplerFunc func(ctx context.Context) ([]drivers.Reading, error)

func (f samplerFunc) Sample(ctx context.Context) ([]drivers.Reading, error) { return f(ctx) }
func (f samplerFunc) Quantities() []drivers.Quantity                        { return []drivers.Quantity{drivers.Level} }

func level(mm int64) drivers.Reading {
	return drivers.NewGood(drivers.Level, drivers.Decimal{Coefficient: mm, Scale: 3}, drivers.Metre)
}

func steady(context.Context) ([]drivers.Reading, error) { return []drivers.Reading{level(100)}, nil }

func polled(id string, f samplerFunc) sense.Sensor {
	return sense.Sensor{ID: id, Quantities: f.Quantities(), Sampler: f, Every: time.Second}
}

// run supervises for d of the bubble's time.
func run(t *testing.T, d time.Duration, sensors ...sense.Sensor) *ledger {
	t.Helper()
	l := &ledger{}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	sense.New(bubbleClock(), l.note, nil, nil).Run(ctx, sensors)
	return l
}

func TestObsIsTotalAndOffsetsRise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := run(t, time.Minute, polled("a", steady), polled("b", steady), polled("c", steady))
		if len(l.seen) < 3*58 {
			t.Fatalf("%d observations in a minute of three sensors at 1 Hz", len(l.seen))
		}
		for i, o := range l.seen {
			if o.Obs != uint64(i+1) {
				t.Fatalf("observation %d has obs %d", i+1, o.Obs)
			}
			if i > 0 && o.At.Offset < l.seen[i-1].At.Offset {
				t.Fatalf("obs %d is older than the one before it", o.Obs)
			}
		}
	})
}

func TestOneBadSensorIsOneBadSensor(t *testing.T) {
	bad := map[string]samplerFunc{
		"absent": func(context.Context) ([]drivers.Reading, error) {
			return nil, drivers.Because(drivers.NoAnswer, errors.New("no acknowledge"))
		},
		"hanging": func(context.Context) ([]drivers.Reading, error) { select {} },
		"late": func(ctx context.Context) ([]drivers.Reading, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
		"panicking": func(context.Context) ([]drivers.Reading, error) { panic("index out of range") },
		"empty":     func(context.Context) ([]drivers.Reading, error) { return nil, nil },
	}
	want := map[string]drivers.Reason{
		"absent": drivers.NoAnswer, "hanging": drivers.Stuck, "late": drivers.Stuck,
		"panicking": drivers.Broken, "empty": drivers.Broken,
	}
	alone := 0
	synctest.Test(t, func(t *testing.T) { alone = len(run(t, time.Minute, polled("good", steady)).seen) })
	for name, f := range bad {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if name == "hanging" {
					// The real thing never comes back; a bubble must end.
					release := make(chan struct{})
					defer close(release)
					f = func(context.Context) ([]drivers.Reading, error) { <-release; return nil, errors.New("released") }
				}
				l := run(t, time.Minute, polled("good", steady), polled("bad", f))
				if got := len(l.of("good")); got < alone-1 {
					t.Errorf("the good sensor was read %d times beside a bad one, %d alone", got, alone)
				}
				faults := l.of("bad")
				if len(faults) == 0 {
					t.Fatal("the bad sensor was silent: a fault must be said")
				}
				for _, o := range faults {
					if o.HasValue() || o.Reason != want[name] {
						t.Fatalf("observation %+v, want a fault of reason %s", o, want[name])
					}
				}
			})
		})
	}
}

func TestBackoffAndRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var asked []time.Duration
		l := run(t, 5*time.Minute, polled("x", func(context.Context) ([]drivers.Reading, error) {
			asked = append(asked, time.Since(start))
			if time.Since(start) < 3*time.Minute {
				return nil, errors.New("dead")
			}
			return []drivers.Reading{level(1)}, nil
		}))
		dead := 0
		for _, at := range asked {
			if at < 3*time.Minute {
				dead++
			}
		}
		if dead > 30 {
			t.Errorf("a dead sensor was asked %d times in 3 minutes: no backoff", dead)
		}
		var first time.Duration
		for _, o := range l.seen {
			if o.HasValue() {
				first = o.At.Offset
				break
			}
		}
		if first == 0 || first > 3*time.Minute+10*time.Second {
			t.Errorf("came back at 3m, first value at %v", first)
		}
		if got := len(l.of("x")); got < dead+80 {
			t.Errorf("%d observations: the pace did not come back", got)
		}
	})
}

type watcherFunc func(ctx context.Context, emit func(drivers.Reading)) error

func (f watcherFunc) Watch(ctx context.Context, emit func(drivers.Reading)) error {
	return f(ctx, emit)
}

func TestWatcherThatFallsSilentIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := run(t, time.Minute, sense.Sensor{
			ID: "door", Quantities: []drivers.Quantity{drivers.Door}, Every: time.Second,
			Watcher: watcherFunc(func(ctx context.Context, emit func(drivers.Reading)) error {
				emit(drivers.NewContact(drivers.Door, false))
				<-ctx.Done()
				return ctx.Err()
			}),
		})
		if len(l.seen) < 2 || !l.seen[0].HasValue() {
			t.Fatalf("observations %+v", l.seen)
		}
		// It is started again each time, and says its one word again.
		stuck := 0
		for i, o := range l.seen {
			if i%2 == 0 && !o.HasValue() || i%2 == 1 && (o.Quality != drivers.Fault || o.Reason != drivers.Stuck) {
				t.Fatalf("observation %d is %+v, want values and faults (stuck) in turn", i, o)
			}
			stuck += i % 2
		}
		if stuck < 8 {
			t.Errorf("told to be stuck %d times in a minute", stuck)
		}
	})
}

func TestWatcherIsStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lives := 0
		l := run(t, 10*time.Second, sense.Sensor{
			ID: "door", Quantities: []drivers.Quantity{drivers.Door}, Every: time.Second,
			Watcher: watcherFunc(func(ctx context.Context, emit func(drivers.Reading)) error {
				lives++
				if lives == 1 {
					return drivers.Because(drivers.Missing, errors.New("no such line"))
				}
				for ctx.Err() == nil {
					emit(drivers.NewContact(drivers.Door, true))
					select {
					case <-ctx.Done():
					case <-time.After(time.Second):
					}
				}
				return ctx.Err()
			}),
		})
		if lives != 2 || l.seen[0].Reason != drivers.Missing || !l.seen[len(l.seen)-1].HasValue() {
			t.Errorf("lives %d, first %+v, last %+v", lives, l.seen[0], l.seen[len(l.seen)-1])
		}
	})
}

func TestReportPolicy(t *testing.T) {
	values := []int64{100, 100, 100, 115, 115, 115, 115, 115, 115, 115, 115, 115, 115, 115, 116}
	synctest.Test(t, func(t *testing.T) {
		i := -1
		sensor := polled("pit", func(context.Context) ([]drivers.Reading, error) {
			i++
			if i == 8 {
				return nil, errors.New("glitch")
			}
			return []drivers.Reading{level(values[min(i, len(values)-1)])}, nil
		})
		sensor.Report = sense.Policy{Every: 5 * time.Second, Change: drivers.Decimal{Coefficient: 1, Scale: 2}}
		var due []int
		for i, o := range run(t, 15500*time.Millisecond, sensor).seen {
			if o.Due {
				due = append(due, i)
			}
		}
		// 0 first; 3 changed by 15 mm; 8 became a fault; 9 is good again; 14 is
		// five seconds later.
		want := []int{0, 3, 8, 9, 14}
		if len(due) != len(want) {
			t.Fatalf("reported samples %v, want %v", due, want)
		}
		for k := range want {
			if due[k] != want[k] {
				t.Fatalf("reported samples %v, want %v", due, want)
			}
		}
	})
}

func TestReportsFasterInAlarm(t *testing.T) {
	for _, tc := range []struct {
		inAlarm bool
		want    int
	}{{false, 2}, {true, 30}} {
		synctest.Test(t, func(t *testing.T) {
			l := &ledger{}
			ctx, cancel := context.WithTimeout(t.Context(), 60500*time.Millisecond)
			defer cancel()
			sensor := polled("pit", steady)
			sensor.Report = sense.Policy{Every: time.Minute, InAlarm: 2 * time.Second}
			sense.New(bubbleClock(), l.note, func(string) bool { return tc.inAlarm }, nil).Run(ctx, []sense.Sensor{sensor})
			due := 0
			for _, o := range l.seen {
				if o.Due {
					due++
				}
			}
			if due < tc.want || due > tc.want+1 {
				t.Errorf("in alarm %v: %d reports in a minute, want %d", tc.inAlarm, due, tc.want)
			}
		})
	}
}
