package sense

import "watchpost/agent/record"

// Cards turns presentations into events, one for each, and a babbling reader
// into a count. It is used by one goroutine.
type Cards struct {
	readers map[string]*babble
}

// NewCards knows no reader yet. Presentations need no memory of earlier runs.
func NewCards() *Cards { return &Cards{readers: map[string]*babble{}} }

// Observe returns the event of a presentation. It must see all observations of
// a reader, so that it knows when the reader is calm again. Presentations
// without identity, made where there is no site key, are events too; their
// pseudonym is empty.
func (c *Cards) Observe(o Observation) (record.Event, bool) {
	guard, known := c.readers[o.Sensor]
	if o.Card == nil {
		if known {
			guard.rest(o.At.Offset)
		}
		return record.Event{}, false
	}
	if !known {
		guard = &babble{}
		c.readers[o.Sensor] = guard
	}
	if !guard.occur(o.At.Offset) {
		return record.Event{}, false
	}
	return record.Event{Obs: o.Obs, At: o.At, Kind: record.EventCard, Sensor: o.Sensor, Card: o.Card}, true
}

// Babbling is how many presentations of the sensor were not told because they
// came too fast; 0 when it is not babbling.
func (c *Cards) Babbling(sensor string) uint64 {
	if guard, ok := c.readers[sensor]; ok {
		return guard.suppressed
	}
	return 0
}
