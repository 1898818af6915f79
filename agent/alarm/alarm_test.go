package alarm

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"watchpost/agent/clock"
	"watchpost/agent/record"
	"watchpost/drivers"
)

func decimal(t testing.TB, s string) *drivers.Decimal {
	t.Helper()
	d, err := drivers.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return &d
}

func levelRule(t testing.TB, above, clear string) Rule {
	t.Helper()
	r := Rule{Sensor: "pit", Kind: LevelHigh, Above: decimal(t, above), Level: record.Orange}
	if clear != "" {
		r.ClearBelow = decimal(t, clear)
	}
	return r
}

func stamp(n uint64) clock.Stamp {
	at := time.Duration(n) * time.Second
	return clock.Stamp{Boot: clock.BootID{1}, Offset: at, Wall: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(at), Synced: true}
}

func at(seq uint64) record.Position {
	return record.Position{Run: record.Run{Epoch: 5, N: 1}, Seq: seq}
}

// player feeds an engine as the wiring does and keeps the notes as the buffer
// does.
type player struct {
	t      testing.TB
	engine *Engine
	obs    uint64
	seq    uint64
	passed uint64 // seconds in which nothing was observed
	frozen bool   // observations take no time
	notes  map[string]note
	steps  []record.Alarm // all of them, each with its raise
}

type note struct {
	value []byte
	at    record.Position
}

func play(t testing.TB, rules ...Rule) *player {
	return &player{t: t, engine: New(rules), notes: map[string]note{}}
}

// give hands over one reading and returns the steps' states, as in "raised".
func (p *player) give(sensor string, r drivers.Reading) string {
	p.t.Helper()
	p.obs++
	if p.frozen {
		p.passed-- // the time is the sum, whatever the parts
	}
	return p.keep(p.engine.Observe(record.Reading{Sensor: sensor, Obs: p.obs, At: p.now(), Reading: r}))
}

func (p *player) now() clock.Stamp { return stamp(p.obs + p.passed) }

// tick lets a second pass.
func (p *player) tick(down ...string) string {
	p.t.Helper()
	p.passed++
	return p.keep(p.engine.Tick(p.now(), down))
}

// ticks lets seconds pass and returns what happened, after how many of them.
func (p *player) ticks(n int, down ...string) string {
	p.t.Helper()
	var all []string
	for i := range n {
		if got := p.tick(down...); got != "" {
			all = append(all, fmt.Sprintf("%s after %d", got, i+1))
		}
	}
	return strings.Join(all, ", ")
}

// acknowledge does it for the alarm of the key.
func (p *player) acknowledge(key string) string {
	p.t.Helper()
	steps, err := p.engine.Acknowledge(p.named(key).Raise, "p-41", "on my way", p.now())
	if err != nil {
		return err.Error()
	}
	return p.keep(steps)
}

// named is the active alarm of the key.
func (p *player) named(of string) record.Alarm {
	for _, a := range p.engine.Active() {
		if key(a.Sensor, a.Kind) == of {
			return a
		}
	}
	return record.Alarm{}
}

// keep does with steps what the wiring does.
func (p *player) keep(steps []Step) string {
	p.t.Helper()
	var states []string
	for _, step := range steps {
		p.seq++
		state := string(step.Alarm.State)
		if k := Kind(step.Alarm.Kind); !k.ofValue() {
			state = string(k) + " " + state
		}
		states = append(states, state)
		p.notes[step.Key] = note{step.Note, at(p.seq)}
		if len(step.Note) == 0 {
			delete(p.notes, step.Key)
		}
		if step.Alarm.State != record.Raised && step.Alarm.Raise.IsZero() {
			p.t.Errorf("%s step without its raise", step.Alarm.State)
		}
		if a := step.Alarm; a.Raise.IsZero() {
			a.Raise = at(p.seq)
			p.steps = append(p.steps, a)
		} else {
			p.steps = append(p.steps, a)
		}
		p.engine.Committed(step.Key, at(p.seq))
	}
	return strings.Join(states, "+")
}

// restart is the same engine in a new run, an hour of boot time later.
func (p *player) restart(rules ...Rule) {
	p.t.Helper()
	p.engine = New(rules)
	for key, n := range p.notes {
		if err := p.engine.Restore(key, n.value, n.at); err != nil {
			p.t.Error(err)
		}
	}
}

func (p *player) level(value string) string {
	p.t.Helper()
	return p.give("pit", drivers.NewGood(drivers.Level, *decimal(p.t, value), drivers.Metre))
}

