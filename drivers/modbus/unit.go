package modbus

import (
	"context"
	"sync/atomic"
	"time"
)

// A unit answers in order and each question at most once, but its answer does
// not say which register it is of. So after a question that went unanswered the
// next answer may be a late one to that, and look right in everything. No
// waiting helps against a unit, or a radio bridge before it, that is later than
// the wait. Counting does: as long as n earlier questions may still be
// answered, the first n answers are not believed and the question is asked
// again.

// memory is how long an unanswered question may still be answered.
const memory = 10 * time.Second

// silentAfter is how many questions in a row a unit leaves unanswered before it
// counts as silent: it is then asked once each time, and after all others.
const silentAfter = 3

// unit is what the master knows of one unit. It is used by whoever holds busy.
type unit struct {
	busy   chan struct{} // room for one: a unit is asked one question at a time
	missed atomic.Int32  // answers missed in a row; -1 before the first question

	question Request   // the last one
	owed     int       // its answers that may still come
	older    int       // answers to other questions that may come before those
	missing  time.Time // when an answer was last found missing
}

func newUnit() *unit {
	u := &unit{busy: make(chan struct{}, 1)}
	u.missed.Store(-1)
	return u
}

func (u *unit) take(ctx context.Context) error {
	select {
	case u.busy <- struct{}{}:
		return nil
	default:
	}
	select {
	case u.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (u *unit) give() { <-u.busy }

func (u *unit) rank() rank {
	switch n := u.missed.Load(); {
	case n == 0:
		return answering
	case n < silentAfter:
		return unknown
	}
	return silent
}

// asks notes that r goes out now.
func (u *unit) asks(r Request) {
	if time.Since(u.missing) > memory {
		u.owed, u.older = 0, 0
	}
	if !u.question.same(r) {
		u.older += u.owed
		u.owed = 0
		u.question = r
	}
	u.owed++
}

// answers notes an answer that has the form of one to the present question, and
// reports whether it cannot be one to an older question.
func (u *unit) answers() (believed bool) {
	u.missed.Store(0)
	if u.older > 0 {
		u.older--
		return false
	}
	u.owed--
	return true
}

// misses notes that a question got no answer in time. seen are answers to older
// questions that came instead.
func (u *unit) misses(seen int) {
	u.older = max(0, u.older-seen)
	u.missed.Store(max(0, u.missed.Load()) + 1)
	u.missing = time.Now()
}
