package record

import "watchpost/agent/clock"

// Corrected is a copy of rec, a Reading, Event or Alarm, with its stamps as
// correct would have them (clock.Table.Correct): when it happened, and since
// when. Everything else is shared with rec, which stays as it is. Whatever else
// rec is comes back unchanged.
//
// The copy is for sending and showing. What the buffer keeps is never rewritten.
func Corrected(rec any, correct func(clock.Stamp) (clock.Stamp, bool)) any {
	switch r := rec.(type) {
	case Reading:
		r.At, _ = correct(r.At)
		return r
	case Event:
		r.At, _ = correct(r.At)
		return r
	case Alarm:
		return CorrectedAlarm(r, correct)
	}
	return rec
}

// CorrectedAlarm is Corrected for an alarm.
func CorrectedAlarm(a Alarm, correct func(clock.Stamp) (clock.Stamp, bool)) Alarm {
	a.At, _ = correct(a.At)
	a.Since, _ = correct(a.Since)
	if a.Ack != nil {
		ack := *a.Ack
		ack.At, _ = correct(ack.At)
		a.Ack = &ack
	}
	if a.Restored != nil {
		restored, _ := correct(*a.Restored)
		a.Restored = &restored
	}
	return a
}
