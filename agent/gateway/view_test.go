package gateway

import (
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/health"
	"watchpost/configs"
	"watchpost/drivers"
	"watchpost/drivers/all"
)

// Whatever the wall clock does, what the page shows is as old as it is: nothing
// lies in the future, nothing turns stale, and what happened in 1970 is told with
// the time it was, and above what earlier runs left.
func TestAgesOutliveClockSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startPipeline(t, t.TempDir(), clock.BootID{1}, configs.Sensor{
			ID: "door", Driver: "contact", Options: &all.ContactOptions{Measures: "door"}, Sample: 24 * time.Hour,
			Alarm: &configs.Alarm{Level: configs.Red},
		})
		const in1970 = -30 * 365 * 24 * time.Hour // the simulated time is 2000
		r.wrong.Store(int64(in1970))
		r.g.live.recall([]logLine{{at: clock.Stamp{Boot: clock.BootID{9}, Wall: time.Now()}, en: "of an earlier run"}})
		r.g.health.Set(health.StoreNearlyFull, "", "")
		r.see(drivers.Door, true)
		<-time.After(10 * time.Second)
		for _, step := range []time.Duration{in1970, 0, time.Hour, -time.Hour} {
			r.wrong.Store(int64(step))
			v := r.g.View()
			if len(v.Sensors) != 1 || len(v.Alarms) != 1 || len(v.Events) < 3 || len(v.Conditions) == 0 {
				t.Fatalf("the page has %+v", v)
			}
			newest := v.Events[0]
			if newest.TextEN == "of an earlier run" {
				t.Errorf("wrong by %v: what just happened is below what an earlier run left", step)
			}
			for what, at := range map[string]time.Time{
				"sample": v.Sensors[0].At, "quality": v.Sensors[0].Since, "last good": v.Sensors[0].LastGoodAt,
				"alarm": v.Alarms[0].Since, "event": newest.At, "condition": v.Conditions[0].Since,
			} {
				if age := v.Now.Sub(at).Round(time.Second); age != 10*time.Second {
					t.Errorf("wrong by %v: %s is %v old, want 10 s", step, what, age)
				}
			}
		}
		r.end()
	})
}
