// Package clock says when something happened: always the kernel's boot id and
// the offset since boot, which are known and never run backwards, and the wall
// time as far as it can be believed.
//
// Gateways have no battery-backed clock: they wake in 1970, or at the time of
// the last shutdown, and jump when the network answers. So order never rests on
// wall time here; a Stamp keeps what was known at its moment and is never
// rewritten.
package clock

import (
	"encoding/hex"
	"time"
)

// BootID is the kernel's random id of this boot
// (/proc/sys/kernel/random/boot_id), without its dashes.
type BootID [16]byte

// String is 32 hex digits.
func (b BootID) String() string { return hex.EncodeToString(b[:]) }

// Stamp is one moment. Boot and Offset order all moments of one boot; Wall is
// what the gateway believed the time to be, and Synced whether something
// outside had set that belief. A Stamp is never rewritten.
type Stamp struct {
	Boot   BootID
	Offset time.Duration // since boot
	Wall   time.Time     // UTC, millisecond resolution
	Synced bool
}

// Source is where a Clock looks.
type Source struct {
	// Boot names this boot of the kernel.
	Boot BootID
	// SinceBoot is the monotonic time since boot. It never runs backwards.
	SinceBoot func() time.Duration
	// Wall is the system's wall time.
	Wall func() time.Time
	// Disciplined reports whether the kernel says that a time service holds the
	// wall clock.
	Disciplined func() bool
}

// Clock makes Stamps. It is safe for concurrent use.
type Clock struct {
	source Source
	floor  time.Time
}

// New makes a clock that never believes a wall time before floor: the build
// time, or the last time this gateway was seen alive. A zero floor excludes
// nothing.
func New(source Source, floor time.Time) *Clock {
	return &Clock{source: source, floor: floor}
}

// Now is the present moment.
func (c *Clock) Now() Stamp {
	wall := c.source.Wall()
	return Stamp{
		Boot:   c.source.Boot,
		Offset: c.source.SinceBoot(),
		Wall:   wall.UTC().Round(0).Truncate(time.Millisecond),
		Synced: !wall.Before(c.floor) && c.source.Disciplined(),
	}
}
