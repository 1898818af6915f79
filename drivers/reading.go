package drivers

// Quantity says what was observed.
type Quantity string

// The quantities of the drivers built so far.
const (
	// Level is a water level above the sensor's configured zero.
	Level Quantity = "level"
	// Smoke is a smoke detector's alarm contact: 1 in alarm, 0 at rest.
	Smoke Quantity = "smoke"
	// Door is a door contact: 1 open, 0 closed.
	Door Quantity = "door"
	// DoorForced is 1 while a door stands open that nothing let open.
	DoorForced Quantity = "door_forced"
	// DoorHeld is 1 while a door that was let open stands open too long.
	DoorHeld Quantity = "door_held"
	// Card is how many cards a reader has read since the driver started. A
	// reading of a card just presented carries its Token as well.
	Card Quantity = "card"
	// Misread is how many frames of a reader were refused since the driver
	// started: noise, parity, odd lengths.
	Misread Quantity = "misread"
)

// Contact reports whether q has two states whose change is an event.
func (q Quantity) Contact() bool {
	switch q {
	case Smoke, Door, DoorForced, DoorHeld:
		return true
	}
	return false
}

// Unit is a unit as spelled in the SenML units registry (RFC 8428 section 12.1).
type Unit string

// Units in use.
const (
	Metre Unit = "m"
	// Switch is the registry's unit for the value of a switch: 0 or 1.
	Switch Unit = "/"
	// Count is a counter's value.
	Count Unit = "count"
	// Milliampere, Millimetre and Centimetre are secondary units (RFC 8798),
	// used for raw values only.
	Milliampere Unit = "mA"
	Millimetre  Unit = "mm"
	Centimetre  Unit = "cm"
)

// Quality says how far a reading can be trusted.
type Quality uint8

// The three qualities. The zero value is none of them, so that a forgotten
// quality cannot pass for a good one. The numbers are stored: never reorder.
const (
	// Good is a plain measurement.
	Good Quality = iota + 1
	// Uncertain is a value at or past the edge of what the sensor promises.
	Uncertain
	// Fault is no value at all; Reason says why.
	Fault
)

// String is the word used on the wire and on the page.
func (q Quality) String() string {
	switch q {
	case Good:
		return "good"
	case Uncertain:
		return "uncertain"
	case Fault:
		return "fault"
	}
	return "invalid"
}

// Reason is the stable code behind a quality that is not Good.
type Reason string

// Reasons, grouped by what is wrong.
const (
	// BrokenWire is a loop current below NAMUR NE 43's lower fault limit.
	BrokenWire Reason = "broken_wire"
	// LoopOvercurrent is a loop current above NAMUR NE 43's upper fault limit.
	LoopOvercurrent Reason = "loop_overcurrent"
	// UnderRange is below the measuring range, the value being clamped to it.
	UnderRange Reason = "under_range"
	// OverRange is above the measuring range, the value being clamped to it.
	OverRange Reason = "over_range"
	// BetweenBands is a loop current between measuring range and fault limit.
	BetweenBands Reason = "between_bands"

	// NoAnswer is a device that does not answer its address.
	NoAnswer Reason = "no_answer"
	// NotReady is a device that answered but did not finish in time.
	NotReady Reason = "not_ready"
	// BadAnswer is an answer that cannot be right: checksum, length, settings.
	BadAnswer Reason = "bad_answer"
	// BusDown is a bus that is stuck or gone; no device on it can be read.
	BusDown Reason = "bus_down"
	// Refused is a request the device answered with an exception.
	Refused Reason = "refused"
	// BadValue is a value by which the device itself says that it has none.
	BadValue Reason = "bad_value"

	// NoEcho is a distance sensor that saw nothing.
	NoEcho Reason = "no_echo"
	// Interference is a sensor disturbed by others of its kind: two ultrasonic
	// probes, or several cards before one reader.
	Interference Reason = "interference"
	// BlindZone is an object nearer than a distance sensor can see.
	BlindZone Reason = "blind_zone"

	// LineStuck is a data line of a reader that rests at the wrong level.
	LineStuck Reason = "line_stuck"
	// SwappedLines is a reader whose two data lines are exchanged.
	SwappedLines Reason = "swapped_lines"
	// ParityErrors is a reader whose frames arrive with wrong parity.
	ParityErrors Reason = "parity_errors"
	// Noise is a reader whose frames arrive with too few or too many bits.
	Noise Reason = "noise"
	// Overrun is a reader that spoke faster than it was listened to.
	Overrun Reason = "overrun"

	// Missing is hardware the gateway does not have (yet).
	Missing Reason = "missing"
	// NoAccess is hardware that this user may not open.
	NoAccess Reason = "no_access"
	// Stuck is a sample that did not come back before its deadline.
	Stuck Reason = "stuck"
	// BadWiring is a setting or wiring no reading can come from.
	BadWiring Reason = "bad_wiring"
	// Broken is any other failure; the log has the error.
	Broken Reason = "broken"
)

// Reading is one observation by a driver. Value and Unit are meaningless when
// Quality is Fault: make readings with NewGood, NewUncertain and NewFault.
type Reading struct {
	Quantity Quantity
	Value    Decimal
	Unit     Unit
	Quality  Quality
	Reason   Reason // empty when Good
	// Raw is what the value was made from, for whoever checks the wiring. It may
	// be there in a fault too. It is never recorded or sent.
	Raw Raw
	// Token is what was presented to a reader just now; zero otherwise.
	Token Token
}

// Raw is a quantity as the chip has it: the current of a loop in mA, a distance
// in mm, a register. The zero Raw, known by its empty unit, is none.
type Raw struct {
	Value Decimal
	Unit  Unit
}

// WithRaw is r with what it was made from.
func (r Reading) WithRaw(v Decimal, u Unit) Reading {
	r.Raw = Raw{Value: v, Unit: u}
	return r
}

// NewGood is a plain measurement.
func NewGood(q Quantity, v Decimal, u Unit) Reading {
	return Reading{Quantity: q, Value: v, Unit: u, Quality: Good}
}

// NewUncertain is a value with a doubt.
func NewUncertain(q Quantity, v Decimal, u Unit, why Reason) Reading {
	return Reading{Quantity: q, Value: v, Unit: u, Quality: Uncertain, Reason: why}
}

// NewFault is the absence of a value.
func NewFault(q Quantity, why Reason) Reading {
	return Reading{Quantity: q, Quality: Fault, Reason: why}
}

// HasValue reports whether Value may be used.
func (r Reading) HasValue() bool { return r.Quality == Good || r.Quality == Uncertain }

// NewContact is the state of a contact: 1 when active, 0 at rest.
func NewContact(q Quantity, active bool) Reading {
	if active {
		return NewGood(q, Int(1), Switch)
	}
	return NewGood(q, Int(0), Switch)
}
