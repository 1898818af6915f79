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
// the wait. Counting does: an answer is taken for one to the oldest question it
// can belong to, and believed only when it can belong to no other question.
// Otherwise the question is asked again.
//
// Where an answer was lost and not late, that takes a question more each time.
// So there is a mark first: the other read function, whose answer or exception
// carries its own code. Once it is answered, all questions before it are over.

// memory is how long an unanswered question may still be answered.
const memory = 10 * time.Second

// markless is how many marks in vain show that a unit answers none.
const markless = 3

// silentAfter is how many questions in a row a unit leaves unanswered before it
// counts as silent: it is then asked once each time, and after all others.
const silentAfter = 3

// unit is what the master knows of one unit. It is used by whoever holds busy.
type unit struct {
	busy   chan struct{} // room for one: a unit is asked one question at a time
	missed atomic.Int32  // answers missed in a row; -1 before the first question

	open []openQuestion // what may still be answered, the oldest first
	vain int            // marks in a row that it left unanswered while it answered the question
}

// openQuestion is a question whose answer may still come.
type openQuestion struct {
	request Request
	at      time.Time
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
	case n < 0:
		return unasked
	case n < silentAfter:
		return unknown
	}
	return silent
}

// asks notes that r goes out now.
func (u *unit) asks(r Request) {
	for len(u.open) > 0 && time.Since(u.open[0].at) > memory {
		u.open = u.open[1:]
	}
	u.open = append(u.open, openQuestion{request: r, at: time.Now()})
}

// answers notes an answer to r, as far as its form tells, and reports whether
// it can be to no other question.
func (u *unit) answers(r Request, answer []byte) (believed bool) {
	u.missed.Store(0)
	believed = !u.doubts(r, answer)
	u.closes(r, answer)
	return believed
}

// closes drops the oldest question that such an answer can belong to, and those
// before it: answers come in order.
func (u *unit) closes(r Request, answer []byte) {
	for i, o := range u.open {
		if o.resembles(r, answer) {
			u.open = u.open[i+1:]
			return
		}
	}
}

// doubts reports a question other than r that may still be answered and whose
// answer looks like that to r; with no answer yet, whose answer may look so.
func (u *unit) doubts(r Request, answer []byte) bool {
	for _, o := range u.open {
		if o.disputes(r, answer) {
			return true
		}
	}
	return false
}

// disputes reports that an answer to r may be one to o, which asks something else.
func (o openQuestion) disputes(r Request, answer []byte) bool {
	return o.request.Unit == r.Unit && !o.request.same(r) && o.resembles(r, answer)
}

// resembles compares answers: exceptions say nothing but the function.
func (o openQuestion) resembles(r Request, answer []byte) bool {
	plain := len(answer) != 0 && Function(answer[1]) == r.Function
	return o.request.Function == r.Function && (!plain || o.request.AnswerLength() == r.AnswerLength())
}

// mark is a question whose answer cannot be taken for one to r.
func (r Request) mark() Request {
	r.Count = 1
	switch r.Function {
	case ReadHoldingRegisters:
		r.Function = ReadInputRegisters
	case ReadInputRegisters:
		r.Function = ReadHoldingRegisters
	case ReadCoils:
		r.Function = ReadDiscreteInputs
	default:
		r.Function = ReadCoils
	}
	return r
}

// misses notes that a question got no answer in time.
func (u *unit) misses() { u.missed.Store(max(0, u.missed.Load()) + 1) }
