package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"watchpost/agent/alarm"
	"watchpost/agent/clock"
	"watchpost/agent/health"
	"watchpost/agent/message"
	"watchpost/agent/page"
	"watchpost/agent/record"
	"watchpost/agent/sense"
	"watchpost/buffer"
	"watchpost/configs"
	"watchpost/drivers"
	"watchpost/drivers/all"
)

func smokeSensor() configs.Sensor {
	return configs.Sensor{
		ID: "smoke", Driver: "contact", Options: &all.ContactOptions{Measures: "smoke"}, Sample: time.Second,
		Alarm: &configs.Alarm{Level: configs.Red, FaultLevel: "off"},
	}
}

func pitSensor(id string, alarm configs.Alarm) configs.Sensor {
	return configs.Sensor{
		ID: id, Driver: "ads1115", Options: &all.ADS1115Options{Bus: "i2c-1", Address: 0x48, Input: "AIN0"}, Sample: time.Second, Alarm: &alarm,
	}
}

// say hands over one reading of a sensor and waits until it has been taken in.
func (r *pipelineRig) say(sensor string, reading drivers.Reading) {
	r.obs++
	r.in <- sense.Observation{Reading: record.Reading{Sensor: sensor, Obs: r.obs, At: r.g.clock.Now(), Reading: reading}}
	<-time.After(10 * time.Millisecond) // a commit of events takes 5
}

func (r *pipelineRig) smoke(active bool) { r.say("smoke", drivers.NewContact(drivers.Smoke, active)) }

// alarms are the steps of all runs, as state words.
func (r *pipelineRig) alarms() (words []string) {
	r.t.Helper()
	entries, err := r.g.buffer.Recent(buffer.Alarms, 10_000)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, entry := range entries {
		a, err := record.DecodeAlarm(entry.Record)
		if err != nil {
			r.t.Fatal(err)
		}
		words = append(words, string(a.State))
	}
	return words
}

// An alarm is acknowledged once, however many do it at once, and a restart in
// every state knows of it. The steps have neither gaps nor doubles.
func TestAcknowledgementSurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, boot := t.TempDir(), byte(1)
		r := startPipeline(t, dir, clock.BootID{boot}, smokeSensor())
		restart := func() {
			r.end()
			boot++
			r = startPipeline(t, dir, clock.BootID{boot}, smokeSensor())
			<-r.g.pipeline.started
		}
		only := func(state record.AlarmState, by string, over bool) string {
			t.Helper()
			shown := r.g.View().Alarms
			if len(shown) != 1 || shown[0].State != state || shown[0].KnownBy != by || shown[0].Over != over || shown[0].KnownSince.IsZero() != (by == "") {
				t.Fatalf("the page shows %+v, want one alarm, %s, known to %q, over %v", shown, state, by, over)
			}
			return shown[0].ID
		}
		r.smoke(true)
		id := only(record.Raised, "", false)
		restart()
		if again := only(record.Raised, "", false); again != id {
			t.Errorf("after the restart the alarm is %s, was %s", again, id)
		}
		var people sync.WaitGroup
		for range 20 {
			people.Go(func() {
				if err := r.g.AcknowledgeAlarm(t.Context(), id, "Wang", "on my way"); err != nil {
					t.Error(err)
				}
			})
		}
		people.Wait()
		only(record.Acknowledged, "Wang", false)
		restart()
		only(record.Acknowledged, "Wang", false)
		r.smoke(false)
		r.smoke(true)
		r.smoke(false)
		second := only(record.Restored, "", true)
		restart()
		only(record.Restored, "", true)
		if r.g.live.inAlarm("smoke") {
			t.Error("an alarm that only waits for a person has its sensor reported as in alarm")
		}
		if err := r.g.AcknowledgeAlarm(t.Context(), second, "Wang", ""); err != nil {
			t.Error(err)
		}
		if shown := r.g.View().Alarms; len(shown) != 0 || len(r.g.buffer.Notes(alarm.NotePrefix)) != 0 {
			t.Errorf("after restored and acknowledged: %+v", shown)
		}
		want := []string{"raised", "acknowledged", "cleared", "raised", "restored", "acknowledged", "cleared"}
		if diff := cmp.Diff(want, r.alarms()); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
		r.end()
	})
}

func TestAcknowledgeRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startPipeline(t, t.TempDir(), clock.BootID{1}, smokeSensor())
		r.smoke(true)
		id := r.g.View().Alarms[0].ID
		for _, wrong := range []string{"", "x", "GW-9" + id, id + "0", strings.ToUpper(id), strings.Replace(id, "/", "/+", 1)} {
			if err := r.g.AcknowledgeAlarm(t.Context(), wrong, "Wang", ""); !errors.Is(err, alarm.ErrUnknown) || !errors.Is(err, page.ErrOver) {
				t.Errorf("%q: %v, want unknown", wrong, err)
			}
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.g.AcknowledgeAlarm(gone, id, "Wang", ""); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("nobody waits: %v", err)
		}
		// A store that refuses: the person is told, and the siren is silent all the same.
		r.smoke(false)
		r.smoke(true)
		id = r.g.View().Alarms[0].ID
		if err := r.g.buffer.Close(); err != nil {
			t.Error(err)
		}
		if err := r.g.AcknowledgeAlarm(t.Context(), id, "Li", ""); err == nil && r.g.View().Alarms[0].KnownBy == "Li" {
			t.Error("an acknowledgement that was not kept is told as kept")
		}
		if shown := r.g.View().Alarms; len(shown) != 1 || shown[0].KnownBy == "" {
			t.Errorf("%+v, want it acknowledged in memory", shown)
		}
		close(r.in)
		<-r.ended
		if err := r.g.AcknowledgeAlarm(t.Context(), id, "Wang", ""); !errors.Is(err, errNotRunning) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestParsedAlarmIDs(t *testing.T) {
	raise := record.Position{Run: record.Run{Epoch: 1<<63 + 5, N: 12}, Seq: 345}
	if got, ok := message.ParseAlarmID("GW-1", message.AlarmID("GW-1", raise)); !ok || got != raise {
		t.Errorf("%+v, %v", got, ok)
	}
}

