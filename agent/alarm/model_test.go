package alarm

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"watchpost/agent/record"
	"watchpost/drivers"
)

// The model says in the plainest way what the engine is to do: it keeps the whole
// past of a run and looks through it each time.
//
// The world is a level in the pit with three levels that are confirmed, smoke that
// is latched, and a well; pit and well hang on one bus.
type model struct {
	past     []seenBy
	first    map[string]uint64 // when each sensor's clock began
	lowest   map[string]uint64 // the sensor's clocks stand at least so late: a bus came back
	busBegan uint64
	busKnown bool
	busDown  uint64 // since when
	active   map[string]face
}

type seenBy struct {
	sensor string
	at     uint64
	value  int64 // of centimetres, or a contact
	fault  bool
}

// face is what people see of an alarm.
type face struct {
	Level             record.Severity
	Restored, Unknown bool
}

const modelConfirm = 3

var modelLevels = []struct {
	level        record.Severity
	above, below int64
}{{record.Yellow, 120, 110}, {record.Orange, 150, 140}, {record.Red, 200, 190}}

func modelRules(t testing.TB) []Rule {
	pit := levels(t, modelConfirm*time.Second, "1.2", "1.5", "2.0", "0.1")
	return []Rule{pit, smokeRule(), {Sensor: "well", Kind: LevelHigh},
		faultRule("pit", record.Yellow, "i2c-1"), faultRule("well", record.Yellow, "i2c-1"), faultRule("det", record.Orange, "gpio")}
}

func newModel() *model {
	return &model{first: map[string]uint64{}, lowest: map[string]uint64{}, active: map[string]face{}}
}

func (m *model) restart() {
	active := m.active
	*m = *newModel()
	m.active = active
}

func (m *model) observe(s seenBy) {
	m.past = append(m.past, s)
	if m.first[s.sensor] == 0 {
		m.first[s.sensor] = s.at
	}
	delete(m.active, key(s.sensor, "stale"))
	if s.fault {
		return
	}
	delete(m.active, key(s.sensor, "fault"))
	m.busKnown = m.busKnown || s.sensor != "det"
	switch s.sensor {
	case "det":
		m.contact(s.value != 0)
	case "pit":
		m.level(s.value)
	}
}

func (m *model) contact(on bool) {
	f, active := m.active[smokeKey]
	switch {
	case on && (!active || f.Restored):
		m.active[smokeKey] = face{record.Red, false, true}
	case !on && active && f.Unknown:
		m.active[smokeKey] = face{record.Red, true, true}
	case !on && active:
		delete(m.active, smokeKey)
	}
}

// streak is since when the pit has been at or over a level without a value below.
func (m *model) streak(above int64) (since uint64, ok bool) {
	for _, s := range slices.Backward(m.past) {
		if s.sensor != "pit" || s.fault {
			continue
		}
		if s.value < above {
			break
		}
		since, ok = s.at, true
	}
	return since, ok
}

func (m *model) level(value int64) {
	const pit = "alarm/pit/level_high"
	now := m.past[len(m.past)-1].at
	asked, held := record.Severity(0), record.Severity(0)
	for _, l := range modelLevels {
		if since, ok := m.streak(l.above); ok && now-since >= modelConfirm {
			asked = l.level
		}
		if value >= l.below {
			held = l.level
		}
	}
	f, active := m.active[pit]
	switch {
	case asked > f.Level:
		m.active[pit] = face{asked, false, true}
	case active && held == 0:
		delete(m.active, pit)
	case active && held < f.Level:
		m.active[pit] = face{held, false, f.Unknown}
	}
}

// due is whether a sensor has been silent, or without a value, for too long.
func (m *model) due(sensor string, now uint64) (silent, faulty bool) {
	heard := max(m.first[sensor], m.lowest[sensor])
	valued := heard
	for _, s := range m.past {
		if s.sensor == sensor {
			heard, faulty = max(heard, s.at), s.fault
			if !s.fault {
				valued = max(valued, s.at)
			}
		}
	}
	wait := uint64(patience / time.Second)
	return now-heard >= wait, faulty && now-valued >= wait
}

