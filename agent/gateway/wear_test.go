package gateway

import (
	"testing"
	"time"

	"watchpost/agent/clock"
)

// A sum says since when it is one: the start, midnight, or when the clock was set.
func TestWearCountsSinceWhatItSays(t *testing.T) {
	at := func(day, hour int) clock.Stamp {
		return clock.Stamp{Wall: time.Date(2026, 6, day, hour, 0, 0, 0, time.Local)}
	}
	var w wear
	if _, ok := w.since(); ok {
		t.Error("a sum that was never looked at has a beginning")
	}
	for _, step := range []struct {
		now     clock.Stamp
		counted uint64
		sum     int64
		since   clock.Stamp
	}{
		{clock.Stamp{Wall: time.Unix(60, 0)}, 100, 100, clock.Stamp{Wall: time.Unix(60, 0)}},
		{at(15, 14), 300, 0, at(15, 14)}, // the clock was set
		{at(15, 23), 900, 600, at(15, 14)},
		{at(16, 0), 1000, 0, at(16, 0)},
		{at(16, 1), 1100, 100, at(16, 0)},
	} {
		w.turn(step.now, step.counted)
		since, ok := w.since()
		if got := w.sum(step.counted); got != step.sum || since != step.since || !ok {
			t.Errorf("at %v of %d bytes %d since %v, want %d since %v", step.now.Wall, step.counted, got, since.Wall, step.sum, step.since.Wall)
		}
	}
}
