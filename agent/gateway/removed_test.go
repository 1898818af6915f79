package gateway

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"watchpost/agent/alarm"
	"watchpost/agent/clock"
	"watchpost/configs"
	"watchpost/drivers"
)

// What a changed configuration makes of the alarms of the run before: that of a
// sensor that is gone ends, one of other thresholds goes by them from its next
// value on, and nothing is left behind that nobody could end.
func TestAlarmsOfAnotherConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		at := func(above, below int64) configs.Alarm {
			high, low := configs.Length{Coefficient: above}, configs.Length{Coefficient: below}
			return configs.Alarm{Above: &high, ClearBelow: &low, Level: configs.Orange, FaultLevel: "off"}
		}
		metres := func(n int64) drivers.Reading {
			return drivers.NewGood(drivers.Level, drivers.Int(n), drivers.Metre)
		}
		r := startPipeline(t, dir, clock.BootID{1}, pitSensor("gone", at(5, 4)), pitSensor("pit", at(5, 4)), smokeSensor())
		<-r.g.pipeline.started
		r.say("gone", metres(6))
		r.say("pit", metres(6))
		r.smoke(true)
		r.end()

		// The smoke contact is a level now, and the pit may be higher.
		r = startPipeline(t, dir, clock.BootID{2}, pitSensor("pit", at(9, 8)), pitSensor("smoke", at(5, 4)))
		<-r.g.pipeline.started
		if shown := r.g.View().Alarms; len(shown) != 1 || shown[0].Sensor != "pit" {
			t.Errorf("taken up %+v, want the pit's alone", shown)
		}
		r.say("pit", metres(6))
		if shown := r.g.View().Alarms; len(shown) != 0 {
			t.Errorf("%+v, 6 m are no alarm now", shown)
		}
		if diff := cmp.Diff([]string{"raised", "raised", "raised", "cleared", "cleared", "cleared"}, r.alarms()); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
		if left := r.g.buffer.Notes(alarm.NotePrefix); len(left) != 0 {
			t.Errorf("notes left behind: %v", left)
		}
		r.end()
		<-time.After(time.Second)
	})
}