// Thirty sensors on one dead bus are one alarm, with their names; one that is
// silent beside them is another. None of them is reported at the pace of alarms.
func TestDeadBusIsOneAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sensors []configs.Sensor
		rule := configs.Alarm{Above: &configs.Length{Coefficient: 1}, ClearBelow: &configs.Length{}, Level: configs.Red, FaultAfter: 2 * time.Minute, FaultLevel: "yellow"}
		for i := range 30 {
			sensors = append(sensors, pitSensor(fmt.Sprintf("pit-%02d", i), rule))
		}
		beside := pitSensor("beside", rule)
		beside.Options = &all.ADS1115Options{Bus: "i2c-2", Address: 0x48, Input: "AIN0"}
		slow := pitSensor("slow", rule)
		slow.Options, slow.Sample = &all.ADS1115Options{Bus: "i2c-3", Address: 0x48, Input: "AIN0"}, time.Minute
		quiet := pitSensor("quiet", rule)
		quiet.Alarm = &configs.Alarm{Above: rule.Above, ClearBelow: rule.ClearBelow, Level: configs.Red, FaultLevel: "off"}
		r := startPipeline(t, t.TempDir(), clock.BootID{1}, append(sensors, beside, slow, quiet)...)
		<-time.After(50 * time.Millisecond)
		for _, s := range r.g.cfg.Sensors {
			r.say(s.ID, drivers.NewGood(drivers.Level, drivers.Int(0), drivers.Metre))
		}
		r.g.health.Set(health.BusDown, "i2c-1", "stuck")
		<-time.After(110 * time.Second)
		if shown := r.g.View().Alarms; len(shown) != 0 {
			t.Errorf("after 110 s: %+v", shown)
		}
		<-time.After(15 * time.Second)
		active, _, _ := r.g.live.activeAlarms()
		slices.SortFunc(active, func(a, b record.Alarm) int { return strings.Compare(a.Kind, b.Kind) })
		if len(active) != 2 || active[0].Kind != "bus_down" || len(active[0].Members) != 30 || active[1].Kind != "stale" || active[1].Sensor != "beside" {
			t.Fatalf("active %+v, want the bus and the sensor beside it", active)
		}
		if r.g.live.inAlarm("pit-00") || r.g.live.inAlarm("beside") {
			t.Error("a sensor that cannot be read is reported at the pace of alarms")
		}
		<-time.After(60 * time.Second)
		if n := len(r.g.View().Alarms); n != 3 { // the slow one, after three of its samples
			t.Errorf("%d alarms after three minutes, want 3", n)
		}
		r.g.health.Clear(health.BusDown, "i2c-1")
		<-time.After(2 * time.Second)
		if n := len(r.g.View().Alarms); n != 2 {
			t.Errorf("%d alarms with the bus back, want 2", n)
		}
		r.end()
	})
}

func TestRulesOfTheConfiguration(t *testing.T) {
	length := func(c int64, scale uint8) configs.Length { return configs.Length{Coefficient: c, Scale: scale} }
	gap, on := length(1, 1), true
	several := pitSensor("pit", configs.Alarm{
		Levels:     []configs.AlarmLevel{{Level: configs.Yellow, Above: length(12, 1)}, {Level: configs.Red, Above: length(2, 0)}},
		Hysteresis: &gap, Confirm: 5 * time.Second, FaultAfter: time.Minute, FaultLevel: "blue",
	})
	several.Sample = time.Hour
	latched := pitSensor("well", configs.Alarm{Above: &gap, ClearBelow: &gap, Level: configs.Orange, Latch: &on, FaultLevel: "off"})
	got := rules(&configs.Config{Sensors: []configs.Sensor{several, latched, smokeSensor()}})
	dec := func(c int64, scale uint8) drivers.Decimal { return drivers.Decimal{Coefficient: c, Scale: scale} }
	tenth := dec(1, 1)
	want := []alarm.Rule{
		{Sensor: "pit", Kind: alarm.LevelHigh, Level: record.Red, Confirm: 5 * time.Second, Levels: []alarm.Threshold{
			{Level: record.Yellow, Above: dec(12, 1), ClearBelow: dec(11, 1)}, {Level: record.Red, Above: dec(2, 0), ClearBelow: dec(19, 1)}}},
		{Sensor: "pit", Kind: alarm.Fault, Level: record.Blue, After: 3 * time.Hour, Parents: []string{"i2c-1"}},
		{Sensor: "well", Kind: alarm.LevelHigh, Level: record.Orange, Above: &tenth, ClearBelow: &tenth, Latched: true},
		{Sensor: "smoke", Kind: alarm.Smoke, Level: record.Red, Latched: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
