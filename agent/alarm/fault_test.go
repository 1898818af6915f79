package alarm

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"watchpost/agent/record"
	"watchpost/drivers"
)

const patience = 20 * time.Second

func faultRule(sensor string, level record.Severity, parents ...string) Rule {
	return Rule{Sensor: sensor, Kind: Fault, Level: level, After: patience, Parents: parents}
}

func (p *player) broken(sensor string) string {
	p.t.Helper()
	return p.give(sensor, drivers.NewFault(drivers.Level, drivers.BrokenWire))
}

func (p *player) well(sensor string) string {
	p.t.Helper()
	return p.give(sensor, drivers.NewGood(drivers.Level, drivers.Int(0), drivers.Metre))
}

// allWell has sensors say a value, in no time.
func (p *player) allWell(sensors ...string) {
	p.t.Helper()
	p.frozen = true
	for _, s := range sensors {
		p.well(s)
	}
	p.frozen = false
}

// shared lets seconds pass in which every sensor says that it cannot be read.
func (p *player) shared(n int, down []string, sensors ...string) (happened string) {
	p.t.Helper()
	for i := range n {
		p.passed++
		p.frozen = true
		for _, s := range sensors {
			p.broken(s)
		}
		p.frozen = false
		if got := p.keep(p.engine.Tick(p.now(), down)); got != "" {
			happened += fmt.Sprintf("%s after %d;", got, i+1)
		}
	}
	return happened
}

func TestFault(t *testing.T) {
	p := play(t, levelRule(t, "1.50", "1.40"), faultRule("pit", record.Yellow))
	p.tick()
	p.well("pit")
	if got := p.shared(30, nil, "pit"); got != "fault raised after 20;" {
		t.Fatalf("a broken wire: %q, want a fault after 20 s", got)
	}
	a := p.named("alarm/pit/fault")
	want := record.Alarm{Raise: at(1), At: stamp(22), Since: stamp(3), Sensor: "pit", Kind: "fault", Level: record.Yellow, State: record.Raised, Note: "broken_wire"}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := p.well("pit"); got != "fault cleared" {
		t.Errorf("a value: %q", got)
	}
	// one good reading is enough to begin anew
	if got := p.shared(15, nil, "pit") + p.well("pit") + p.shared(15, nil, "pit"); got != "" {
		t.Errorf("two faults of 15 s: %q", got)
	}
}

func TestStale(t *testing.T) {
	p := play(t, levelRule(t, "1.50", "1.40"), faultRule("pit", record.Yellow))
	if got := p.ticks(25); got != "stale raised after 21" { // the first tick begins
		t.Fatalf("never heard of: %q", got)
	}
	if got := p.broken("pit"); got != "stale cleared" {
		t.Errorf("heard again, though broken: %q", got)
	}
	if got := p.tick(); got != "fault raised" {
		t.Errorf("heard, and without a value for long: %q", got)
	}
	if got := p.ticks(60); got != "" {
		t.Errorf("silent while it cannot be read: %q, want the one alarm it has", got)
	}
	p.well("pit")
	if got := p.ticks(25); got != "stale raised after 20" {
		t.Errorf("silent after a value: %q", got)
	}
	if a := p.named("alarm/pit/stale"); a.Note != NoteSilent || a.Since != stamp(p.obs+p.passed-25) {
		t.Errorf("%+v", a)
	}
	if got := p.well("pit"); got != "stale cleared" {
		t.Errorf("a value: %q", got)
	}
	if got := play(t, levelRule(t, "1.50", "1.40")).ticks(300); got != "" {
		t.Errorf("without a fault rule: %q", got)
	}
}

// What nobody looked at is not the sensor's fault: a stopped process, a store
// that held the pipeline up.
func TestPauseIsNotSilence(t *testing.T) {
	p := play(t, levelRule(t, "1.50", "1.40"), faultRule("pit", record.Yellow))
	p.tick()
	p.well("pit")
	p.passed += 3600
	if got := p.ticks(5); got != "" {
		t.Errorf("after a pause of an hour: %q", got)
	}
	if got := p.ticks(30); got != "stale raised after 7" { // of the hour, 10 s count
		t.Errorf("and silent after it: %q", got)
	}
}

