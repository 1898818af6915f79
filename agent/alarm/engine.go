package alarm

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/record"
	"watchpost/drivers"
)

// Engine holds the rules and their active alarms. It is not safe for concurrent
// use.
type Engine struct {
	bySensor map[string][]*watch
	byKey    map[string]*watch
	sights   map[string]*sight // of sensors with a Fault rule
	buses    map[string]*bus
	open     map[string]bool // sensors whose door was last seen open
	ended    []ended         // lately, the newest last
	ticked   time.Duration   // offset of the last Tick
	ticking  bool            // there was one
	revision uint64
}

// watch is a rule and its alarm.
type watch struct {
	rule   Rule
	key    string
	active *record.Alarm // newest step, nil when there is no alarm
	// reached is since when the value has held each of the rule's thresholds, as
	// an offset; negative: it does not.
	reached []time.Duration
}

const never = time.Duration(-1)

// New makes an engine with no active alarm.
func New(rules []Rule) *Engine {
	e := &Engine{
		bySensor: map[string][]*watch{}, byKey: map[string]*watch{},
		sights: map[string]*sight{}, buses: map[string]*bus{}, open: map[string]bool{},
	}
	faults := map[string]Rule{}
	for _, r := range rules {
		if r = normal(r); r.Kind == Fault {
			faults[r.Sensor] = r
			continue
		}
		w := newWatch(r)
		if old := e.byKey[w.key]; old != nil {
			old.rule, old.reached = w.rule, w.reached
			continue
		}
		e.byKey[w.key] = w
		e.bySensor[r.Sensor] = append(e.bySensor[r.Sensor], w)
	}
	e.watchFaults(faults)
	return e
}

func newWatch(r Rule) *watch {
	return &watch{rule: r, key: key(r.Sensor, string(r.Kind)), reached: slices.Repeat([]time.Duration{never}, len(r.Levels))}
}

func normal(r Rule) Rule {
	if r.Quantity == "" {
		r.Quantity = r.Kind.quantity()
	}
	r.Level = colour(r.Level)
	levels := slices.Clone(r.Levels)
	if r.Above != nil {
		one := Threshold{Level: r.Level, Above: *r.Above, ClearBelow: *r.Above}
		if r.ClearBelow != nil {
			one.ClearBelow = *r.ClearBelow
		}
		levels = append(levels, one)
	}
	for i := range levels {
		t := &levels[i]
		t.Level = colour(t.Level)
		if t.ClearBelow.Compare(t.Above) > 0 {
			t.ClearBelow = t.Above
		}
	}
	r.Levels = levels
	if r.Kind != LevelHigh {
		r.Levels = nil
	}
	return r
}

func colour(l record.Severity) record.Severity {
	if l < record.Blue || l > record.Red {
		return record.Red
	}
	return l
}

// Observe judges one reading. Readings come in the order of their obs.
func (e *Engine) Observe(r record.Reading) []Step {
	steps := e.seen(r)
	if !r.HasValue() {
		return steps
	}
	if r.Quantity == drivers.Door {
		e.open[r.Sensor] = r.Value.Coefficient != 0
	}
	for _, w := range e.bySensor[r.Sensor] {
		if r.Quantity == w.rule.Quantity {
			steps = append(steps, e.judge(w, r)...)
		}
	}
	return steps
}

// untilClosed reports whether only a closed door ends the alarm. After a restart
// or a fault a driver calls no door forced or held, since it did not see it open;
// that the door still stands open is known all the same.
func (r Rule) untilClosed() bool { return r.Kind == DoorForced || r.Kind == DoorHeld }

// judge makes the step that a value asks for, if any.
func (e *Engine) judge(w *watch, r record.Reading) []Step {
	asked, held := w.levels(r)
	if w.active == nil {
		if asked == 0 {
			return nil
		}
		return e.raise(w, record.Alarm{
			Obs: r.Obs, At: r.At, Since: r.At, Level: asked, Quantity: r.Quantity,
			Value: &r.Value, Unit: r.Unit, Threshold: w.above(asked), Note: string(r.Reason),
		})
	}
	if held == 0 && w.rule.untilClosed() && e.open[r.Sensor] {
		return nil
	}
	a := *w.active
	was := a.Level
	a.Obs, a.At, a.Value, a.Unit, a.By, a.Note = r.Obs, r.At, &r.Value, r.Unit, "", string(r.Reason)
	switch {
	case a.Restored != nil && asked > 0:
		a.State, a.Restored, a.Ack, a.Level, a.Threshold = record.Raised, nil, nil, asked, w.above(asked)
	case a.Restored != nil:
		return nil
	case asked > was:
		a.State, a.Ack, a.Level, a.Threshold = record.Escalated, nil, asked, w.above(asked)
	case held == 0:
		a.Threshold = w.below(0)
		return e.over(w, a)
	case held < was:
		a.State, a.Level, a.Threshold = record.Lowered, held, w.below(held)
	default:
		return nil
	}
	return e.step(w, a)
}

