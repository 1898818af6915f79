package modbus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"watchpost/drivers"
)

// Limits of a master's settings, and what it does without one.
const (
	DefaultTimeout = 300 * time.Millisecond
	MinTimeout     = 20 * time.Millisecond
	MaxTimeout     = 10 * time.Second

	minBaud = 300
	maxBaud = 4_000_000
)

// tries is how often a question is sent before the unit counts as not
// answering. What fails on a long cable mostly succeeds at once when repeated.
const tries = 3

// charBits is a character on the line: start, eight data, parity or second
// stop, stop (MODBUS over Serial Line V1.02, section 2.5.1).
const charBits = 11

// Port is a serial line. Transact does one exchange, nobody else's between:
// it keeps quiet of silence since the last byte on the line, discards what was
// received before, writes request and reads until complete says so of all bytes
// so far. When ctx ends first, the error has the reason drivers.NoAnswer or
// drivers.BadAnswer. What was received is returned in any case.
type Port interface {
	Transact(ctx context.Context, quiet time.Duration, request []byte, complete func(answer []byte) (bool, error)) ([]byte, error)
}

// Master asks the units on one line. It is safe for concurrent use: one
// question is on the line at a time, units that answer go before those that do
// not, and each unit is asked one question after the other. There must be one
// Master for a line.
type Master struct {
	port  Port
	quiet time.Duration
	char  time.Duration // one character on the line
	turns turns

	mu    sync.Mutex // guards units
	units map[byte]*unit
}

// NewMaster makes a master for a port that runs at so many baud.
func NewMaster(port Port, baud int) (*Master, error) {
	switch {
	case port == nil:
		return nil, drivers.Because(drivers.BadWiring, errors.New("set up modbus master: no port given"))
	case baud < minBaud || baud > maxBaud:
		return nil, drivers.Because(drivers.BadWiring, fmt.Errorf("set up modbus master: baud rate %d: want %d to %d", baud, minBaud, maxBaud))
	}
	char := charBits * time.Second / time.Duration(baud)
	return &Master{port: port, quiet: Quiet(baud), char: char, units: make(map[byte]*unit)}, nil
}

// Quiet is the silence between two frames: 3.5 characters of 11 bits, and
// 1.75 ms above 19200 baud (MODBUS over Serial Line V1.02, section 2.5.1.1).
func Quiet(baud int) time.Duration {
	if baud > 19200 {
		return 1750 * time.Microsecond
	}
	return 7 * charBits * time.Second / time.Duration(2*max(baud, 1))
}

// Ask sends a read and returns the data of its answer: registers in the order
// of the line, high byte first. timeout is what the unit may take from the end
// of the question to the end of its answer, the time on the line not counted; 0
// means DefaultTimeout.
//
// A question that is not answered, or answered with damage, is sent up to three
// times in all, as far as ctx lets it, and once to a unit that has been silent
// for long. Errors carry a reason: drivers.NoAnswer, drivers.BadAnswer,
// drivers.Refused with an Exception in the chain, drivers.NotReady for a unit
// that still answers older questions, drivers.Stuck when the line was never
// free, drivers.BadWiring for what cannot be asked, or the port's own.
func (m *Master) Ask(ctx context.Context, r Request, timeout time.Duration) ([]byte, error) {
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	if err := check(r, timeout); err != nil {
		return nil, drivers.Because(drivers.BadWiring, fmt.Errorf("ask unit %d: %w", r.Unit, err))
	}
	data, err := m.ask(ctx, m.unit(r.Unit), r, timeout)
	if err != nil {
		return nil, fmt.Errorf("ask unit %d for function %d, address %d: %w", r.Unit, byte(r.Function), r.Address, err)
	}
	return data, nil
}

func check(r Request, timeout time.Duration) error {
	if timeout < MinTimeout || timeout > MaxTimeout {
		return fmt.Errorf("timeout %s: want %s to %s", timeout, MinTimeout, MaxTimeout)
	}
	if err := r.Validate(); err != nil {
		return err
	}
	if !r.reads() { // the answer to a write may be the echo of the question
		return fmt.Errorf("function %d is no read", byte(r.Function))
	}
	return nil
}

func (m *Master) unit(address byte) *unit {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, ok := m.units[address]
	if !ok {
		u = newUnit()
		m.units[address] = u
	}
	return u
}