// A door has several quantities; all have to be back.
func TestFaultOfOneQuantity(t *testing.T) {
	rules := []Rule{
		{Sensor: "gate", Kind: DoorForced, Level: record.Orange}, {Sensor: "gate", Kind: DoorHeld, Level: record.Orange},
		faultRule("gate", record.Yellow),
	}
	p := play(t, rules...)
	p.tick()
	happened := ""
	both := func(forced drivers.Reading) {
		p.passed++
		p.frozen = true
		happened += p.give("gate", forced)
		happened += p.give("gate", drivers.NewContact(drivers.DoorHeld, false))
		p.frozen = false
		happened += p.keep(p.engine.Tick(p.now(), nil))
	}
	for range 30 {
		both(drivers.NewFault(drivers.DoorForced, drivers.LineStuck))
	}
	if happened != "fault raised" {
		t.Errorf("one of two quantities: %q, want one fault", happened)
	}
	p.restart(rules...)
	happened = p.give("gate", drivers.NewContact(drivers.DoorHeld, false))
	if happened += p.give("gate", drivers.NewFault(drivers.DoorForced, drivers.LineStuck)); happened != "" {
		t.Errorf("after a restart the one that works: %q", happened)
	}
	if got := p.give("gate", drivers.NewContact(drivers.DoorForced, false)); got != "fault cleared" {
		t.Errorf("both work: %q", got)
	}
}

// busRig is n sensors on one bus, and one beside it.
func busRig(t *testing.T, n int) (p *player, on []string, rules []Rule) {
	t.Helper()
	rules = []Rule{{Sensor: "beside", Kind: LevelHigh}, faultRule("beside", record.Yellow, "ttyS1")}
	for i := range n {
		id := fmt.Sprintf("s%02d", i)
		on = append(on, id)
		rules = append(rules, Rule{Sensor: id, Kind: LevelHigh}, faultRule(id, record.Blue+record.Severity(i%2), "i2c-1"))
	}
	p = play(t, rules...)
	p.tick()
	p.allWell(append(on, "beside")...)
	return p, on, rules
}

func TestDeadBusIsOneAlarm(t *testing.T) {
	p, on, rules := busRig(t, 30)
	down := []string{"i2c-1"}
	if got := p.shared(60, down, append(on, "beside")...); got != "bus_down raised+fault raised after 20;" {
		t.Fatalf("30 sensors on a dead bus and one beside it: %q", got)
	}
	bus := p.named("alarm/i2c-1/bus_down")
	if diff := cmp.Diff(on, bus.Members); diff != "" || bus.Level != record.Yellow || bus.Note != "bus_down" {
		t.Errorf("%+v", bus)
	}
	if got := p.acknowledge("alarm/i2c-1/bus_down"); got != "bus_down acknowledged" {
		t.Errorf("acknowledged: %q", got)
	}
	// A new run does not know yet whether the bus works, and must not clear.
	p.restart(rules...)
	if got := p.shared(19, nil, on...); got != "" {
		t.Errorf("after a restart, the bus not looked at yet: %q", got)
	}
	if got := p.shared(10, down, on...); got != "" {
		t.Errorf("still down: %q", got)
	}
	// It is back, and two members are not: they have their time to be read again.
	if got := p.shared(1, nil, "s00", "s01"); got != "bus_down cleared after 1;" {
		t.Errorf("back: %q", got)
	}
	happened := ""
	for i := range 30 {
		p.allWell(on[2:]...)
		if got := p.shared(1, nil, "s00", "s01", "beside"); got != "" {
			happened += fmt.Sprintf("%d: %s", i+1, got)
		}
	}
	if happened != "20: fault raised+fault raised after 1;" {
		t.Errorf("two members stay away: %q", happened)
	}
}