func (m *model) tick(now uint64, down bool) {
	const bus = "alarm/i2c-1/bus_down"
	if m.busBegan == 0 {
		m.busBegan = now
	}
	m.busKnown = m.busKnown || down || now-m.busBegan >= uint64(patience/time.Second)
	for _, s := range []string{"pit", "well", "det"} {
		if m.first[s] == 0 {
			m.first[s] = now
		}
	}
	_, busActive := m.active[bus]
	if busActive && !down && m.busKnown {
		delete(m.active, bus)
		busActive = false
		m.lowest["pit"], m.lowest["well"] = now, now
	}
	switch {
	case !down:
		m.busDown = 0
	case m.busDown == 0:
		m.busDown = now
	}
	for _, s := range []string{"pit", "well"} {
		_, hasStale := m.active[key(s, "stale")]
		_, hasFault := m.active[key(s, "fault")]
		silent, faulty := m.due(s, now)
		if !busActive && down && ((silent || faulty) && !hasStale && !hasFault || now-m.busDown >= uint64(patience/time.Second)) {
			m.active[bus] = face{record.Yellow, false, true}
			busActive = true
		}
	}
	if busActive { // one alarm, not three
		for _, s := range []string{"pit", "well"} {
			delete(m.active, key(s, "stale"))
			delete(m.active, key(s, "fault"))
		}
	}
	for s, level := range map[string]record.Severity{"pit": record.Yellow, "well": record.Yellow, "det": record.Orange} {
		_, hasStale := m.active[key(s, "stale")]
		_, hasFault := m.active[key(s, "fault")]
		silent, faulty := m.due(s, now)
		switch {
		case hasStale || hasFault || s != "det" && (busActive || down):
		case silent:
			m.active[key(s, "stale")] = face{level, false, true}
		case faulty:
			m.active[key(s, "fault")] = face{level, false, true}
		}
	}
}

func (m *model) acknowledge(key string) {
	f := m.active[key]
	if f.Unknown = false; f.Restored {
		delete(m.active, key)
		return
	}
	m.active[key] = f
}

// faces is what the engine shows.
func faces(active []record.Alarm) map[string]face {
	shown := map[string]face{}
	for _, a := range active {
		shown[key(a.Sensor, a.Kind)] = face{a.Level, a.Restored != nil, a.Ack == nil}
	}
	return shown
}

// received is what a platform makes of the steps: by name, each step once, in
// order, until it is cleared.
func received(steps []record.Alarm) (map[string]face, error) {
	open := map[record.Position]record.Alarm{}
	over := map[record.Position]bool{}
	for _, a := range steps {
		last, known := open[a.Raise]
		switch {
		case over[a.Raise]:
			return nil, fmt.Errorf("%s of %s/%s after it was cleared", a.State, a.Sensor, a.Kind)
		case a.State == record.Raised && known && last.Restored == nil, a.State != record.Raised && !known:
			return nil, fmt.Errorf("%s of %s/%s after %q", a.State, a.Sensor, a.Kind, last.State)
		case a.State == record.Escalated && a.Level <= last.Level, a.State == record.Lowered && a.Level >= last.Level,
			a.State == record.Acknowledged && last.Ack != nil, a.State == record.Restored && last.Restored != nil:
			return nil, fmt.Errorf("%s of %s/%s to %s from %s", a.State, a.Sensor, a.Kind, a.Level, last.Level)
		case a.State == record.Cleared:
			delete(open, a.Raise)
			over[a.Raise] = true
			continue
		}
		open[a.Raise] = a
	}
	return faces(slices.Collect(maps.Values(open))), nil
}

