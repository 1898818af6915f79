package buffer

import (
	"fmt"
	"time"
)

// The keeper's patience. busyWithin is how long one turn may take: opening a
// store can mean a check and a salvage, each with a limit of its own
// (verifyWithin and doctorGrace), and both again in this process. lateWithin is
// how long something due may wait for its turn to begin.
const (
	busyWithin = 5 * time.Minute
	lateWithin = 30 * time.Second
)

// busy marks the begin of one turn of the keeper, rest its end.
func (b *Buffer) busy() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.busySince = time.Now()
}

func (b *Buffer) rest() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.busySince = time.Time{}
}

// Stalled is nil while the goroutine that commits moves, or has nothing to do.
// Storage that refuses, is full or is missing is no stall, storage that never
// answers is one. It may be called at any time and changes nothing.
func (b *Buffer) Stalled() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil // Close has limits of its own
	}
	if !b.busySince.IsZero() {
		if took := time.Since(b.busySince); took > busyWithin {
			return fmt.Errorf("store %s: one commit or opening takes %v already", b.opts.Dir, took.Round(time.Second))
		}
		return nil
	}
	if at, ok := b.due(); ok && time.Since(at) > lateWithin {
		return fmt.Errorf("store %s: nobody has done what was due %v ago", b.opts.Dir, time.Since(at).Round(time.Second))
	}
	return nil
}