func (m *Master) ask(ctx context.Context, u *unit, r Request, timeout time.Duration) ([]byte, error) {
	if err := u.take(ctx); err != nil {
		return nil, noTurn(u, err)
	}
	defer u.give()
	left, marking := tries, true
	if u.rank() == silent {
		left = 1
	}
	var last error
	for left > 0 && ctx.Err() == nil {
		if last != nil && !roomFor(ctx, m.longest(r, timeout)) {
			break // a question cut short would only leave a late answer behind
		}
		if err := m.turns.take(ctx, u.rank()); err != nil {
			break
		}
		if marking && u.vain < markless && u.rank() != silent && u.doubts(r, nil) {
			marking = m.mark(ctx, u, r, timeout)
			m.turns.give()
			continue
		}
		answer, err := m.exchange(ctx, u, r, timeout)
		m.turns.give()
		switch {
		case answer != nil:
			if !marking {
				u.vain++
			}
			if u.answers(r, answer) {
				return content(r, answer)
			}
		case !worthRepeating(ctx, err):
			return nil, err
		default:
			left--
		}
		last = err
	}
	switch {
	case last != nil:
		return nil, last
	case u.doubts(r, nil):
		return nil, drivers.Because(drivers.NotReady, errors.New("it may still answer older questions"))
	}
	return nil, noTurn(u, ctx.Err())
}

// mark asks what cannot be mistaken, so that questions before it are over, and
// reports whether it helped.
func (m *Master) mark(ctx context.Context, u *unit, r Request, timeout time.Duration) bool {
	mark := r.mark()
	if u.doubts(mark, nil) {
		return false // both functions are in use on this unit
	}
	answer, _ := m.exchange(ctx, u, mark, timeout) // the question itself will tell what is wrong
	if answer == nil {
		return false
	}
	u.answers(mark, answer)
	u.vain = 0
	return true
}

// content is the data of an answer, or the exception.
func content(r Request, answer []byte) ([]byte, error) {
	body := answer[2 : len(answer)-crcLength]
	if Function(answer[1]) != r.Function {
		return nil, drivers.Because(drivers.Refused, fmt.Errorf("refused: %w", Exception(body[0])))
	}
	return append([]byte(nil), body[1:]...), nil
}

// noTurn is the error of one whose time ended before its question went out.
func noTurn(u *unit, err error) error {
	if u.missed.Load() > 0 {
		return drivers.Because(drivers.NoAnswer, fmt.Errorf("it did not answer before: %w", err))
	}
	return drivers.Because(drivers.Stuck, fmt.Errorf("no turn on the line: %w", err))
}

// exchange asks once and returns the frame of an answer that has the right form.
func (m *Master) exchange(ctx context.Context, u *unit, r Request, timeout time.Duration) ([]byte, error) {
	x := exchange{request: r, question: r.Append(make([]byte, 0, fixedLength))}
	limit, cancel := context.WithTimeout(ctx, m.longest(r, timeout))
	defer cancel()
	u.asks(r)
	// The callback leaves nothing behind: a stuck exchange may go on calling it
	// after it was given up.
	received, err := m.port.Transact(limit, m.quiet, x.question, func(b []byte) (bool, error) {
		return x.search(b, false).answer != nil, nil
	})
	found := x.search(received, true)
	if found.answer == nil {
		if found.damaged != nil {
			u.closes(r, found.damaged) // it was an answer all the same
		}
		return nil, u.judge(ctx, found, err)
	}
	return found.answer, nil
}

// longest is what one exchange may take.
func (m *Master) longest(r Request, timeout time.Duration) time.Duration {
	return m.quiet + timeout + time.Duration(fixedLength+r.AnswerLength())*m.char
}

// roomFor reports whether ctx leaves that much time.
func roomFor(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) >= d
}

// worthRepeating tells a missing answer from a port that is gone.
func worthRepeating(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	switch drivers.ReasonOf(err) {
	case drivers.NoAnswer, drivers.BadAnswer:
		return true
	}
	return false
}

// judge notes the missing answer and says what there was in its place.
func (u *unit) judge(ctx context.Context, found heard, err error) error {
	if err == nil {
		err = errors.New("exchange ended without an answer")
	}
	before := u.missed.Load()
	u.misses()
	reason := drivers.ReasonOf(err)
	if reason != drivers.NoAnswer && reason != drivers.BadAnswer {
		u.missed.Store(before) // the port's fault, not the unit's
		return err
	}
	if ctx.Err() != nil {
		u.missed.Store(before) // cut short by the caller: says nothing of the unit
	}
	// The port counts any byte as something; a floating line and an echo are no
	// answer of the unit.
	if found.silence() {
		return &drivers.Error{Reason: drivers.NoAnswer, Err: fmt.Errorf("no answer, heard %s", found)}
	}
	return &drivers.Error{Reason: drivers.BadAnswer, Err: fmt.Errorf("no right answer, heard %s", found)}
}
