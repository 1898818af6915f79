package gateway

import (
	"sync"
	"time"

	"watchpost/agent/clock"
)

// wear counts the bytes written to flash, or sent to a platform, since midnight,
// or since the start of this run if that was later: what earlier runs wrote is
// not known, and keeping it would cost writes of its own. So the figure is shown
// with the time from which on it is counted. Midnight is that of the local zone,
// as the page shows times; a clock that is set to another day begins anew too.
type wear struct {
	// mu guards everything that follows.
	mu    sync.Mutex
	begun clock.Stamp
	base  uint64 // counted before that
	known bool
}

// turn begins a new day when there is one.
func (w *wear) turn(now clock.Stamp, counted uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case !w.known: // what was counted since the start is this day's
		w.known, w.begun = true, now
	case !sameDay(now.Wall, w.begun.Wall):
		w.begun, w.base = now, counted
	}
}

func sameDay(a, b time.Time) bool {
	a, b = a.Local(), b.Local()
	return a.YearDay() == b.YearDay() && a.Year() == b.Year()
}

// sum is how much of counted came since then.
func (w *wear) sum(counted uint64) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return int64(counted - min(w.base, counted))
}

// since is when the sum begins; false before anything was looked at.
func (w *wear) since() (clock.Stamp, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.begun, w.known
}
