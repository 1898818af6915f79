package drivers

import (
	"context"
	"errors"
)

// Error is a failure with the Reason that readings, page and wire will show.
type Error struct {
	Reason Reason
	Err    error
}

// Error is the text of the cause.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Because attaches a reason to err. A nil err stays nil. An error that has a
// reason already keeps it: the one nearest the hardware knows best.
func Because(why Reason, err error) error {
	if err == nil {
		return nil // before anything is allocated: most calls succeed
	}
	if _, known := errors.AsType[*Error](err); known {
		return err
	}
	return &Error{Reason: why, Err: err}
}

// ReasonOf is the reason to show for err: the one attached to it, Stuck for a
// deadline that passed, else Broken.
func ReasonOf(err error) Reason {
	known, ok := errors.AsType[*Error](err)
	switch {
	case ok:
		return known.Reason
	case errors.Is(err, context.DeadlineExceeded):
		return Stuck
	}
	return Broken
}
