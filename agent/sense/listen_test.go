package sense_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/record"
	"watchpost/agent/sense"
	"watchpost/drivers"
)

// counter is a reading that counts.
func counter(n int) drivers.Reading {
	return drivers.NewGood(drivers.Card, drivers.Int(int64(n)), drivers.Count)
}

// babbler emits a reading each gap; with no gap, as fast as it is let.
func babbler(gap time.Duration, emitted *int) sense.Sensor {
	return sense.Sensor{
		ID: "babbler", Quantities: []drivers.Quantity{drivers.Card}, Every: time.Second,
		Watcher: watcherFunc(func(ctx context.Context, emit func(drivers.Reading)) error {
			for ctx.Err() == nil {
				*emitted++
				emit(counter(*emitted))
				if gap > 0 {
					select {
					case <-ctx.Done():
					case <-time.After(gap):
					}
				}
			}
			return ctx.Err()
		}),
	}
}

// judgePace says what is wrong with a minute of a babbler beside a good sensor.
func judgePace(l *ledger, emitted, alone int) (wrong []string) {
	seen := l.of("babbler")
	if len(seen) > 60*100+100 {
		wrong = append(wrong, fmt.Sprintf("%d observations of the babbler in a minute", len(seen)))
	}
	if good := len(l.of("good")); good < alone-1 {
		wrong = append(wrong, fmt.Sprintf("the good sensor was read %d times, %d alone", good, alone))
	}
	folded, due := 0, 0
	for i, o := range seen {
		folded += int(o.Folded)
		if i > 0 && o.Value.Compare(seen[i-1].Value) <= 0 {
			wrong = append(wrong, fmt.Sprintf("%v after %v", o.Value, seen[i-1].Value))
		}
		if o.Due {
			due++
		}
	}
	if missing := emitted - len(seen) - folded; missing < 0 || missing > 15 {
		wrong = append(wrong, fmt.Sprintf("%d emitted, %d observed and %d folded", emitted, len(seen), folded))
	}
	if due > 2 {
		wrong = append(wrong, fmt.Sprintf("%d reports", due))
	}
	return wrong
}

func TestBabblingWatcherIsHeldToAPace(t *testing.T) {
	alone := 0
	synctest.Test(t, func(t *testing.T) { alone = len(run(t, time.Minute, polled("good", steady)).seen) })
	for _, gap := range []time.Duration{100 * time.Microsecond, 0} {
		synctest.Test(t, func(t *testing.T) {
			emitted := 0
			b := babbler(gap, &emitted)
			b.Report = sense.Policy{Every: 5 * time.Minute}
			l := run(t, time.Minute, polled("good", steady), b)
			for _, wrong := range judgePace(l, emitted, alone) {
				t.Error(wrong)
			}
			t.Logf("a reading each %v: %d let out of the driver in a minute, %d observed, good sensor %d (alone %d)",
				gap, emitted, len(l.of("babbler")), len(l.of("good")), alone)
			if emitted > 60*1100+200 {
				t.Errorf("%d readings were taken in a minute: the driver was never held back", emitted)
			}
		})
	}
}

// TestBriskWatcherIsUntouched is the other side: what a sensor in order may say
// is handed on reading by reading.
func TestBriskWatcherIsUntouched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		emitted := 0
		l := run(t, time.Minute, babbler(20*time.Millisecond, &emitted))
		if got := len(l.of("babbler")); got < emitted-1 || emitted < 2990 {
			t.Errorf("%d of %d readings observed", got, emitted)
		}
		for _, o := range l.seen {
			if o.Folded != 0 {
				t.Fatalf("obs %d has %d folded", o.Obs, o.Folded)
			}
		}
	})
}

// TestPaceJudge is the negative control: a babbler that nothing holds.
func TestPaceJudge(t *testing.T) {
	loose := &ledger{}
	for i := range 20_000 {
		loose.note(sense.Observation{Reading: seenAt("babbler", 0, counter(i)), Due: true})
	}
	if wrong := judgePace(loose, 20_000, 60); len(wrong) < 3 {
		t.Errorf("only %q was seen wrong with an unbounded flood", wrong)
	}
	if wrong := judgePace(&ledger{}, 20_000, 0); len(wrong) == 0 {
		t.Error("readings that vanished without a count were not seen")
	}
}

func TestNewestStateSurvivesAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := run(t, 5*time.Second, sense.Sensor{
			ID: "door", Quantities: []drivers.Quantity{drivers.Door, drivers.DoorForced}, Every: time.Second,
			Watcher: watcherFunc(func(ctx context.Context, emit func(drivers.Reading)) error {
				for i := range 501 {
					emit(drivers.NewContact(drivers.Door, i%2 == 0))
					emit(drivers.NewContact(drivers.DoorForced, i%2 == 0))
				}
				<-ctx.Done()
				return ctx.Err()
			}),
		})
		newest := map[drivers.Quantity]drivers.Reading{}
		for _, o := range l.seen {
			if o.HasValue() {
				newest[o.Quantity] = o.Reading.Reading
			}
		}
		for _, q := range []drivers.Quantity{drivers.Door, drivers.DoorForced} {
			if newest[q].Value != drivers.Int(1) {
				t.Errorf("%s ended at %v, want 1", q, newest[q].Value)
			}
		}
	})
}

// TestWatcherThatDoesNotComeBack holds that nothing is started on top of a
// driver that is stuck, and that it is started again when it comes back.
func TestWatcherThatDoesNotComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lives, inside := 0, 0
		before := runtime.NumGoroutine()
		most := 0
		l := run(t, time.Hour, sense.Sensor{
			ID: "door", Quantities: []drivers.Quantity{drivers.Door}, Every: time.Second,
			Watcher: watcherFunc(func(ctx context.Context, emit func(drivers.Reading)) error {
				lives++
				inside++
				defer func() { inside-- }()
				most = max(most, inside, runtime.NumGoroutine()-before-4)
				emit(drivers.NewContact(drivers.Door, lives > 1))
				if lives == 1 {
					<-time.After(50 * time.Minute) // deaf to its context
					return errors.New("came back")
				}
				for ctx.Err() == nil {
					select {
					case <-ctx.Done():
					case <-time.After(time.Second):
						emit(drivers.NewContact(drivers.Door, true))
					}
				}
				return ctx.Err()
			}),
		})
		if lives != 2 || most > 1 {
			t.Errorf("%d lives, at most %d at once, want 2 and 1", lives, most)
		}
		faults, values := 0, 0
		for _, o := range l.seen {
			switch {
			case o.At.Offset < 10*time.Second: // not yet silent for long
			case !o.HasValue():
				faults++
				if o.Reason != drivers.Stuck {
					t.Fatalf("observation %+v, want a fault: stuck", o)
				}
			default:
				if values++; values == 1 && o.At.Offset > 50*time.Minute+30*time.Second {
					t.Errorf("back after 50m, seen at %v", o.At.Offset)
				}
			}
		}
		if faults < 90 || values < 500 {
			t.Errorf("%d faults while stuck, %d values after", faults, values)
		}
	})
}

// TestLateAnswerIsNotAFreshOne: what comes back long after it was asked for may
// have been measured long ago.
func TestLateAnswerIsNotAFreshOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		l := run(t, time.Minute, polled("slow", func(context.Context) ([]drivers.Reading, error) {
			asked++
			if asked == 1 {
				<-time.After(20 * time.Second)
				return []drivers.Reading{level(666)}, nil
			}
			return []drivers.Reading{level(100)}, nil
		}))
		values := 0
		for _, o := range l.seen {
			if !o.HasValue() {
				continue
			}
			values++
			if o.Value.Coefficient == 666 {
				t.Errorf("a value asked for 20 s ago was handed on at %v", o.At.Offset)
			}
		}
		if values < 5 {
			t.Errorf("%d values after the stall", values)
		}
	})
}

func TestRawGoesThroughAndIsNotRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		raw := drivers.Raw{Value: drivers.Decimal{Coefficient: 3211, Scale: 3}, Unit: drivers.Milliampere}
		l := run(t, 3*time.Second, polled("pit", func(context.Context) ([]drivers.Reading, error) {
			return []drivers.Reading{
				level(100).WithRaw(raw.Value, raw.Unit),
				drivers.NewFault(drivers.Level, drivers.BrokenWire).WithRaw(raw.Value, raw.Unit),
			}, nil
		}))
		if len(l.seen) < 4 {
			t.Fatalf("%d observations", len(l.seen))
		}
		for _, o := range l.seen {
			if o.Raw != raw {
				t.Errorf("raw %+v, want %+v", o.Raw, raw)
			}
			plain := o.Reading
			plain.Raw = drivers.Raw{}
			if !bytes.Equal(record.EncodeReading(o.Reading), record.EncodeReading(plain)) {
				t.Error("the record has the raw value")
			}
		}
	})
}
