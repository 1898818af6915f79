package board

import (
	"context"
	"errors"
	"os"
	"strings"

	"watchpost/drivers"
)

// kind is what one text of an error means.
type kind struct {
	text    string // the end of the error's text
	reason  drivers.Reason
	verdict verdict
}

// kinds tells errors apart by their text, because periph flattens them
// (sysfs.I2C.Tx with %v, gpioioctl with errors.New) and errors.Is finds nothing.
// The texts are those of Go's syscall package for Linux; what each means on an
// I2C bus is in the kernel's Documentation/i2c/fault-codes.rst.
var kinds = []kind{
	{"no such device or address", drivers.NoAnswer, alive}, // ENXIO: address not acknowledged
	{"remote I/O error", drivers.NoAnswer, alive},          // EREMOTEIO: the same on bcm2835 and others

	{"connection timed out", drivers.Stuck, timedOut},      // ETIMEDOUT: the adapter gave up waiting
	{"device or resource busy", drivers.BusDown, timedOut}, // EBUSY: the bus was never free

	{"bad message", drivers.BadAnswer, alive},    // EBADMSG: checksum
	{"protocol error", drivers.BadAnswer, alive}, // EPROTO: the chip broke the protocol

	{"invalid argument", drivers.BadWiring, alive},        // EINVAL
	{"invalid address", drivers.BadWiring, alive},         // periph's own check
	{"operation not supported", drivers.BadWiring, alive}, // EOPNOTSUPP

	{"input/output error", drivers.Broken, alive},               // EIO: says nothing more
	{"resource temporarily unavailable", drivers.Broken, alive}, // EAGAIN: arbitration lost

	{"no such device", drivers.BusDown, gone},                                // ENODEV: adapter unplugged
	{"cannot send after transport endpoint shutdown", drivers.BusDown, gone}, // ESHUTDOWN: adapter suspended
	{"bad file descriptor", drivers.BusDown, gone},                           // EBADF
	{"file already closed", drivers.BusDown, gone},                           // os.ErrClosed
}

// classify finds what err means. A reason that is attached already wins.
func classify(err error) kind {
	found := kind{reason: drivers.Broken, verdict: alive}
	text := err.Error()
	for _, k := range kinds {
		if strings.HasSuffix(text, k.text) {
			found = k
			break
		}
	}
	var known *drivers.Error
	switch {
	case errors.As(err, &known):
		found.reason = known.Reason
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		found.reason = drivers.Stuck
	}
	return found
}

func reasonOf(err error) drivers.Reason { return classify(err).reason }

func busVerdict(err error) verdict { return classify(err).verdict }

// lineVerdict gives a line up at any error: a line has no answer that is wrong
// in passing, and a fresh request puts its pull and edges right again.
func lineVerdict(error) verdict { return gone }
