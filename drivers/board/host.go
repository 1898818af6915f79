package board

import (
	"strings"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
)

// Host opens hardware by name. It is called from the goroutines that own the
// buses and lines, so it must be safe for concurrent use. It may block.
type Host interface {
	// OpenI2C opens a bus by the name BusName gives it.
	OpenI2C(name string) (i2c.BusCloser, error)
	// OpenLine requests a GPIO line as an input with both edges detected.
	OpenLine(name string, pull gpio.Pull) (HostLine, error)
}

// HostLine is one GPIO input, used by one goroutine at a time.
type HostLine interface {
	// Level reads the line. Where the error is not nil the level says nothing.
	Level() (gpio.Level, error)
	// WaitForEdge waits at most timeout, which is over 0, and reports whether an
	// edge came. Running out of time is no error.
	WaitForEdge(timeout time.Duration) (bool, error)
	// Close gives the line back to the kernel.
	Close() error
}

// BusName is the one name of an I2C bus, whichever way it was written:
// "/dev/i2c-1", "I2C1" and "1" are all "i2c-1". Other names stay as they are.
func BusName(name string) string {
	for _, prefix := range []string{"/dev/i2c-", "i2c-", "I2C", ""} {
		if digits, ok := strings.CutPrefix(name, prefix); ok && isNumber(digits) {
			return "i2c-" + digits
		}
	}
	return name
}

// LineName is the one name of a GPIO line: a leading "/dev/" is dropped.
func LineName(name string) string { return strings.TrimPrefix(name, "/dev/") }

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == "" && (s == "0" || s[0] != '0')
}
