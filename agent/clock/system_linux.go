package clock

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// bootIDPath is documented in proc_sys_kernel(5).
const bootIDPath = "/proc/sys/kernel/random/boot_id"

// System is the machine's own clock: CLOCK_BOOTTIME, which goes on through
// suspend, the wall clock, and adjtimex's word on whether it is disciplined.
func System() (Source, error) {
	text, err := os.ReadFile(bootIDPath)
	if err != nil {
		return Source{}, fmt.Errorf("read boot id %s: %w", bootIDPath, err)
	}
	boot, err := ParseBootID(string(text))
	if err != nil {
		return Source{}, fmt.Errorf("read boot id %s: %w", bootIDPath, err)
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return Source{}, fmt.Errorf("read clock CLOCK_BOOTTIME: %w", err)
	}
	return Source{Boot: boot, SinceBoot: sinceBoot, Wall: time.Now, Disciplined: disciplined}, nil
}

// ParseBootID reads a UUID with or without dashes.
func ParseBootID(text string) (BootID, error) {
	var id BootID
	digits := strings.ReplaceAll(strings.TrimSpace(text), "-", "")
	if len(digits) != hex.EncodedLen(len(id)) {
		return BootID{}, fmt.Errorf("parse boot id %q: want 32 hex digits", text)
	}
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return BootID{}, fmt.Errorf("parse boot id %q: %w", text, err)
	}
	return id, nil
}

// sinceBoot cannot fail once System has seen the clock work.
func sinceBoot() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0
	}
	return time.Duration(now.Nano())
}

// disciplined asks adjtimex(2): the kernel clears STA_UNSYNC when a time
// service sets the clock, and raises it again when none has for a while.
// chronyd leaves it set for ever unless its configuration says rtcsync
// (https://docs.cloudera.com/cdp-private-cloud-base/7.1.3/troubleshooting-kudu/topics/kudu-using-chrony-for-time-synchronization.html).
func disciplined() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}
