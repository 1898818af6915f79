package record

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"watchpost/agent/clock"
	"watchpost/drivers"
)

// later is a correction that can be recognised.
func later(s clock.Stamp) (clock.Stamp, bool) {
	s.Wall, s.Synced, s.Corrected = s.Wall.Add(time.Hour), true, true
	return s, true
}

// All stamps of a record are corrected, and the record it was made from is as it
// was: the same bytes.
func TestCorrectedIsACopy(t *testing.T) {
	for name, v := range samples(t) {
		before := encode(t, v)
		got := Corrected(v, later)
		if !bytes.Equal(encode(t, v), before) {
			t.Errorf("%s was rewritten", name)
		}
		var at, was []clock.Stamp
		switch r := got.(type) {
		case Reading:
			at, was = []clock.Stamp{r.At}, []clock.Stamp{v.(Reading).At}
		case Event:
			at, was = []clock.Stamp{r.At}, []clock.Stamp{v.(Event).At}
		case Alarm:
			old := v.(Alarm)
			at, was = []clock.Stamp{r.At, r.Since}, []clock.Stamp{old.At, old.Since}
			if old.Ack != nil {
				at, was = append(at, r.Ack.At), append(was, old.Ack.At)
			}
			if old.Restored != nil {
				at, was = append(at, *r.Restored), append(was, *old.Restored)
			}
		}
		for i := range was {
			was[i], _ = later(was[i])
		}
		if diff := cmp.Diff(was, at); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		same := func(s clock.Stamp) (clock.Stamp, bool) { return s, false }
		if diff := cmp.Diff(v, Corrected(v, same)); diff != "" {
			t.Errorf("%s, nothing to correct (-want +got):\n%s", name, diff)
		}
	}
	if got := Corrected("else", later); got != "else" {
		t.Errorf("something else became %v", got)
	}
}

// What was worked out later never gets into the buffer as what was believed.
func TestCorrectedIsNeverKeptAsSynced(t *testing.T) {
	s, _ := later(stamp(false))
	got, err := DecodeEvent(EncodeEvent(Event{Kind: EventDoor, At: s}))
	if err != nil || got.At.Synced || got.At.Corrected {
		t.Errorf("%+v, %v", got.At, err)
	}
}

// Neither the number of a card nor a raw value is in the stored bytes.
func TestTokenAndRawAreNotKept(t *testing.T) {
	r := drivers.NewGood(drivers.Card, drivers.Int(1), drivers.Count)
	plain := EncodeReading(Reading{Sensor: "reader-4", At: stamp(true), Reading: r})
	r = r.WithRaw(decimal(t, "4.711"), drivers.Milliampere)
	r.Token = drivers.NewToken("h10301", "99/999")
	b := EncodeReading(Reading{Sensor: "reader-4", At: stamp(true), Reading: r})
	if !bytes.Equal(b, plain) {
		t.Errorf("token or raw value change the bytes:\n%x\n%x", b, plain)
	}
	// a fault has them no more than a value
	fault := drivers.NewFault(drivers.Card, drivers.ParityErrors)
	plain = EncodeReading(Reading{Reading: fault})
	fault = fault.WithRaw(drivers.Int(26), drivers.Count)
	fault.Token = r.Token
	if b := EncodeReading(Reading{Reading: fault}); !bytes.Equal(b, plain) {
		t.Errorf("token or raw value change the bytes of a fault:\n%x\n%x", b, plain)
	}
}
