package forward

import (
	"sync/atomic"

	"watchpost/buffer"
)

// Stats counts what the far side confirmed since the start.
type Stats struct {
	Messages  uint64    // of the lanes
	Bytes     uint64    // of their payloads
	Records   [3]uint64 // carried by them, per lane
	GivenUp   [3]uint64 // records that could not be decoded, per lane
	Documents uint64    // messages
}

type counters struct {
	messages, bytes, documents atomic.Uint64
	records, givenUp           [3]atomic.Uint64
}

// Stats may be called at any time.
func (f *Forwarder) Stats() Stats {
	s := Stats{
		Messages:  f.stats.messages.Load(),
		Bytes:     f.stats.bytes.Load(),
		Documents: f.stats.documents.Load(),
	}
	for lane := range lanes() {
		s.Records[lane] = f.stats.records[lane].Load()
		s.GivenUp[lane] = f.stats.givenUp[lane].Load()
	}
	return s
}

// lanes yields all lanes in the order they are sent.
func lanes() func(yield func(buffer.Lane) bool) {
	return func(yield func(buffer.Lane) bool) {
		for _, lane := range []buffer.Lane{buffer.Alarms, buffer.Events, buffer.Readings} {
			if !yield(lane) {
				return
			}
		}
	}
}