func TestHysteresis(t *testing.T) {
	for _, c := range []struct{ name, above, clear, values, want string }{
		{"the threshold itself raises", "1.50", "1.40", "1.499 1.500", "- raised"},
		{"whatever its decimals", "1.5", "1.4", "1.500", "raised"},
		{"the lower one does not clear", "1.50", "1.40", "1.6 1.40 1.399", "raised - cleared"},
		{"between the two nothing happens", "1.50", "1.40", "1.45 1.5 1.45 1.49 1.3 1.45", "- raised - - cleared -"},
		{"it is raised once", "1.50", "1.40", "1.6 1.7 1.8", "raised - -"},
		{"and again after it was cleared", "1.50", "1.40", "1.6 1.3 1.6", "raised cleared raised"},
		{"without hysteresis", "1.50", "", "1.5 1.49 1.5", "raised cleared raised"},
		{"hysteresis upside down is none", "1.50", "1.80", "1.6 1.6 1.49", "raised - cleared"},
		{"below zero", "-0.10", "-0.20", "-0.11 -0.10 -0.20 -0.21", "- raised - cleared"},
	} {
		p := play(t, levelRule(t, c.above, c.clear))
		var got []string
		for _, v := range strings.Fields(c.values) {
			state := p.level(v)
			if state == "" {
				state = "-"
			}
			got = append(got, state)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s gave %s, want %s", c.name, c.values, s, c.want)
		}
	}
}

func TestSteps(t *testing.T) {
	e := New([]Rule{levelRule(t, "1.50", "1.40")})
	reading := func(obs uint64, r drivers.Reading) record.Reading {
		return record.Reading{Sensor: "pit", Obs: obs, At: stamp(obs), Reading: r}
	}
	steps := e.Observe(reading(10, drivers.NewUncertain(drivers.Level, *decimal(t, "5.000"), drivers.Metre, drivers.OverRange)))
	raised := record.Alarm{
		Obs: 10, At: stamp(10), Sensor: "pit", Kind: "level_high", Level: record.Orange, State: record.Raised,
		Quantity: drivers.Level, Value: decimal(t, "5.000"), Unit: drivers.Metre, Threshold: decimal(t, "1.50"),
		Since: stamp(10), Note: "over_range",
	}
	want := []Step{{Alarm: raised, Key: "alarm/pit/level_high", Note: record.EncodeAlarm(raised)}}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Fatalf("raise (-want +got):\n%s", diff)
	}
	if e.Revision() != 1 {
		t.Errorf("revision %d after the raise, want 1", e.Revision())
	}
	e.Committed(steps[0].Key, at(77))
	e.Committed(steps[0].Key, at(78)) // a later step does not rename the alarm
	e.Committed("alarm/nobody/smoke", at(79))
	raised.Raise = at(77)
	if diff := cmp.Diff([]record.Alarm{raised}, e.Active()); diff != "" {
		t.Errorf("active (-want +got):\n%s", diff)
	}
	if e.Revision() != 2 {
		t.Errorf("revision %d once the alarm has its name, want 2", e.Revision())
	}
	steps = e.Observe(reading(20, drivers.NewGood(drivers.Level, *decimal(t, "1.38"), drivers.Metre)))
	cleared := raised
	cleared.Obs, cleared.At, cleared.State, cleared.Note = 20, stamp(20), record.Cleared, ""
	cleared.Value, cleared.Threshold = decimal(t, "1.38"), decimal(t, "1.40")
	if diff := cmp.Diff([]Step{{Alarm: cleared, Key: "alarm/pit/level_high"}}, steps); diff != "" {
		t.Errorf("clear (-want +got):\n%s", diff)
	}
	if e.Active() != nil || e.Revision() != 3 {
		t.Errorf("after the clear: %v, revision %d", e.Active(), e.Revision())
	}
}

func TestFaultChangesNothing(t *testing.T) {
	// the driver's mistake of a value beside the fault must not matter either
	lies := func(q drivers.Quantity, value int64) []drivers.Reading {
		return []drivers.Reading{
			drivers.NewFault(q, drivers.BrokenWire),
			{Quantity: q, Value: drivers.Int(value), Quality: drivers.Fault, Reason: drivers.NoAnswer},
			{Quantity: q, Value: drivers.Int(value)}, // no quality at all
		}
	}
	p := play(t, levelRule(t, "1.50", "1.40"), Rule{Sensor: "det", Kind: Smoke, Level: record.Red})
	for _, r := range lies(drivers.Level, 9) {
		if got := p.give("pit", r); got != "" {
			t.Errorf("a fault %s a level alarm", got)
		}
	}
	for _, r := range lies(drivers.Smoke, 1) {
		if got := p.give("det", r); got != "" {
			t.Errorf("a fault %s a smoke alarm", got)
		}
	}
	p.level("2.00")
	p.give("det", drivers.NewContact(drivers.Smoke, true))
	revision := p.engine.Revision()
	for _, r := range lies(drivers.Level, 0) {
		if got := p.give("pit", r); got != "" {
			t.Errorf("a fault %s a level alarm", got)
		}
	}
	for _, r := range lies(drivers.Smoke, 0) {
		if got := p.give("det", r); got != "" {
			t.Errorf("a fault %s a smoke alarm", got)
		}
	}
	if n := len(p.engine.Active()); n != 2 || p.engine.Revision() != revision {
		t.Errorf("%d active alarms after the faults, want 2; revision %d, was %d", n, p.engine.Revision(), revision)
	}
	// the same readings of good quality do clear
	if got := p.level("0"); got != "cleared" {
		t.Errorf("a good zero gave %q, want cleared", got)
	}
}

