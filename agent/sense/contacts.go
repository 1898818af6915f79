package sense

import (
	"strings"

	"watchpost/agent/record"
	"watchpost/drivers"
)

// The words for what contacts say, as events carry them.
const (
	smokeAlarm   = "alarm"
	smokeNormal  = "normal"
	doorOpen     = "open"
	doorClosed   = "closed"
	doorForced   = "forced"
	doorHeld     = "held"
	doorReleased = "released"
)

// Contacts turns readings of contacts into events, one for each change. It is
// used by one goroutine.
//
// A door sensor may say three things: open or closed, forced, held. All become
// events of kind door: "open" and "closed"; "forced" and "held", which hold
// until the next "released" or "closed"; "released" for a door that is neither
// forced nor held any more and was not told to be closed. "closed" ends
// everything. Where a door was both and one of the two ends, the other's word
// is told again in place of "released".
type Contacts struct {
	states map[contactID]*contact
}

type contactID struct {
	sensor   string
	quantity drivers.Quantity
}

// contact is what is known of one contact.
type contact struct {
	state string
	told  string // the last state in an event, of this run or an earlier one
	guard babble
}

// ContactKey names a contact among those NewContacts knows: the sensor's id,
// and for all but doors and smoke, which were there first, a slash and the
// quantity.
func ContactKey(sensor string, q drivers.Quantity) string {
	if q == drivers.Door || q == drivers.Smoke {
		return sensor
	}
	return sensor + "/" + string(q)
}

// contactOf is what ContactKey made a key from. The state's word tells which
// quantity a bare sensor's is.
func contactOf(key, state string) (id contactID, ok bool) {
	if i := strings.LastIndexByte(key, '/'); i >= 0 {
		id = contactID{key[:i], drivers.Quantity(key[i+1:])}
		return id, id.quantity == drivers.DoorForced || id.quantity == drivers.DoorHeld
	}
	switch state {
	case smokeAlarm, smokeNormal:
		return contactID{key, drivers.Smoke}, true
	case doorOpen, doorClosed:
		return contactID{key, drivers.Door}, true
	}
	return contactID{}, false
}

// NewContacts starts from what earlier runs knew: of each contact that an event
// told of, by ContactKey, the ContactState of the reading it was made from. A
// door or smoke contact without one has its first state told as an event marked
// First: nothing is known to have changed, but what comes later must have
// something to differ from, in the next run too. A door of which nothing is
// known is neither forced nor held.
func NewContacts(known map[string]string) *Contacts {
	c := &Contacts{states: map[contactID]*contact{}}
	for key, state := range known {
		if id, ok := contactOf(key, state); ok {
			c.states[id] = &contact{state: state, told: state}
		}
	}
	return c
}

// Observe returns the event of a contact that changed, or is first known. A
// fault is no change: the contact's state is then unknown, and told when it is
// known again and another one.
func (c *Contacts) Observe(r record.Reading) (record.Event, bool) {
	if !r.Quantity.Contact() || !r.HasValue() {
		return record.Event{}, false
	}
	state := ContactState(r.Quantity, r.Value)
	id := contactID{r.Sensor, r.Quantity}
	k, known := c.states[id]
	first := !known && (r.Quantity == drivers.Door || r.Quantity == drivers.Smoke)
	if !known {
		k = &contact{state: doorReleased, told: doorReleased}
		c.states[id] = k
	}
	if state == k.state {
		// Calm again: the state it came to rest in is told once.
		if k.guard.rest(r.At.Offset) {
			return c.tell(r, k, false)
		}
		return record.Event{}, false
	}
	k.state = state
	if !k.guard.occur(r.At.Offset) {
		return record.Event{}, false
	}
	return c.tell(r, k, first)
}

// tell makes the event of a contact's present state, where there is one to tell.
func (c *Contacts) tell(r record.Reading, k *contact, first bool) (record.Event, bool) {
	k.told = k.state
	if r.Quantity == drivers.Door && k.state == doorClosed {
		for _, q := range besides() {
			if other := c.states[contactID{r.Sensor, q}]; other != nil {
				other.state, other.told = doorReleased, doorReleased
			}
		}
	}
	event := record.Event{Obs: r.Obs, At: r.At, Kind: record.EventDoor, Sensor: r.Sensor, State: k.state, First: first}
	switch {
	case r.Quantity == drivers.Smoke:
		event.Kind = record.EventSmoke
	case k.state != doorReleased:
	case c.closed(r.Sensor):
		return record.Event{}, false
	default:
		for _, q := range besides() {
			if other := c.states[contactID{r.Sensor, q}]; other != nil && other.state != doorReleased {
				event.State = other.state
			}
		}
	}
	return event, true
}

// besides is what a door may be beside open.
func besides() [2]drivers.Quantity { return [2]drivers.Quantity{drivers.DoorForced, drivers.DoorHeld} }

// ContactNote is what the next run should know of a contact.
type ContactNote struct {
	Key, State string // as NewContacts takes them
}

// Notes are to be kept together with the event that Observe just made of r.
func (c *Contacts) Notes(r record.Reading) []ContactNote {
	notes := []ContactNote{{ContactKey(r.Sensor, r.Quantity), ContactState(r.Quantity, r.Value)}}
	if r.Quantity == drivers.Door && r.Value.Coefficient == 0 {
		for _, q := range besides() {
			if other := c.states[contactID{r.Sensor, q}]; other != nil {
				notes = append(notes, ContactNote{ContactKey(r.Sensor, q), other.state})
			}
		}
	}
	return notes
}

// closed reports whether the last that was told of a sensor's door is that it
// is closed.
func (c *Contacts) closed(sensor string) bool {
	door := c.states[contactID{sensor, drivers.Door}]
	return door != nil && door.told == doorClosed
}

// Babbling is how many changes of the sensor's contacts were not told because
// they came too fast; 0 when none is babbling.
func (c *Contacts) Babbling(sensor string) (n uint64) {
	for _, q := range [...]drivers.Quantity{drivers.Smoke, drivers.Door, drivers.DoorForced, drivers.DoorHeld} {
		if k, ok := c.states[contactID{sensor, q}]; ok {
			n += k.guard.suppressed
		}
	}
	return n
}

// ContactState is the word for a contact's value, as notes keep it and, but for
// the end of forced and held, events carry it.
func ContactState(q drivers.Quantity, v drivers.Decimal) string {
	active, rest := doorOpen, doorClosed
	switch q {
	case drivers.Smoke:
		active, rest = smokeAlarm, smokeNormal
	case drivers.DoorForced:
		active, rest = doorForced, doorReleased
	case drivers.DoorHeld:
		active, rest = doorHeld, doorReleased
	}
	if v.Coefficient != 0 {
		return active
	}
	return rest
}