// levels is the worst level that the value asks for, and the worst that it still
// holds up; 0: none. Between ClearBelow and Above it only holds up.
func (w *watch) levels(r record.Reading) (asked, held record.Severity) {
	if w.rule.Kind != LevelHigh {
		if r.Value.Coefficient == 0 {
			return 0, 0
		}
		return w.rule.Level, w.rule.Level
	}
	for i, t := range w.rule.Levels {
		switch {
		case r.Value.Compare(t.Above) < 0:
			w.reached[i] = never
		case w.reached[i] == never:
			w.reached[i] = r.At.Offset
		}
		if w.reached[i] != never && r.At.Offset-w.reached[i] >= w.rule.Confirm {
			asked = max(asked, t.Level)
		}
		if r.Value.Compare(t.ClearBelow) >= 0 {
			held = max(held, t.Level)
		}
	}
	return asked, held
}

// above is the threshold of a level on the way up.
func (w *watch) above(level record.Severity) *drivers.Decimal {
	for i := range w.rule.Levels {
		if w.rule.Levels[i].Level == level {
			return &w.rule.Levels[i].Above
		}
	}
	return nil
}

// below is the last threshold that was crossed on the way down to a level.
func (w *watch) below(level record.Severity) (lowest *drivers.Decimal) {
	for i := range w.rule.Levels {
		t := &w.rule.Levels[i]
		if t.Level > level && (lowest == nil || t.ClearBelow.Compare(*lowest) < 0) {
			lowest = &t.ClearBelow
		}
	}
	return lowest
}

// raise begins an alarm.
func (e *Engine) raise(w *watch, a record.Alarm) []Step {
	a.Sensor, a.Kind, a.State = w.rule.Sensor, string(w.rule.Kind), record.Raised
	return e.step(w, a)
}

// step makes a the alarm's newest step.
func (e *Engine) step(w *watch, a record.Alarm) []Step {
	w.active = &a
	e.revision++
	return []Step{{Alarm: a, Key: w.key, Note: record.EncodeAlarm(a)}}
}

// over takes in that the condition of a ended.
func (e *Engine) over(w *watch, a record.Alarm) []Step {
	if w.rule.Latched && a.Ack == nil {
		at := a.At
		a.State, a.Restored = record.Restored, &at
		return e.step(w, a)
	}
	return e.end(w, a)
}

// end clears the alarm.
func (e *Engine) end(w *watch, a record.Alarm) []Step {
	a.State = record.Cleared
	w.active = nil
	e.forget(a)
	e.revision++
	return []Step{{Alarm: a, Key: w.key}}
}

// Committed says where the newest step of key was recorded. The position of the
// raising step names the alarm; later steps carry it.
func (e *Engine) Committed(key string, at record.Position) {
	w := e.byKey[key]
	if w == nil || w.active == nil || !w.active.Raise.IsZero() {
		return
	}
	named := *w.active
	named.Raise = at
	w.active = &named
	e.revision++
}

// Active lists the newest step of every active alarm, the worst level first,
// then the oldest, then by sensor and kind.
func (e *Engine) Active() []record.Alarm {
	var list []record.Alarm
	for _, w := range e.byKey {
		if w.active != nil {
			list = append(list, *w.active)
		}
	}
	slices.SortFunc(list, func(a, b record.Alarm) int {
		return cmp.Or(
			cmp.Compare(b.Level, a.Level),
			a.Since.Wall.Compare(b.Since.Wall),
			strings.Compare(key(a.Sensor, a.Kind), key(b.Sensor, b.Kind)),
		)
	})
	return list
}

// Revision rises with every change of what Active returns. It starts at 0 in
// each run.
func (e *Engine) Revision() uint64 { return e.revision }

// endedKept is how many alarms that ended are remembered, to tell somebody who
// acknowledges one that it is over.
const endedKept = 128

// ended is an alarm that is over.
type ended struct {
	raise record.Position
	acked bool
}

func (e *Engine) forget(a record.Alarm) {
	if len(e.ended) == endedKept {
		e.ended = slices.Delete(e.ended, 0, 1)
	}
	e.ended = append(e.ended, ended{a.Raise, a.Ack != nil})
}

// stamped is a later step of an alarm, made at a moment and by no reading.
func stamped(a record.Alarm, at clock.Stamp) record.Alarm {
	a.Obs, a.At, a.By, a.Note = 0, at, "", ""
	return a
}
