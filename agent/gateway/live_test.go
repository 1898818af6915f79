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
