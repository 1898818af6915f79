package clock_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/clock"
)

// A clock that is set while nobody reads a sensor is noticed within one round,
// and the rounds do not depend on it; the end of the context is the end.
func TestWatchNoticesASetClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		const year = 365 * 24 * time.Hour // the bubble's clock starts in 2000
		lead := func() time.Duration {
			switch since := time.Since(start); {
			case since < 61*time.Second:
				return -30 * year
			case since < 121*time.Second:
				return 26 * year
			}
			return 26*year - time.Hour // backwards
		}
		var looks atomic.Int64
		c := clock.New(clock.Source{
			Boot:        clock.BootID{1},
			SinceBoot:   func() time.Duration { return time.Since(start) },
			Wall:        func() time.Time { looks.Add(1); return time.Now().Add(lead()).Round(0) },
			Disciplined: func() bool { return time.Since(start) >= 61*time.Second },
		}, start.Add(-time.Hour))
		table := clock.NewTable()
		ctx, cancel := context.WithCancel(t.Context())
		var fixes []clock.Fix
		var noticed []time.Duration
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			table.Watch(ctx, c, 5*time.Second, func(f clock.Fix) {
				fixes, noticed = append(fixes, f), append(noticed, time.Since(start))
			})
		}()
		<-time.After(181 * time.Second)
		synctest.Wait()
		if want := int64(1 + 181/5); looks.Load() != want {
			t.Errorf("looked %d times in 181 s, want %d", looks.Load(), want)
		}
		if len(fixes) != 2 || noticed[0] != 65*time.Second || noticed[1] != 125*time.Second {
			t.Fatalf("fixes %+v noticed at %v", fixes, noticed)
		}
		if fixes[0].Step != 56*year || fixes[1].Step != -time.Hour {
			t.Errorf("steps %v and %v", fixes[0].Step, fixes[1].Step)
		}
		cancel()
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Error("Watch goes on after its context ended")
		}
	})
}

// A process held up between the two readings of one moment reads them again.
func TestNowReadsOneMoment(t *testing.T) {
	var offset time.Duration
	held := 2
	c := clock.New(clock.Source{
		Boot:      clock.BootID{1},
		SinceBoot: func() time.Duration { offset += 10 * time.Microsecond; return offset },
		Wall: func() time.Time {
			if held > 0 { // taken off the processor just before the wall clock is read
				held--
				offset += 80 * time.Millisecond
			}
			return built.Add(offset)
		},
		Disciplined: func() bool { return true },
	}, built)
	s := c.Now()
	if away := s.Wall.Sub(built) - s.Offset; away.Abs() > time.Millisecond {
		t.Errorf("wall and offset are %v apart", away)
	}
	held = 1 << 30 // held up every time: it does not wait for ever
	if s := c.Now(); s.Boot != (clock.BootID{1}) {
		t.Errorf("%+v", s)
	}
}

// Everything a table offers may be called at once; the race detector looks on.
func TestTableFromManySides(t *testing.T) {
	table := clock.NewTable()
	stamp := clock.Stamp{Boot: clock.BootID{1}, Wall: built, Synced: true}
	var all sync.WaitGroup
	for _, call := range []func(clock.Stamp){
		func(s clock.Stamp) { table.Learn(s) },
		func(s clock.Stamp) { table.Correct(s) },
		func(s clock.Stamp) { table.Uncertainty(s) },
		func(s clock.Stamp) { table.Age(s, stamp) },
		func(clock.Stamp) { table.Fixes() },
		func(clock.Stamp) {
			if table.Unsaved() {
				_, revision := table.Note()
				table.Saved(revision)
			}
		},
	} {
		all.Go(func() {
			for n := range 500 {
				s := stamp
				s.Offset = time.Duration(n) * time.Hour
				s.Wall = built.Add(s.Offset + time.Duration(n%7)*time.Hour)
				call(s)
			}
		})
	}
	all.Wait()
	if f := table.Fixes(); len(f) != 1 || f[0].Offset != 499*time.Hour {
		t.Errorf("%+v", f)
	}
}

func BenchmarkCorrect(b *testing.B) {
	table := clock.NewTable()
	s := clock.Stamp{Boot: clock.BootID{1}, Wall: built, Synced: true}
	for range 24 {
		s.Offset, s.Wall = s.Offset+time.Hour, s.Wall.Add(time.Hour)
		table.Learn(s)
	}
	s.Synced, s.Offset = false, 30*time.Minute
	b.ReportAllocs()
	for b.Loop() {
		if _, changed := table.Correct(s); !changed {
			b.Fatal("not corrected")
		}
	}
}
