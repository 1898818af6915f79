// Package alarm turns readings into alarm steps: rules, and the life of each
// alarm from raised to cleared.
//
// An Engine is pure and synchronous. One goroutine hands it every observation
// in obs order and, for each Step it returns, appends the step's alarm and note
// in one transaction and reports the position with Committed before the next
// observation:
//
//	for _, step := range engine.Observe(reading) {
//		at := append(record.EncodeAlarm(step.Alarm), note{step.Key, step.Note})
//		engine.Committed(step.Key, at)
//	}
//
// The note is what survives a restart: the alarm's newest step in the form of
// package record, so it is versioned and a reader that knows fewer fields can
// read it. A raising note does not name its own position; the buffer hands it
// back with the position of the record it was committed with.
//
// A fault changes nothing. It raises no alarm of these kinds, since there is no
// value to judge, and it clears none, since nobody knows that the water fell.
package alarm

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"watchpost/agent/clock"
	"watchpost/agent/record"
	"watchpost/drivers"
)

// Kind says what a rule looks for.
type Kind string

// The kinds of rules.
const (
	// LevelHigh is raised when the value reaches Above and cleared when it is
	// below ClearBelow.
	LevelHigh Kind = "level_high"
	// Smoke is raised while a smoke contact is in alarm.
	Smoke Kind = "smoke"
	// DoorOpen is raised while a plain door contact is open.
	DoorOpen Kind = "door_open"
	// DoorForced is raised for a door that nothing let open, until it closes.
	DoorForced Kind = "door_forced"
	// DoorHeld is raised for a door that was let open and stands open too long,
	// until it closes.
	DoorHeld Kind = "door_held"
)

// ForContact is the kind of alarm that a contact of quantity q raises by being
// active; false for what is no contact.
func ForContact(q drivers.Quantity) (Kind, bool) {
	switch q {
	case drivers.Smoke:
		return Smoke, true
	case drivers.Door:
		return DoorOpen, true
	case drivers.DoorForced:
		return DoorForced, true
	case drivers.DoorHeld:
		return DoorHeld, true
	}
	return "", false
}

// quantity is what a rule of the kind looks at.
func (k Kind) quantity() drivers.Quantity {
	for _, q := range []drivers.Quantity{drivers.Smoke, drivers.Door, drivers.DoorForced, drivers.DoorHeld} {
		if kind, _ := ForContact(q); kind == k {
			return q
		}
	}
	return drivers.Level
}

// Rule is one condition on one sensor. There is one rule for each sensor and
// kind; of two, the later replaces the earlier.
type Rule struct {
	Sensor string
	Kind   Kind
	// Quantity is what the rule looks at; empty means level for LevelHigh and
	// the contact's own for the others.
	Quantity drivers.Quantity
	// Above raises, in the unit of the quantity: a value equal to it does. A
	// LevelHigh rule without it never raises.
	Above *drivers.Decimal
	// ClearBelow clears: a value equal to it does not. Nil, or anything over
	// Above, means Above.
	ClearBelow *drivers.Decimal
	// Level is how bad it is. Anything but the four levels counts as Red: an
	// alarm must not be lost over its colour.
	Level record.Severity
}

// Step is one change of an alarm, to be appended to the alarms lane.
type Step struct {
	Alarm record.Alarm
	// Key and Note are the buffer note to commit with it. An empty Note removes
	// the key.
	Key  string
	Note []byte
}

// NotePrefix begins the key of every alarm note.
const NotePrefix = "alarm/"

// NoteRuleRemoved is the Note of a step made by Retire.
const NoteRuleRemoved = "rule_removed"

// ErrNoRule is returned by Restore, wrapped, for an alarm no rule watches any
// more. Retire makes the step that ends it.
var ErrNoRule = errors.New("no rule watches this alarm")

// ErrActive is returned by Restore, wrapped, for a rule whose alarm has been
// raised anew in the meantime; the new one stands.
var ErrActive = errors.New("alarm is active already")

// Engine holds the rules and their active alarms. It is not safe for concurrent
// use.
type Engine struct {
	bySensor map[string][]*watch
	byKey    map[string]*watch
	open     map[string]bool // sensors whose door was last seen open
	revision uint64
}

// watch is a rule and its alarm.
type watch struct {
	rule   Rule
	key    string
	active *record.Alarm // newest step, nil when there is no alarm
}

// New makes an engine with no active alarm.
func New(rules []Rule) *Engine {
	e := &Engine{bySensor: map[string][]*watch{}, byKey: map[string]*watch{}, open: map[string]bool{}}
	for _, r := range rules {
		w := &watch{rule: normal(r), key: key(r.Sensor, string(r.Kind))}
		if old := e.byKey[w.key]; old != nil {
			old.rule = w.rule
			continue
		}
		e.byKey[w.key] = w
		e.bySensor[r.Sensor] = append(e.bySensor[r.Sensor], w)
	}
	return e
}

func key(sensor, kind string) string { return NotePrefix + sensor + "/" + kind }

