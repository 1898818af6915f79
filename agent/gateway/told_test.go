package gateway

import (
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/alarm"
	"watchpost/agent/clock"
	"watchpost/agent/health"
	"watchpost/agent/page"
	"watchpost/agent/record"
	"watchpost/configs"
)

// Each alarm on the page says where it is, what to do now and whom to call; what
// the configuration says to do is for what the sensor warns of, not for its faults.
func TestAlarmSaysWhereWhatAndWhom(t *testing.T) {
	pit, plain := pitSensor("pit", configs.Alarm{Todo: configs.Name{Zh: "关闸"}}), pitSensor("plain", configs.Alarm{})
	pit.Place = configs.Place{Building: "3栋", Room: "泵房"}
	g := &gateway{
		clock: clock.New(clock.Source{SinceBoot: func() time.Duration { return 0 }, Wall: time.Now, Disciplined: func() bool { return true }}, time.Time{}),
		boots: clock.NewTable(),
		cfg: &configs.Config{
			Gateway: configs.Gateway{ID: "GW-1", Compound: "锦绣花园", Duty: &configs.Duty{Name: "值班室", Phone: "010-1"}},
			Sensors: []configs.Sensor{pit, plain},
		},
	}
	advice := func(k alarm.Kind) health.Text {
		return health.Text{ZH: alarm.Advice(k, alarm.Chinese), EN: alarm.Advice(k, alarm.English)}
	}
	for _, c := range []struct {
		sensor string
		kind   alarm.Kind
		where  string
		todo   health.Text
	}{
		{"pit", alarm.LevelHigh, "3栋 泵房", health.Text{ZH: "关闸", EN: advice(alarm.LevelHigh).EN}},
		{"pit", alarm.Fault, "3栋 泵房", advice(alarm.Fault)},
		{"pit", alarm.Stale, "3栋 泵房", advice(alarm.Stale)},
		{"plain", alarm.Smoke, "锦绣花园", advice(alarm.Smoke)},
		{"i2c-1", alarm.BusDown, "锦绣花园", advice(alarm.BusDown)},
	} {
		got := g.viewAlarm(record.Alarm{Sensor: c.sensor, Kind: string(c.kind), Level: record.Red, State: record.Raised})
		if got.Where != c.where || got.Todo != c.todo || got.Duty != "值班室" || got.Phone != "010-1" {
			t.Errorf("%s of %s: %+v", c.kind, c.sensor, got)
		}
	}
}

// A card in the log is for those who gave the password; everything else is not
// hidden.
func TestOnlyCardsArePrivate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startPipeline(t, t.TempDir(), clock.BootID{1}, smokeSensor())
		r.smoke(true)
		r.g.live.remember(mustLine(t, r.g, record.Event{Kind: record.EventCard, Sensor: "gate", At: r.g.clock.Now(), Card: &record.Card{Pseudonym: "0011223344556677"}}))
		private := map[bool][]page.Event{}
		for _, e := range r.g.View().Events {
			private[e.Private] = append(private[e.Private], e)
		}
		if len(private[true]) != 1 || private[true][0].TextEN != "gate: card 0011…" || len(private[false]) < 2 {
			t.Errorf("private %+v, for everybody %+v", private[true], private[false])
		}
		r.end()
	})
}

func mustLine(t *testing.T, g *gateway, rec any) logLine {
	t.Helper()
	line, ok := g.line(rec)
	if !ok {
		t.Fatalf("%T has no line", rec)
	}
	return line
}

// The first state of a contact is said as it is: nobody saw it become so.
func TestFirstStatesAreNoChanges(t *testing.T) {
	g := &gateway{cfg: &configs.Config{}}
	for want, e := range map[string]record.Event{
		"d：开始监测时是关闭的|d: closed when watching began": {Kind: record.EventDoor, State: "closed", First: true},
		"d：开始监测时是打开的|d: open when watching began":   {Kind: record.EventDoor, State: "open", First: true},
		"d：打开|d: opened": {Kind: record.EventDoor, State: "open"},
		"d：开始监测时正常|d: normal when watching began":     {Kind: record.EventSmoke, State: "normal", First: true},
		"d：开始监测时已在报警|d: in alarm when watching began": {Kind: record.EventSmoke, State: "alarm", First: true},
		"d：触点报警|d: contact in alarm":                  {Kind: record.EventSmoke, State: "alarm"},
	} {
		e.Sensor = "d"
		if zh, en := g.words(e); zh+"|"+en != want {
			t.Errorf("got %s|%s, want %s", zh, en, want)
		}
	}
}
