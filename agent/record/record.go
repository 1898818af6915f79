package record

import (
	"fmt"

	"watchpost/agent/clock"
	"watchpost/drivers"
)

// Run names one life of the process: `<epoch>-<n>`. Runs are compared for
// equality.
type Run struct {
	Epoch uint64
	N     uint64
}

// String is the epoch in 16 hex digits, a dash and n.
func (r Run) String() string { return fmt.Sprintf("%016x-%d", r.Epoch, r.N) }

// Position names a record within its lane for ever.
type Position struct {
	Run Run
	Seq uint64
}

// IsZero reports that the position names nothing.
func (p Position) IsZero() bool { return p == Position{} }

// Reading is one observation of one sensor, stamped.
type Reading struct {
	Sensor string
	Obs    uint64 // order of observation over all sensors of this run
	At     clock.Stamp
	drivers.Reading
}

// Lane is one of the three ways out, in the order they are sent. The numbers
// are those of buffer.Lane.
type Lane uint8

// The lanes.
const (
	Alarms Lane = iota
	Events
	Readings
)

// Lanes lists all lanes in the order they are sent.
func Lanes() []Lane { return []Lane{Alarms, Events, Readings} }

// String is the lane's word in topics and documents.
func (l Lane) String() string {
	switch l {
	case Alarms:
		return "alarms"
	case Events:
		return "events"
	case Readings:
		return "readings"
	}
	return fmt.Sprintf("lane(%d)", uint8(l))
}

// EventKind says what happened.
type EventKind string

// Event kinds in use.
const (
	// EventSmoke and EventDoor are contacts that changed; State has the new
	// state.
	EventSmoke EventKind = "smoke"
	EventDoor  EventKind = "door"
	// EventCard is a card presented to a reader, or a code typed on its keypad;
	// Card says which, as a pseudonym.
	EventCard EventKind = "card"
	// EventTime is a clock that came to be believed, or was stepped; Time says
	// where it now stands.
	EventTime EventKind = "time"
	// EventRun is the first event of a run; Start says how the one before ended.
	EventRun EventKind = "run"
	// EventLoss says which records were given up; Loss has the ranges.
	EventLoss EventKind = "loss"
)

// Event is something that happened once and matters by itself.
type Event struct {
	Obs    uint64 // 0 when no sensor observed it
	At     clock.Stamp
	Kind   EventKind
	Sensor string // empty when it is the gateway's own
	State  string // contacts: "alarm", "normal", "open", "closed", "forced", "held", "released"
	// First says that State is the first ever known of the contact: nothing
	// changed, but a receiver may start from it.
	First bool
	Start *Start // EventRun only
	Loss  *Loss  // EventLoss only
	Card  *Card  // EventCard only
	Time  *Fix   // EventTime only
}

// Card is what was presented to a reader.
type Card struct {
	// Pseudonym stands for the card: keyed, so that it says nothing without the
	// site's key, and the same each time. Empty where there is no site key.
	Pseudonym string
	// Format is how the reader sent it, such as "h10301" or "uid".
	Format string
}

// Fix says what time it really was at one moment of a boot.
type Fix = clock.Fix

// Start tells a receiver what a new run knows of the one before it.
type Start struct {
	Predecessor Run    // zero in a fresh data directory
	Ended       string // "clean", "unclean", "unknown"
	// Durable is the last seq of the predecessor known to be on flash, per lane.
	Durable [3]uint64
	// LostWithinMS bounds the readings that may be lost: those the predecessor
	// took in the last so many milliseconds of its life. 0 after a clean end.
	LostWithinMS uint64
	// LostAtMost bounds their number. 0 after a clean end.
	LostAtMost uint64
	// Quarantined says that a damaged store was set aside at this start.
	Quarantined bool
	// Salvaged counts the records brought over from it.
	Salvaged uint64
}

// Loss names records that will never be sent.
type Loss struct {
	Lane   Lane
	Reason string // "full", "unreadable", "memory"
	Count  uint64
	Ranges []Range
}

// Range is a run of seqs, both ends included.
type Range struct {
	Run   Run
	First uint64
	Last  uint64
}

// AlarmState is a step in an alarm's life.
type AlarmState string

// The steps. Only Cleared ends an alarm: whoever reads a step of a later release
// takes the alarm for one that goes on, at the level the step says.
const (
	// Raised begins an alarm, or finds the condition of a restored one again:
	// Raise then names the record that began it.
	Raised AlarmState = "raised"
	// Escalated is a worse level. Nobody has acknowledged that one.
	Escalated AlarmState = "escalated"
	// Lowered is a milder level.
	Lowered AlarmState = "lowered"
	// Acknowledged is a person who knows. The condition may hold or not.
	Acknowledged AlarmState = "acknowledged"
	// Restored is a condition that ended, of an alarm that waits for a person.
	Restored AlarmState = "restored"
	Cleared  AlarmState = "cleared"
)

// Severity is an alarm's level by the four colours of Chinese warnings. The
// numbers are stored: never reorder.
type Severity uint8

// The four levels.
const (
	Blue Severity = iota + 1
	Yellow
	Orange
	Red
)

// String is the colour's name.
func (s Severity) String() string {
	switch s {
	case Blue:
		return "blue"
	case Yellow:
		return "yellow"
	case Orange:
		return "orange"
	case Red:
		return "red"
	}
	return "invalid"
}

// Alarm is one step in an alarm's life.
type Alarm struct {
	// Raise is where the alarm was raised: with the gateway's id it is the
	// alarm's own id. Zero in the raising record itself, which is its own Raise.
	Raise     Position
	Obs       uint64
	At        clock.Stamp
	Sensor    string
	Kind      string // "level_high", "smoke", "fault"
	Level     Severity
	State     AlarmState
	Quantity  drivers.Quantity
	Value     *drivers.Decimal // the value that caused this step; nil when there is none
	Unit      drivers.Unit
	Threshold *drivers.Decimal
	Since     clock.Stamp // when the condition began
	By        string      // who acknowledged; empty otherwise
	Note      string
	// Ack is who knows of the alarm at its present level; nil: nobody. It stays
	// with the steps that follow the acknowledgement.
	Ack *Ack
	// Restored is when the condition ended; nil: it holds, or the alarm ended with
	// it.
	Restored *clock.Stamp
	// Members are the sensors a fault of something they share stands for.
	Members []string
}

// Ack is an acknowledgement.
type Ack struct {
	At   clock.Stamp
	By   string
	Note string
}