func normal(r Rule) Rule {
	if r.Quantity == "" {
		r.Quantity = r.Kind.quantity()
	}
	if r.Above != nil && (r.ClearBelow == nil || r.ClearBelow.Compare(*r.Above) > 0) {
		r.ClearBelow = r.Above
	}
	if r.Level < record.Blue || r.Level > record.Red {
		r.Level = record.Red
	}
	return r
}

// Observe judges one reading. Readings come in the order of their obs. The
// result is empty unless an alarm was raised or cleared.
func (e *Engine) Observe(r record.Reading) []Step {
	if !r.HasValue() {
		return nil
	}
	if r.Quantity == drivers.Door {
		e.open[r.Sensor] = r.Value.Coefficient != 0
	}
	var steps []Step
	for _, w := range e.bySensor[r.Sensor] {
		if r.Quantity != w.rule.Quantity {
			continue
		}
		raises, clears := w.rule.judge(r.Value)
		clears = clears && !(w.rule.untilClosed() && e.open[r.Sensor])
		switch {
		case w.active == nil && raises:
			a := w.raised(r)
			w.active = &a
			steps = append(steps, Step{Alarm: a, Key: w.key, Note: record.EncodeAlarm(a)})
		case w.active != nil && clears:
			steps = append(steps, Step{Alarm: w.cleared(r), Key: w.key})
			w.active = nil
		default:
			continue
		}
		e.revision++
	}
	return steps
}

// untilClosed reports whether only a closed door ends the alarm. After a restart
// or a fault a driver calls no door forced or held, since it did not see it open;
// that the door still stands open is known all the same.
func (r Rule) untilClosed() bool { return r.Kind == DoorForced || r.Kind == DoorHeld }

// judge reports whether v raises the alarm and whether it clears it. Between
// ClearBelow and Above it does neither.
func (r Rule) judge(v drivers.Decimal) (raises, clears bool) {
	switch {
	case r.Kind != LevelHigh:
		raises = v.Coefficient != 0
		return raises, !raises
	case r.Above == nil: // nothing to raise, nothing to keep up
		return false, true
	}
	return v.Compare(*r.Above) >= 0, v.Compare(*r.ClearBelow) < 0
}

func (w *watch) raised(r record.Reading) record.Alarm {
	return record.Alarm{
		Obs: r.Obs, At: r.At, Since: r.At,
		Sensor: w.rule.Sensor, Kind: string(w.rule.Kind), Level: w.rule.Level,
		State: record.Raised, Quantity: r.Quantity, Value: &r.Value, Unit: r.Unit,
		Threshold: w.rule.Above, Note: string(r.Reason),
	}
}

// cleared is the step that ends the active alarm; its threshold is the one that
// was crossed on the way down.
func (w *watch) cleared(r record.Reading) record.Alarm {
	a := *w.active
	a.Obs, a.At, a.State = r.Obs, r.At, record.Cleared
	a.Value, a.Unit, a.Threshold = &r.Value, r.Unit, w.rule.ClearBelow
	a.By, a.Note = "", string(r.Reason)
	return a
}

// Committed says where the newest step of key was recorded. The position of the
// raising step names the alarm; later steps carry it.
func (e *Engine) Committed(key string, at record.Position) {
	w := e.byKey[key]
	if w == nil || w.active == nil || !w.active.Raise.IsZero() {
		return
	}
	w.active.Raise = at
	e.revision++
}

// Restore takes up an alarm from a note of an earlier run; at is the position
// the note was committed with. It belongs before the first Observe. When it
// comes later it only takes up an alarm whose rule has none. On any error the
// engine is unchanged and goes on; the error wraps ErrNoRule, ErrActive or an
// error of package record.
func (e *Engine) Restore(key string, value []byte, at record.Position) error {
	a, err := decodeNote(key, value, at)
	if err != nil {
		return err
	}
	w := e.byKey[key]
	switch {
	case w == nil:
		return fmt.Errorf("restore alarm %q: %w", key, ErrNoRule)
	case w.active != nil:
		return fmt.Errorf("restore alarm %q: %w", key, ErrActive)
	}
	w.active = &a
	e.revision++
	return nil
}

// Retire makes the step that ends an alarm for which Restore returned
// ErrNoRule: without it the platform would hold the alarm for ever.
func Retire(key string, value []byte, at record.Position, now clock.Stamp) (Step, error) {
	a, err := decodeNote(key, value, at)
	if err != nil {
		return Step{}, err
	}
	a.Obs, a.At, a.State = 0, now, record.Cleared
	a.Value, a.Threshold, a.Unit = nil, nil, ""
	a.By, a.Note = "", NoteRuleRemoved
	return Step{Alarm: a, Key: key}, nil
}

func decodeNote(noteKey string, value []byte, at record.Position) (record.Alarm, error) {
	a, err := record.DecodeAlarm(value)
	if err != nil {
		return record.Alarm{}, fmt.Errorf("read alarm note %q: %w", noteKey, err)
	}
	if key(a.Sensor, a.Kind) != noteKey || a.State == record.Cleared {
		return record.Alarm{}, fmt.Errorf("read alarm note %q: %w: it holds %s %s/%s",
			noteKey, record.ErrDamaged, a.State, a.Sensor, a.Kind)
	}
	if a.Raise.IsZero() {
		a.Raise = at
	}
	return a, nil
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
