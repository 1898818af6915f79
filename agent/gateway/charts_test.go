package gateway

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"watchpost/agent/alarm"
	"watchpost/agent/clock"
	"watchpost/agent/page"
	"watchpost/agent/record"
	"watchpost/agent/sense"
	"watchpost/configs"
	"watchpost/drivers"
)

// Whatever the wall clock does, a chart is one piece: its points stay a minute
// apart, a fault stays a fault, and the newest is as old as it is.
func TestChartOutlivesClockSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startPipeline(t, t.TempDir(), clock.BootID{1}, configs.Sensor{ID: "pit"})
		for minute := range 60 {
			if minute == 20 {
				r.wrong.Store(int64(-30 * 365 * 24 * time.Hour))
			}
			if minute == 40 {
				r.wrong.Store(int64(time.Hour))
			}
			reading := drivers.NewGood(drivers.Level, drivers.Decimal{Coefficient: int64(1000 + minute), Scale: 3}, drivers.Metre)
			if minute == 30 {
				reading = drivers.NewFault(drivers.Level, drivers.BrokenWire)
			}
			r.obs++
			r.in <- sense.Observation{Reading: record.Reading{Sensor: "pit", Obs: r.obs, At: r.g.clock.Now(), Reading: reading}}
			<-time.After(time.Minute)
		}
		synctest.Wait()
		if _, ok := r.g.Series("pit", drivers.Door); ok {
			t.Error("there is a chart of what was never read")
		}
		s, ok := r.g.Series("pit", drivers.Level)
		if !ok || len(s.Points) != 60 {
			t.Fatalf("%v, %d points", ok, len(s.Points))
		}
		now := r.g.View().Now
		for i, p := range s.Points {
			if age := now.Sub(p.At).Round(time.Second); age != time.Duration(60-i)*time.Minute {
				t.Errorf("minute %d is %v old", i, age)
			}
			if fault := p.Values == 0; fault != (i == 30) || fault && p.Reason != drivers.BrokenWire {
				t.Errorf("minute %d: %+v", i, p)
			}
		}
		if got := s.Points[7].Last.String(); got != "1.007" {
			t.Errorf("minute 7 is %s", got)
		}
		if age := now.Sub(s.Begun).Round(time.Second); age != time.Hour {
			t.Errorf("begun %v ago, want 1 h", age)
		}
		r.end()
	})
}

func TestThresholds(t *testing.T) {
	metres := func(n int64) drivers.Decimal { return drivers.Decimal{Coefficient: n, Scale: 2} }
	above, below := metres(180), metres(160)
	rules := []alarm.Rule{
		{Sensor: "pit", Kind: alarm.LevelHigh, Level: record.Orange, Above: &above, ClearBelow: &below,
			Levels: []alarm.Threshold{{Level: record.Red, Above: metres(220), ClearBelow: metres(220)}}},
		{Sensor: "tank", Kind: alarm.LevelHigh, Level: record.Blue, Above: &above},
		{Sensor: "pit", Kind: alarm.Fault, Level: record.Yellow},
	}
	want := []page.Threshold{
		{Value: metres(180), Level: record.Orange},
		{Value: metres(160), Level: record.Orange, Below: true, Clears: true},
		{Value: metres(220), Level: record.Red},
	}
	if diff := cmp.Diff(want, thresholds(rules, "pit", drivers.Level)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := thresholds(rules, "pit", drivers.Smoke); got != nil {
		t.Errorf("of another quantity: %v", got)
	}
}

// A young run does not extrapolate from minutes to days; an older one says what
// it counted.
func TestRatesOfARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startPipeline(t, t.TempDir(), clock.BootID{1}, configs.Sensor{ID: "door", Driver: "contact"})
		<-time.After(settled - time.Second)
		if got := r.g.perDay(1000); got != 0 {
			t.Errorf("a young run says %v a day", got)
		}
		<-time.After(12*time.Hour - settled + time.Second)
		if got := r.g.perDay(1000); got != 2000 {
			t.Errorf("1000 in half a day are %v a day", got)
		}
		r.end()
	})
}

func TestClockStandsSince(t *testing.T) {
	var s standing
	at := func(offset time.Duration, synced bool) clock.Stamp {
		return clock.Stamp{Offset: offset, Synced: synced}
	}
	for i, c := range []struct {
		now  clock.Stamp
		want time.Duration
	}{{at(1, false), 1}, {at(2, false), 1}, {at(3, true), 3}, {at(9, true), 3}, {at(10, false), 10}} {
		if got := s.see(c.now).Offset; got != c.want {
			t.Errorf("look %d: since %v, want %v", i, got, c.want)
		}
	}
}
