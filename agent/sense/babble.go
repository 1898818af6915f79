package sense

import "time"

// maxEventRate is how many events a sensor may make within a second before it
// counts as babbling: promise 2's bound, so that a loose wire cannot fill the
// events lane.
const maxEventRate = 10

// calm is how long the events of a babbling sensor must have kept to that rate
// to be told again. Not how long there must be none: at a busy gate there is
// never a pause.
const calm = 10 * time.Second

// babble guards the events lane against one source of events. Times are offsets
// since boot.
type babble struct {
	recent     [maxEventRate]time.Duration // the last events, told or not
	filled     int
	over       time.Duration // when there were last too many
	suppressed uint64        // events not told since it began
}

// occur counts one event and reports whether it is to be told.
func (b *babble) occur(at time.Duration) bool {
	b.rest(at)
	tooFast := b.filled == maxEventRate && at-b.recent[0] < time.Second
	if b.filled == maxEventRate {
		copy(b.recent[:], b.recent[1:])
		b.filled--
	}
	b.recent[b.filled] = at
	b.filled++
	if tooFast {
		b.over = at
	}
	if tooFast || b.suppressed > 0 {
		b.suppressed++
		return false
	}
	return true
}

// rest reports whether babbling just ended.
func (b *babble) rest(at time.Duration) bool {
	if b.suppressed == 0 || at-b.over < calm {
		return false
	}
	b.suppressed = 0
	return true
}