// Whatever happens, in whatever order, with restarts between: the active alarms
// are the model's, the notes bring back exactly them, and the steps alone tell a
// platform the same.
func TestEngineIsTheModel(t *testing.T) {
	counts := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) { compareWithModel(rt, t, counts) })
	for _, kind := range []string{"raised", "escalated", "lowered", "acknowledged", "restored", "cleared", "fault", "stale", "bus_down", "restart"} {
		if counts[kind] == 0 {
			t.Errorf("never seen: %s", kind)
		}
	}
}

func compareWithModel(rt *rapid.T, t *testing.T, counts map[string]int) {
	p, m := play(t, modelRules(t)...), newModel()
	down := false
	observe := func(s seenBy) {
		p.frozen = true
		defer func() { p.frozen = false }()
		s.at = p.obs + p.passed
		q, value, unit := drivers.Level, drivers.Decimal{Coefficient: s.value, Scale: 2}, drivers.Metre
		if s.sensor == "det" {
			q, value, unit = drivers.Smoke, drivers.Int(s.value), drivers.Switch
		}
		r := drivers.NewGood(q, value, unit)
		if s.fault {
			r = drivers.NewFault(q, drivers.NoAnswer)
		}
		p.give(s.sensor, r)
		m.observe(s)
	}
	p.passed = 100
	for range rapid.IntRange(20, 120).Draw(rt, "length") {
		switch op := rapid.IntRange(0, 12).Draw(rt, "op"); op {
		case 0, 1, 2:
			observe(seenBy{sensor: "pit", value: rapid.SampledFrom([]int64{0, 105, 115, 125, 135, 145, 155, 195, 205}).Draw(rt, "level")})
		case 3:
			observe(seenBy{sensor: "det", value: rapid.Int64Range(0, 1).Draw(rt, "smoke")})
		case 4:
			observe(seenBy{sensor: "well"})
		case 5, 6:
			observe(seenBy{sensor: rapid.SampledFrom([]string{"pit", "well", "det"}).Draw(rt, "faulty"), fault: true})
		case 7, 8, 9:
			for range rapid.IntRange(1, 15).Draw(rt, "seconds") {
				var names []string
				if down {
					names = []string{"i2c-1"}
				}
				p.tick(names...)
				m.tick(p.obs+p.passed, down)
			}
		case 10:
			down = !down
		case 11:
			if keys := slices.Sorted(maps.Keys(m.active)); len(keys) > 0 {
				k := rapid.SampledFrom(keys).Draw(rt, "acknowledged")
				p.acknowledge(k)
				m.acknowledge(k)
			}
		case 12:
			p.restart(modelRules(t)...)
			m.restart()
			counts["restart"]++
		}
		compareFaces(rt, p, m)
	}
	for _, a := range p.steps {
		counts[string(a.State)]++
		counts[a.Kind]++
	}
}

func compareFaces(rt *rapid.T, p *player, m *model) {
	active := p.engine.Active()
	if diff := cmp.Diff(m.active, faces(active)); diff != "" {
		rt.Fatalf("active alarms (-model +engine):\n%s", diff)
	}
	if !slices.IsSortedFunc(active, func(a, b record.Alarm) int { return int(b.Level) - int(a.Level) }) {
		rt.Fatalf("active alarms are not in the order of their levels: %+v", active)
	}
	again := New(p.rules())
	for key, n := range p.notes {
		if err := again.Restore(key, n.value, n.at); err != nil {
			rt.Fatal(err)
		}
	}
	if diff := cmp.Diff(active, again.Active()); diff != "" {
		rt.Fatalf("what the notes bring back (-active +notes):\n%s", diff)
	}
	told, err := received(p.steps)
	if err != nil {
		rt.Fatal(err)
	}
	if diff := cmp.Diff(m.active, told); diff != "" {
		rt.Fatalf("what a platform was told (-model +platform):\n%s", diff)
	}
}

// rules are those of the model's world.
func (p *player) rules() []Rule { return modelRules(p.t) }
