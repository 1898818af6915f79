package alarm

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"watchpost/agent/record"
	"watchpost/drivers"
)

func TestRestart(t *testing.T) {
	rules := []Rule{levelRule(t, "1.50", "1.40"), {Sensor: "det", Kind: Smoke, Level: record.Red}}
	before := play(t, rules...)
	before.give("det", drivers.NewContact(drivers.Smoke, true))
	before.level("2.00")
	before.give("det", drivers.NewContact(drivers.Smoke, false))
	if len(before.notes) != 1 {
		t.Fatalf("%d notes, want that of the level alarm alone", len(before.notes))
	}

	after := play(t, rules...)
	after.seq = 100
	for key, n := range before.notes {
		if err := after.engine.Restore(key, n.value, n.at); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(before.engine.Active(), after.engine.Active()); diff != "" {
		t.Errorf("active after the restart (-before +after):\n%s", diff)
	}
	if after.engine.Revision() == 0 {
		t.Error("the revision did not rise")
	}
	if got := after.level("1.45"); got != "" {
		t.Errorf("still high after the restart: %q", got)
	}
	steps := after.engine.Observe(record.Reading{Sensor: "pit", Reading: drivers.NewGood(drivers.Level, drivers.Int(1), drivers.Metre)})
	if len(steps) != 1 || steps[0].Alarm.State != record.Cleared || steps[0].Alarm.Raise != at(2) {
		t.Errorf("the clear does not name the raise before the restart: %+v", steps)
	}

	// without the note the same water is a new alarm
	if got := play(t, rules...).level("1.60"); got != "raised" {
		t.Errorf("without notes: %q", got)
	}
}

func TestRestoreRefused(t *testing.T) {
	p := play(t, levelRule(t, "1.50", "1.40"))
	p.level("2.00")
	key := "alarm/pit/level_high"
	old := p.notes[key]
	gone := record.EncodeAlarm(record.Alarm{Sensor: "gone", Kind: "smoke", Level: record.Red, State: record.Raised, Since: stamp(1)})
	active := p.engine.Active()
	for _, c := range []struct {
		name, key string
		value     []byte
		want      error
	}{
		{"empty", key, nil, record.ErrDamaged},
		{"cut", key, old.value[:len(old.value)-3], record.ErrDamaged},
		{"of a newer release", key, append([]byte{9}, old.value[1:]...), record.ErrNewer},
		{"of another alarm", key, gone, record.ErrDamaged},
		{"without a rule", "alarm/gone/smoke", gone, ErrNoRule},
		{"raised anew", key, old.value, ErrActive},
	} {
		if err := p.engine.Restore(c.key, c.value, at(9)); !errors.Is(err, c.want) {
			t.Errorf("note %s: %v, want %v", c.name, err, c.want)
		}
	}
	if diff := cmp.Diff(active, p.engine.Active()); diff != "" {
		t.Errorf("refused notes changed the engine:\n%s", diff)
	}
	if got := p.level("1.00"); got != "cleared" {
		t.Errorf("after the refusals: %q, want cleared", got)
	}
	// a store that opens late brings back what is not active now
	if err := p.engine.Restore(key, old.value, old.at); err != nil {
		t.Error(err)
	}
	if got := p.level("1.00"); got != "cleared" {
		t.Errorf("restored late: %q, want cleared", got)
	}

	step, err := Retire("alarm/gone/smoke", gone, at(9), stamp(50))
	want := Step{Key: "alarm/gone/smoke", Alarm: record.Alarm{Raise: at(9), At: stamp(50), Sensor: "gone", Kind: "smoke",
		Level: record.Red, State: record.Cleared, Since: stamp(1), Note: NoteRuleRemoved}}
	if diff := cmp.Diff(want, step); err != nil || diff != "" {
		t.Errorf("retire: %v\n%s", err, diff)
	}
	if _, err := Retire(key, gone, at(9), stamp(50)); !errors.Is(err, record.ErrDamaged) {
		t.Errorf("retire with the wrong note: %v", err)
	}
}

// A door that was forced before a restart, or a fault, and still stands open
// stays in alarm: the driver, which did not see it open, calls it neither forced
// nor held.
func TestForcedDoorStaysAnAlarmUntilClosed(t *testing.T) {
	for q, kind := range map[drivers.Quantity]Kind{drivers.DoorForced: DoorForced, drivers.DoorHeld: DoorHeld} {
		rule := Rule{Sensor: "gate", Kind: kind, Level: record.Red}
		before := play(t, rule)
		before.give("gate", drivers.NewContact(drivers.Door, true))
		if got := before.give("gate", drivers.NewContact(q, true)); got != "raised" {
			t.Fatalf("%s: %q", q, got)
		}
		after := play(t, rule)
		for key, n := range before.notes {
			if err := after.engine.Restore(key, n.value, n.at); err != nil {
				t.Fatal(err)
			}
		}
		for name, p := range map[string]*player{"fault": before, "restart": after} {
			p.give("gate", drivers.NewFault(drivers.Door, drivers.BusDown))
			p.give("gate", drivers.NewContact(drivers.Door, true))
			if got := p.give("gate", drivers.NewContact(q, false)); got != "" {
				t.Errorf("%s after a %s, the door still open: %q", q, name, got)
			}
			p.give("gate", drivers.NewContact(drivers.Door, false))
			if got := p.give("gate", drivers.NewContact(q, false)); got != "cleared" {
				t.Errorf("%s after a %s, the door closed: %q, want cleared", q, name, got)
			}
		}
	}
}
