// Package alarm turns readings into alarm steps: rules, and the life of each
// alarm from raised to cleared.
//
// An Engine is pure and synchronous. One goroutine hands it every observation
// in obs order, and about each second the time. For each Step it returns, that
// goroutine appends the step's alarm and note in one transaction and reports the
// position with Committed before it hands over anything else:
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
// # Life
//
// There is one alarm for each sensor and kind. It is raised at the worst level
// whose threshold was reached for the rule's Confirm, escalated when a worse one
// is, lowered when the value is below the ClearBelow of its level but not below
// that of a milder one, and cleared below them all. A value that falls through
// several levels at once makes one step.
//
// Acknowledge says that a person knows. It silences and changes nothing else. An
// escalated alarm is again one nobody knows of.
//
// A latched alarm stays after its condition ended: restored, until somebody
// acknowledges it. Whether the condition holds (Restored) and whether somebody
// knows (Ack) are two things, which gives four states:
//
//	                 nobody knows                      acknowledged
//	condition holds  raised, escalated, lowered        acknowledged, lowered
//	condition over   restored                          (cleared)
//
// # Faults
//
// A reading of quality fault changes no alarm of a value. It raises none, since
// there is no value to judge, and it clears none, since nobody knows that the
// water fell. What it does raise, when it lasts, is an alarm of its own: see
// Fault, Stale and BusDown.
package alarm

import (
	"errors"
	"time"

	"watchpost/agent/record"
	"watchpost/drivers"
)

// Kind says what a rule looks for.
type Kind string

// The kinds of alarms.
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
	// Fault is raised for a sensor that could not be read for the rule's After,
	// until it has a value again. Its rule makes the alarms of Stale and BusDown
	// too.
	Fault Kind = "fault"
	// Stale is raised for a sensor of which nothing was heard for the rule's
	// After, not even that it cannot be read, until something is.
	Stale Kind = "stale"
	// BusDown is raised in place of Fault and Stale for two sensors or more that
	// hang on one bus, while that is down. Its sensor is the bus.
	BusDown Kind = "bus_down"
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

// ofValue reports whether the alarm is about what a sensor observes, not about
// the sensor.
func (k Kind) ofValue() bool { return k != Fault && k != Stale && k != BusDown }

// Threshold is one level of a LevelHigh rule.
type Threshold struct {
	Level record.Severity
	// Above raises, in the unit of the quantity: a value equal to it does.
	Above drivers.Decimal
	// ClearBelow ends it: a value equal to it does not. Anything over Above means
	// Above.
	ClearBelow drivers.Decimal
}

// Rule is one condition on one sensor. There is one rule for each sensor and
// kind; of two, the later replaces the earlier.
type Rule struct {
	Sensor string
	Kind   Kind
	// Quantity is what the rule looks at; empty means level for LevelHigh and
	// the contact's own for the others. A Fault rule looks at those of the
	// sensor's other rules.
	Quantity drivers.Quantity
	// Level is how bad it is. Anything but the four levels counts as Red: an
	// alarm must not be lost over its colour.
	Level record.Severity
	// Above and ClearBelow are a LevelHigh rule's only threshold, at Level. Nil
	// ClearBelow means Above. A rule without any threshold never raises.
	Above, ClearBelow *drivers.Decimal
	// Levels are thresholds beside that one, in any order.
	Levels []Threshold
	// Confirm is how long a LevelHigh value must hold a threshold before it
	// raises or escalates, by the offsets of its readings. Clearing waits for
	// nothing but ClearBelow. Contacts are debounced by their drivers and wait
	// for nothing here, whatever it says.
	Confirm time.Duration
	// Latched keeps the alarm, once its condition is over, until somebody
	// acknowledged it.
	Latched bool
	// After is a Fault rule's patience.
	After time.Duration
	// Parents are the buses and lines a Fault rule's sensor hangs on.
	Parents []string
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

// Notes of steps that no reading and no person made.
const (
	// NoteRuleRemoved is the Note of a step made by Retire.
	NoteRuleRemoved = "rule_removed"
	// NoteFolded is the Note of a step that ends an alarm of a sensor because that
	// of its bus now stands for it: the sensor still cannot be read.
	NoteFolded = "folded"
	// NoteSilent is the Note of a Stale alarm.
	NoteSilent = "silent"
)

// ErrNoRule is returned by Restore, wrapped, for an alarm no rule watches any
// more. Retire makes the step that ends it.
var ErrNoRule = errors.New("no rule watches this alarm")

// ErrActive is returned by Restore, wrapped, for a rule whose alarm has been
// raised anew in the meantime; the new one stands.
var ErrActive = errors.New("alarm is active already")

// ErrUnknown is returned by Acknowledge, wrapped, for an alarm that is not
// active and did not end lately.
var ErrUnknown = errors.New("no such alarm")

// ErrOver is returned by Acknowledge, wrapped, for an alarm that ended before
// anybody acknowledged it.
var ErrOver = errors.New("alarm is over already")

// Holds reports whether the condition of an active alarm is still there, and is
// one of a value: what a latched alarm was about may be long over, and of a
// sensor that cannot be read there is nothing to watch more closely.
func Holds(a record.Alarm) bool {
	return a.State != record.Cleared && a.Restored == nil && Kind(a.Kind).ofValue()
}

func key(sensor, kind string) string { return NotePrefix + sensor + "/" + kind }
