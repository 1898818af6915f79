package gateway

import (
	"sync"
	"time"
)

// wear counts the bytes written to flash, or sent to a platform, since midnight
// UTC.
type wear struct {
	// mu guards everything that follows.
	mu   sync.Mutex
	day  int    // of the year
	base uint64 // counted before that day began
}

// turn begins a new day when there is one.
func (w *wear) turn(now time.Time, written uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if day := now.UTC().YearDay(); day != w.day {
		if w.day != 0 {
			w.base = written
		}
		w.day = day
	}
}

// today is how much of written belongs to today.
func (w *wear) today(written uint64) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return int64(written - min(w.base, written))
}