func TestDoorContacts(t *testing.T) {
	for q, want := range map[drivers.Quantity]Kind{drivers.Door: DoorOpen, drivers.DoorForced: DoorForced, drivers.DoorHeld: DoorHeld} {
		kind, ok := ForContact(q)
		if !ok || kind != want {
			t.Fatalf("%s raises %q (%v), want %s", q, kind, ok, want)
		}
		p := play(t, Rule{Sensor: "gate", Kind: kind, Level: record.Orange})
		for other := range map[drivers.Quantity]bool{drivers.Smoke: true, drivers.Door: true, drivers.DoorForced: true, drivers.DoorHeld: true} {
			if other != q {
				if got := p.give("gate", drivers.NewContact(other, true)); got != "" {
					t.Errorf("%s raised %s: %s", other, kind, got)
				}
			}
		}
		if got := p.give("gate", drivers.NewContact(q, true)); got == "" {
			t.Errorf("%s did not raise %s", q, kind)
		}
		if q != drivers.Door {
			p.give("gate", drivers.NewContact(drivers.Door, false))
		}
		if got := p.give("gate", drivers.NewContact(q, false)); got == "" {
			t.Errorf("%s did not clear %s", q, kind)
		}
	}
	if kind, ok := ForContact(drivers.Card); ok {
		t.Errorf("a card raises %s", kind)
	}
}

func TestSmokeContact(t *testing.T) {
	p := play(t, Rule{Sensor: "det", Kind: Smoke, Level: record.Red})
	var got []string
	for _, active := range []bool{false, true, true, false, false, true} {
		got = append(got, p.give("det", drivers.NewContact(drivers.Smoke, active)))
	}
	if diff := cmp.Diff([]string{"", "raised", "", "cleared", "", "raised"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if a := p.engine.Active()[0]; a.Threshold != nil || a.Kind != "smoke" || a.Level != record.Red {
		t.Errorf("active %+v", a)
	}
}

func TestOnlyItsOwnReadings(t *testing.T) {
	p := play(t, levelRule(t, "1.50", ""))
	high := drivers.NewGood(drivers.Level, drivers.Int(9), drivers.Metre)
	if got := p.give("other", high); got != "" {
		t.Errorf("another sensor %s the alarm", got)
	}
	high.Quantity = "pressure"
	if got := p.give("pit", high); got != "" {
		t.Errorf("another quantity %s the alarm", got)
	}
	high.Quantity = drivers.Level
	if got := p.give("pit", high); got != "raised" {
		t.Errorf("its own reading gave %q", got)
	}
}

func TestRules(t *testing.T) {
	first, second := levelRule(t, "1.50", ""), levelRule(t, "3.00", "")
	second.Level = 9
	p := play(t, first, second, Rule{Sensor: "well", Kind: LevelHigh})
	if got := p.level("2.00"); got != "" {
		t.Errorf("the replaced rule %s an alarm", got)
	}
	if got := p.level("3.00"); got != "raised" || p.engine.Active()[0].Level != record.Red {
		t.Errorf("got %q, %+v", got, p.engine.Active())
	}
	if got := p.give("well", drivers.NewGood(drivers.Level, drivers.Int(99), drivers.Metre)); got != "" {
		t.Errorf("a rule without threshold %s an alarm", got)
	}
}

func TestActiveOrder(t *testing.T) {
	rule := func(sensor string, level record.Severity) Rule {
		return Rule{Sensor: sensor, Kind: Smoke, Level: level}
	}
	p := play(t, rule("a", record.Yellow), rule("b", record.Red), rule("c", record.Red), rule("d", record.Blue))
	for _, sensor := range []string{"d", "c", "a", "b"} {
		p.give(sensor, drivers.NewContact(drivers.Smoke, true))
	}
	var got []string
	for _, a := range p.engine.Active() {
		got = append(got, a.Sensor)
	}
	if s := strings.Join(got, ""); s != "cbad" {
		t.Errorf("order %s, want cbad: level, then since", s)
	}
}
