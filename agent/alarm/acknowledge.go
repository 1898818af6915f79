package alarm

import (
	"fmt"

	"watchpost/agent/clock"
	"watchpost/agent/record"
)

// Acknowledge takes in that somebody knows of the alarm raised at this position.
// It clears no condition. For an alarm that only waited for this, the second step
// ends it. Acknowledging again makes no step and is no error. The error wraps
// ErrUnknown or ErrOver.
func (e *Engine) Acknowledge(raise record.Position, by, note string, at clock.Stamp) ([]Step, error) {
	for _, w := range e.byKey {
		if w.active == nil || raise.IsZero() || w.active.Raise != raise {
			continue
		}
		if w.active.Ack != nil {
			return nil, nil
		}
		a := stamped(*w.active, at)
		a.State, a.By, a.Note = record.Acknowledged, by, note
		a.Ack = &record.Ack{At: at, By: by, Note: note}
		steps := e.step(w, a)
		if a.Restored != nil {
			steps = append(steps, e.end(w, stamped(a, at))...)
		}
		return steps, nil
	}
	for _, gone := range e.ended {
		switch {
		case raise.IsZero() || gone.raise != raise:
		case gone.acked:
			return nil, nil
		default:
			return nil, fmt.Errorf("acknowledge alarm %s/%d: %w", raise.Run, raise.Seq, ErrOver)
		}
	}
	return nil, fmt.Errorf("acknowledge alarm %s/%d: %w", raise.Run, raise.Seq, ErrUnknown)
}