// A bus with one alarmed sensor has no alarm of its own: the sensor's name says more.
func TestBusOfOneSensor(t *testing.T) {
	p, on, _ := busRig(t, 1)
	if got := p.shared(30, []string{"i2c-1"}, on...); got != "stale raised+fault raised after 20;" { // the sensor beside is silent
		t.Errorf("%q, want the sensor's own fault", got)
	}
	// Negative control of the fold: the same two sensors without a word of the bus.
	p, on, _ = busRig(t, 2)
	if got := p.shared(30, nil, on...); got == "" || len(p.engine.Active()) < 2 {
		t.Errorf("a bus that is not known to be down: %q", got)
	}
}

// A member's value after a restart says that the bus works.
func TestBusKnownByAMember(t *testing.T) {
	p, on, rules := busRig(t, 2)
	p.shared(30, []string{"i2c-1"}, on...)
	p.restart(rules...)
	p.tick()
	p.well(on[0])
	if got := p.tick(); got != "bus_down cleared" {
		t.Errorf("%q", got)
	}
}

// After a restart nobody may ever find out more of a bus whose sensors stay away:
// the alarm of the earlier run ends after the longest patience on it, and no member
// has one of its own before.
func TestBusNobodyKnows(t *testing.T) {
	p, on, rules := busRig(t, 2)
	p.shared(30, []string{"i2c-1"}, on...)
	for i, r := range rules {
		if r.Kind == Fault && r.Sensor == on[0] {
			rules[i].After = patience / 2
		}
	}
	p.restart(rules...)
	if got := p.shared(25, nil, append(on, "beside")...); got != "bus_down cleared+fault raised after 21;" { // the fault is that of the sensor beside
		t.Errorf("%q", got)
	}
	if got := p.shared(30, nil, append(on, "beside")...); got != "fault raised after 6;fault raised after 16;" {
		t.Errorf("then: %q", got)
	}
}

// A bus that is known to be down only after its sensors had alarms of their own
// takes them in: it is one alarm then too. What stays away when the bus is back has
// one of its own again.
func TestDeadBusTakesItsSensorsIn(t *testing.T) {
	p, on, rules := busRig(t, 3)
	p.shared(30, nil, append(on, "beside")...)
	if n := len(p.engine.Active()); n != 4 {
		t.Fatalf("%d alarms while nobody knows of the bus, want 4", n)
	}
	down := []string{"i2c-1"}
	if got := p.shared(10, down, append(on, "beside")...); got != "" {
		t.Errorf("down for 10 s: %q, want its patience", got)
	}
	if got := p.shared(15, down, append(on, "beside")...); got != "bus_down raised+fault cleared+fault cleared+fault cleared after 11;" {
		t.Errorf("down for longer: %q", got)
	}
	active := p.engine.Active()
	if len(active) != 2 {
		t.Errorf("active %+v, want the bus and the sensor beside it", active)
	}
	p.restart(rules...)
	p.tick()
	p.allWell(on[2])
	if got := p.shared(1, nil, on[:2]...); got != "bus_down cleared after 1;" {
		t.Errorf("one is back: %q", got)
	}
	if got := p.shared(25, nil, append(on[:2:2], "beside")...); got != "fault raised+fault raised+stale raised after 20;" { // the third fell silent
		t.Errorf("two are not: %q", got)
	}
}

// One sensor that has long been broken makes no bus alarm of a bus that was down
// for a moment.
func TestBrokenSensorOnABusThatBlinks(t *testing.T) {
	p, on, _ := busRig(t, 3)
	happened := ""
	for i := range 60 {
		p.allWell(append(on[1:], "beside")...)
		var down []string
		if i > 40 && i < 45 {
			down = []string{"i2c-1"}
		}
		happened += p.shared(1, down, on[0])
	}
	if happened != "fault raised after 1;" {
		t.Errorf("%q, want the one alarm", happened)
	}
}
