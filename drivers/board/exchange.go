package board

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"watchpost/drivers"
)

// exchange is one request and its answer on a serial line. run goes in the
// owner's goroutine, leave in the caller's.
type exchange struct {
	ctx      context.Context
	stop     <-chan struct{}
	deadline time.Time
	mode     SerialMode
	quiet    time.Duration
	request  []byte
	complete func([]byte) (bool, error)

	// mu guards everything that follows.
	mu     sync.Mutex
	gone   bool // the caller has left: complete must not be called any more
	answer []byte
}

// errOver ends an exchange that ran out of time.
var errOver = errors.New("time is over")

// leave ends the caller's part. What it returns nobody else touches.
func (x *exchange) leave() []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.gone = true
	return x.answer
}

func (x *exchange) run(line *serialLine) error {
	switch err := x.hush(line); {
	case errors.Is(err, errOver):
		return drivers.Because(drivers.BadAnswer, fmt.Errorf("the line was never silent for %s: request not sent", x.quiet))
	case err != nil:
		return err
	}
	if len(x.request) != 0 {
		_, err := line.host.Write(x.request)
		// The kernel has the bytes before the line has.
		line.last = time.Now().Add(x.mode.takes(len(x.request)))
		if err != nil {
			return portFailed("write", err)
		}
	}
	p := make([]byte, 256)
	for {
		n, err := x.read(line, p, serialSlice)
		if n > 0 {
			if done, err := x.take(p[:n]); done || err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, errOver):
			return x.incomplete()
		case err != nil:
			return err
		}
	}
}

// hush drops what was received and waits for the line to be silent.
func (x *exchange) hush(line *serialLine) error {
	p := make([]byte, 256)
	// A look first: bytes that lie there may have come this moment.
	if _, err := line.read(p, 0); err != nil {
		return err
	}
	if err := line.host.Discard(); err != nil {
		return portFailed("discard", err)
	}
	for {
		wait := x.quiet - time.Since(line.last)
		if wait <= 0 {
			return x.over()
		}
		if _, err := x.read(line, p, min(wait, serialSlice)); err != nil {
			return err
		}
	}
}

// read reads until timeout or the exchange's end.
func (x *exchange) read(line *serialLine, p []byte, timeout time.Duration) (int, error) {
	if err := x.over(); err != nil {
		return 0, err
	}
	return line.read(p, min(timeout, time.Until(x.deadline)))
}

// over says why the exchange must end, if it must.
func (x *exchange) over() error {
	select {
	case <-x.stop:
		return drivers.Because(drivers.BusDown, ErrClosed)
	default:
	}
	if x.ctx.Err() != nil || !time.Now().Before(x.deadline) {
		return errOver
	}
	return nil
}

// take adds bytes to the answer and asks whether it is whole.
func (x *exchange) take(p []byte) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.gone {
		return true, nil
	}
	x.answer = append(x.answer, p...)
	done, err := x.complete(x.answer)
	switch {
	case err != nil:
		return true, drivers.Because(drivers.BadAnswer, err)
	case !done && len(x.answer) > answerLimit:
		return true, drivers.Because(drivers.BadAnswer, fmt.Errorf("%d bytes and no end: more than any answer has", len(x.answer)))
	}
	return done, nil
}

// incomplete is the error of an answer that was not whole in time.
func (x *exchange) incomplete() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	cause := x.ctx.Err()
	if cause == nil || errors.Is(cause, context.DeadlineExceeded) {
		cause = errOver
	}
	if len(x.answer) == 0 {
		return drivers.Because(drivers.NoAnswer, fmt.Errorf("no answer: %w", cause))
	}
	return drivers.Because(drivers.BadAnswer, fmt.Errorf("answer incomplete after %d bytes: %w", len(x.answer), cause))
}
