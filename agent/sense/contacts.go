package sense

import (
	"time"

	"watchpost/agent/record"
	"watchpost/drivers"
)

// maxEventRate is how many changes a contact may make within a second before it
// counts as babbling: promise 2's bound, so that a loose wire cannot fill the
// events lane.
const maxEventRate = 10

// calm is how long a babbling contact must keep still to be believed again.
const calm = 10 * time.Second

// Contacts turns readings of contacts into events, one for each change. It is
// used by one goroutine.
type Contacts struct {
	states map[string]*contact
}

// contact is what is known of one contact.
type contact struct {
	state      string
	times      []time.Duration // offsets of the last changes
	suppressed uint64          // changes not told while babbling
	lastChange time.Duration
}

// NewContacts starts from what earlier runs knew: the last state told of each
// sensor. A sensor without one has its first state told as an event marked
// First: nothing is known to have changed, but what comes later must have
// something to differ from, in the next run too.
func NewContacts(known map[string]string) *Contacts {
	c := &Contacts{states: map[string]*contact{}}
	for sensor, state := range known {
		c.states[sensor] = &contact{state: state}
	}
	return c
}

// Observe returns the event of a contact that changed, or is first known. A fault is no change:
// the contact's state is then unknown, and told when it is known again and
// another one.
func (c *Contacts) Observe(r record.Reading) (record.Event, bool) {
	if !r.Quantity.Contact() || !r.HasValue() {
		return record.Event{}, false
	}
	state := ContactState(r.Quantity, r.Value)
	k, known := c.states[r.Sensor]
	if !known {
		k = &contact{state: state}
		c.states[r.Sensor] = k
		event := c.event(r, k, state)
		event.First = true
		return event, true
	}
	if k.suppressed > 0 {
		if state != k.state {
			k.lastChange, k.suppressed, k.state = r.At.Offset, k.suppressed+1, state
			return record.Event{}, false
		}
		if r.At.Offset-k.lastChange < calm {
			return record.Event{}, false
		}
		// Calm again: the state it came to rest in is told once.
		k.suppressed, k.times = 0, nil
		return c.event(r, k, state), true
	}
	if state == k.state {
		return record.Event{}, false
	}
	k.state, k.lastChange = state, r.At.Offset
	for len(k.times) > 0 && r.At.Offset-k.times[0] >= time.Second {
		k.times = k.times[1:]
	}
	if len(k.times) >= maxEventRate {
		k.suppressed = 1
		return record.Event{}, false
	}
	return c.event(r, k, state), true
}

func (c *Contacts) event(r record.Reading, k *contact, state string) record.Event {
	k.times = append(k.times, r.At.Offset)
	return record.Event{Obs: r.Obs, At: r.At, Kind: record.EventKind(r.Quantity), Sensor: r.Sensor, State: state}
}

// Babbling is how many changes of the sensor were not told because they came
// too fast; 0 when it is not babbling.
func (c *Contacts) Babbling(sensor string) uint64 {
	if k, ok := c.states[sensor]; ok {
		return k.suppressed
	}
	return 0
}

// ContactState is the word for a contact's value, as events carry it.
func ContactState(q drivers.Quantity, v drivers.Decimal) string {
	active := v.Coefficient != 0
	switch {
	case q == drivers.Smoke && active:
		return "alarm"
	case q == drivers.Smoke:
		return "normal"
	case active:
		return "open"
	}
	return "closed"
}
