package gateway

import (
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/record"
	"watchpost/agent/sense"
	"watchpost/configs"
	"watchpost/drivers"
)

// Where something always waits to be taken in, silence beside it is an alarm all
// the same.
func TestBabbleHidesNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rule := configs.Alarm{Above: &configs.Length{Coefficient: 1}, ClearBelow: &configs.Length{}, Level: configs.Red, FaultAfter: 20 * time.Second, FaultLevel: "yellow"}
		r := startPipeline(t, t.TempDir(), clock.BootID{1}, pitSensor("silent", rule), pitSensor("loud", rule))
		<-r.g.pipeline.started
		r.say("silent", drivers.NewGood(drivers.Level, drivers.Int(0), drivers.Metre))
		close(r.in) // what follows is done by hand: its goroutine has ended
		<-r.ended
		in := make(chan sense.Observation, 8)
		for range 30 {
			<-time.After(time.Second)
			for range cap(in) {
				r.obs++
				in <- sense.Observation{Reading: record.Reading{Sensor: "loud", Obs: r.obs, At: r.g.clock.Now(), Reading: drivers.NewGood(drivers.Level, drivers.Int(0), drivers.Metre)}}
			}
			r.g.pipeline.tick(in)
		}
		if shown := r.g.View().Alarms; len(shown) != 1 || shown[0].Sensor != "silent" {
			t.Errorf("%+v, want the silent sensor alone", shown)
		}
		if got := r.g.live.seen(); got != 1+30*8 {
			t.Errorf("%d readings taken in, want all", got)
		}
		if err := r.g.buffer.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Neither page nor log of the wiring names who acknowledged in a sentence; the
// page gets name and note apart.
func TestSentencesNameNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startPipeline(t, t.TempDir(), clock.BootID{1}, smokeSensor())
		r.smoke(true)
		if err := r.g.AcknowledgeAlarm(t.Context(), r.g.View().Alarms[0].ID, "Wang", "rule_removed"); err != nil {
			t.Fatal(err)
		}
		v := r.g.View()
		a, e := v.Alarms[0], v.Events[0]
		if a.TextEN != "smoke: smoke alarm, acknowledged" || a.KnownBy != "Wang" || a.KnownNote != "rule_removed" {
			t.Errorf("alarm %+v", a)
		}
		if e.TextEN != a.TextEN || e.By != "Wang" || e.Note != "rule_removed" {
			t.Errorf("log line %+v", e)
		}
		r.end()
	})
}
