// Package clock says when something happened: always the kernel's boot id and
// the offset since boot, which are known and never run backwards, and the wall
// time as far as it can be believed.
//
// Gateways have no battery-backed clock: they wake in 1970, or at the time of
// the last shutdown, and jump when the network answers. So order never rests on
// wall time here; a Stamp keeps what was known at its moment and is never
// rewritten. What becomes known later is kept in a Table, which corrects copies
// of stamps on their way out.
//
// Everything that waits here waits on the monotonic clock.
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
// outside had set that belief. A Stamp that is kept is never rewritten.
type Stamp struct {
	Boot   BootID
	Offset time.Duration // since boot
	Wall   time.Time     // UTC, millisecond resolution
	Synced bool
	// Corrected says that Wall is not what the gateway believed at that moment,
	// but what Table.Correct worked out later. Synced is then true as well. Such
	// a stamp is for sending and showing; it is never kept.
	Corrected bool
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

// New makes a clock that never believes a wall time before floor, whatever the
// kernel says of it: a battery-backed clock that fell back to the year 2000 may
// well be called disciplined. Floor is the build time; zero excludes nothing.
//
// The time last seen would be no better a floor: a time server that was wrong
// once would keep the right time out for ever after.
func New(source Source, floor time.Time) *Clock {
	return &Clock{source: source, floor: floor}
}

// Wall and offset of one moment are read at most readWithin apart; when the
// process was held up in between, they are read again, readTimes in all.
const (
	readWithin = time.Millisecond
	readTimes  = 4
)

// Now is the present moment.
func (c *Clock) Now() Stamp {
	var offset time.Duration
	var wall time.Time
	for range readTimes {
		offset = c.source.SinceBoot()
		wall = c.source.Wall()
		if c.source.SinceBoot()-offset <= readWithin {
			break
		}
	}
	return Stamp{
		Boot:   c.source.Boot,
		Offset: offset,
		Wall:   wall.UTC().Round(0).Truncate(time.Millisecond),
		Synced: !wall.Before(c.floor) && c.source.Disciplined(),
	}
}
