package board

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"watchpost/drivers"
)

func TestClassify(t *testing.T) {
	flat := func(e error) error { return fmt.Errorf("sysfs-i2c: %v", e) } // as periph does
	for _, tt := range []struct {
		err     error
		reason  drivers.Reason
		verdict verdict
	}{
		{flat(syscall.ENXIO), drivers.NoAnswer, alive},
		{flat(errors.New("remote I/O error")), drivers.NoAnswer, alive},
		{flat(syscall.ETIMEDOUT), drivers.Stuck, timedOut},
		{flat(syscall.EBUSY), drivers.BusDown, timedOut},
		{flat(syscall.EPROTO), drivers.BadAnswer, alive},
		{flat(syscall.EINVAL), drivers.BadWiring, alive},
		{flat(syscall.EIO), drivers.Broken, alive},
		{flat(syscall.EAGAIN), drivers.Broken, alive},
		{flat(syscall.ENODEV), drivers.BusDown, gone},
		{flat(syscall.ESHUTDOWN), drivers.BusDown, gone},
		{flat(syscall.EBADF), drivers.BusDown, gone},
		{&os.PathError{Op: "ioctl", Path: "x", Err: os.ErrClosed}, drivers.BusDown, gone},
		{errors.New("sysfs-i2c: invalid address"), drivers.BadWiring, alive},
		{os.ErrDeadlineExceeded, drivers.Stuck, alive},
		{errors.New("something new"), drivers.Broken, alive},
		{drivers.Because(drivers.NotReady, flat(syscall.ETIMEDOUT)), drivers.NotReady, timedOut},
	} {
		got := classify(tt.err)
		if got.reason != tt.reason || got.verdict != tt.verdict {
			t.Errorf("classify(%q) = %s, %d; want %s, %d", tt.err, got.reason, got.verdict, tt.reason, tt.verdict)
		}
	}
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"/dev/i2c-1": "i2c-1", "i2c-1": "i2c-1", "I2C1": "i2c-1", "1": "i2c-1", "i2c-10": "i2c-10",
		"i2c-01": "i2c-01", "sensors": "sensors", "": "",
	} {
		if got := BusName(in); got != want {
			t.Errorf("BusName(%q) = %q, want %q", in, got, want)
		}
	}
	for _, tt := range []struct {
		in     string
		chip   string
		offset int
		ok     bool
	}{
		{"gpiochip0:17", "gpiochip0", 17, true},
		{"gpiochip0:0", "gpiochip0", 0, true},
		{"gpiochip0", "", 0, false},
		{"gpiochip0:-1", "", 0, false},
		{"gpiochip0:", "", 0, false},
		{"gpiochip/../x:1", "", 0, false},
		{"GPIO17", "", 0, false},
	} {
		chip, offset, ok := splitLine(tt.in)
		if chip != tt.chip || offset != tt.offset || ok != tt.ok {
			t.Errorf("splitLine(%q) = %q, %d, %t", tt.in, chip, offset, ok)
		}
	}
}
