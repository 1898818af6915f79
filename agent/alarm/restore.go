package alarm

import (
	"fmt"

	"watchpost/agent/clock"
	"watchpost/agent/record"
)

// Restore takes up an alarm from a note of an earlier run; at is the position
// the note was committed with. It belongs before the first Observe. When it
// comes later it only takes up an alarm whose rule has none. On any error the
// engine is unchanged and goes on; the error wraps ErrNoRule, ErrActive or an
// error of package record.
func (e *Engine) Restore(key string, value []byte, at record.Position) error {
	a, err := decodeNote(key, value, at)
	if err != nil {
		return err
	}
	w := e.byKey[key]
	switch {
	case w == nil:
		return fmt.Errorf("restore alarm %q: %w", key, ErrNoRule)
	case w.active != nil:
		return fmt.Errorf("restore alarm %q: %w", key, ErrActive)
	}
	w.active = &a
	e.revision++
	return nil
}

// Retire makes the step that ends an alarm for which Restore returned
// ErrNoRule: without it the platform would hold the alarm for ever.
func Retire(key string, value []byte, at record.Position, now clock.Stamp) (Step, error) {
	a, err := decodeNote(key, value, at)
	if err != nil {
		return Step{}, err
	}
	a = stamped(a, now)
	a.State, a.Note = record.Cleared, NoteRuleRemoved
	a.Value, a.Threshold, a.Unit = nil, nil, ""
	return Step{Alarm: a, Key: key}, nil
}

func decodeNote(noteKey string, value []byte, at record.Position) (record.Alarm, error) {
	a, err := record.DecodeAlarm(value)
	if err != nil {
		return record.Alarm{}, fmt.Errorf("read alarm note %q: %w", noteKey, err)
	}
	if key(a.Sensor, a.Kind) != noteKey || a.State == record.Cleared {
		return record.Alarm{}, fmt.Errorf("read alarm note %q: %w: it holds %s %s/%s",
			noteKey, record.ErrDamaged, a.State, a.Sensor, a.Kind)
	}
	if a.Raise.IsZero() {
		a.Raise = at
	}
	if a.State == record.Acknowledged && a.Ack == nil { // of a release that kept it in the step alone
		a.Ack = &record.Ack{At: a.At, By: a.By, Note: a.Note}
	}
	return a, nil
}
