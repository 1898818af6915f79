// Package clock says when something happened: always the kernel's boot id and
// the offset since boot, which are known and never run backwards, and the wall
// time as far as it can be believed.
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
