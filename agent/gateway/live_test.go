package gateway

import (
	"testing"
	"testing/synctest"

	"watchpost/agent/clock"
	"watchpost/agent/health"
	"watchpost/agent/record"
	"watchpost/agent/sense"
	"watchpost/configs"
	"watchpost/drivers"
)

// A sensor is in fault as long as one of its quantities is, whichever was told
// last: a reader whose line is stuck goes on counting misreads.
func TestOneFaultyQuantityIsAFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startPipeline(t, t.TempDir(), clock.BootID{1}, configs.Sensor{ID: "reader"})
		tell := func(reading drivers.Reading) (faults []health.Active) {
			r.obs++
			r.in <- sense.Observation{Reading: record.Reading{Sensor: "reader", Obs: r.obs, At: r.g.clock.Now(), Reading: reading}}
			synctest.Wait()
			for _, c := range r.g.health.Active() {
				if c.Code == health.SensorFault {
					faults = append(faults, c)
				}
			}
			return faults
		}
		tell(drivers.NewFault(drivers.Card, drivers.LineStuck))
		got := tell(drivers.NewGood(drivers.Misread, drivers.Int(0), drivers.Count))
		if len(got) != 1 || got[0].Subject != "reader" || got[0].Detail != string(drivers.LineStuck) {
			t.Errorf("conditions %+v; want the reader's stuck line", got)
		}
		if got := tell(drivers.NewUncertain(drivers.Card, drivers.Int(1), drivers.Count, drivers.ParityErrors)); len(got) != 0 {
			t.Errorf("conditions %+v of a reader that reads again", got)
		}
		r.end()
	})
}

// Cards push no line out of the log that everybody sees, and neither kind grows
// without end.
func TestCardsPushNothingOutOfTheLog(t *testing.T) {
	l := newLive()
	l.recall([]logLine{{en: "of an earlier run"}})
	for range 150 {
		l.remember(logLine{en: "door"})
	}
	public := func() (n int) {
		for _, line := range l.recent() {
			if !line.private {
				n++
			}
		}
		return n
	}
	for range 1000 {
		l.remember(logLine{en: "card", private: true})
	}
	if n, all := public(), len(l.recent()); n != 151 || all != 351 {
		t.Errorf("%d of %d lines for everybody, want 151 of 351", n, all)
	}
	for range 1000 {
		l.remember(logLine{en: "door"})
	}
	if n, all := public(), len(l.recent()); n != 200 || all != 400 {
		t.Errorf("%d of %d lines for everybody, want 200 of 400", n, all)
	}
}
