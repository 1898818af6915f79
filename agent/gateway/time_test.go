package gateway_test

import (
	"sync/atomic"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"

	"watchpost/agent/clock"
)

// wrongClock is a gateway's clock that stands in 1970 until it is set.
type wrongClock struct {
	booted time.Time
	set    atomic.Bool
}

func (w *wrongClock) source() *clock.Source {
	return &clock.Source{
		Boot:      clock.BootID{1, 9, 7},
		SinceBoot: func() time.Duration { return time.Since(w.booted) },
		Wall: func() time.Time {
			if w.set.Load() {
				return time.Now()
			}
			return time.Unix(0, 0).Add(time.Since(w.booted))
		},
		Disciplined: w.set.Load,
	}
}

// What was observed in 1970 is sent with the time it really was, once that is
// known, in a later run too; what went out before is marked, and state says how
// to correct it.
func TestStartIn1970(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	w := &wrongClock{booted: time.Now().Add(-time.Hour)}
	r := newRig(t)
	r.clock, r.city = w.source(), &city{address: address}
	started := time.Now()
	l := r.start() // with the platform away
	l.until("good readings", allGood)
	r.door.Set(gpio.High)
	l.until("the clock's condition", func(v view) bool { return v.Platforms != nil && v.Platforms[0].Backlog["events"] >= 4 })
	l.end()
	ended := time.Now()

	r.city = newCityAt(t, address)
	l = r.start() // the platform is back, the clock still wrong
	unsynced := r.city.until(t, "the door's event of 1970", "events", func(m cityMessage) bool {
		return m.body["kind"] == "door" && m.body["state"] == "open"
	})
	if unsynced.body["time_quality"] != "unsynced" {
		t.Errorf("event %s, want it unsynced", unsynced.raw)
	}
	w.set.Store(true)
	fix := r.city.until(t, "the time event", "events", func(m cityMessage) bool { return m.body["kind"] == "time" })
	if step, ok := fix.body["time_fix"].(map[string]any); !ok || step["step_ms"].(float64) < float64(50*365*24*time.Hour/time.Millisecond) {
		t.Errorf("time event %s, want a step of half a century", fix.raw)
	}
	state := r.city.until(t, "a state with the fix", "state", func(m cityMessage) bool {
		c, ok := m.body["clock"].(map[string]any)
		return ok && c["synced"] == true && len(c["fixes"].([]any)) == 1
	})
	// The receiver's own correction of what it got as unsynced.
	told := state.body["clock"].(map[string]any)["fixes"].([]any)[0].(map[string]any)
	utc, err := time.Parse(time.RFC3339, told["utc"].(string))
	if err != nil {
		t.Fatal(err)
	}
	at := utc.Add(time.Duration(unsynced.body["offset_ms"].(float64)-told["offset_ms"].(float64)) * time.Millisecond)
	if at.Before(started.Add(-time.Second)) || at.After(ended.Add(time.Second)) {
		t.Errorf("the door opened at %v by the fix, want between %v and %v", at, started, ended)
	}
	r.door.Set(gpio.Low)
	synced := r.city.until(t, "the door closed", "events", func(m cityMessage) bool {
		return m.body["kind"] == "door" && m.body["state"] == "closed" && m.body["first"] == nil
	})
	if synced.body["time_quality"] != "synced" {
		t.Errorf("event %s, want it synced", synced.raw)
	}
	l.end()
}

// The table survives a restart: what a run in 1970 left is corrected by the
// next run of the same boot, which knows the time.
func TestLateCorrection(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	w := &wrongClock{booted: time.Now().Add(-time.Hour)}
	r := newRig(t)
	r.clock, r.city = w.source(), &city{address: address}
	started := time.Now()
	l := r.start()
	l.until("good readings", allGood)
	r.door.Set(gpio.High)
	l.until("the events", func(v view) bool { return v.Platforms != nil && v.Platforms[0].Backlog["events"] >= 4 })
	ended := time.Now()
	w.set.Store(true)
	l.until("the time event", func(v view) bool { return v.Platforms != nil && v.Platforms[0].Backlog["events"] >= 5 })
	l.end()

	// A boot later, nobody knows the time yet; the note of the boot before does.
	later := &wrongClock{booted: time.Now()}
	source := later.source()
	source.Boot = clock.BootID{2}
	r.clock, r.city = source, newCityAt(t, address)
	l = r.start()
	defer l.end()
	corrected := r.city.until(t, "the door's event", "events", func(m cityMessage) bool {
		return m.body["kind"] == "door" && m.body["state"] == "open"
	})
	at, err := time.Parse(time.RFC3339, corrected.body["time"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if corrected.body["time_quality"] != "corrected" || at.Before(started.Add(-time.Second)) || at.After(ended.Add(time.Second)) {
		t.Errorf("event %s, want it corrected to between %v and %v", corrected.raw, started, ended)
	}
}
