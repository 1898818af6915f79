package board

import (
	"os"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
)

// The sizes and numbers are those of linux/gpio.h on ARM, x86 and RISC-V.
func TestKernelLayout(t *testing.T) {
	if got := unsafe.Sizeof(lineRequest{}); got != 592 {
		t.Errorf("line request is %d bytes, want 592", got)
	}
	if got := unsafe.Sizeof(lineConfig{}); got != 272 {
		t.Errorf("line config is %d bytes, want 272", got)
	}
	if getLine != 0xC250B407 || getLineValues != 0xC010B40E {
		t.Errorf("ioctls are %#x and %#x, want 0xc250b407 and 0xc010b40e", uint32(getLine), uint32(getLineValues))
	}
	if got := lineFlags(gpio.PullUp); got != 0x134 {
		t.Errorf("flags with pull up are %#x, want 0x134", got)
	}
}

// A pipe stands for the line: it has events to read and, as a line that is
// gone, no level.
func TestRequestedLine(t *testing.T) {
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	feed := os.NewFile(uintptr(fds[1]), "feed")
	line, err := newRequestedLine(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	if edge, err := line.WaitForEdge(time.Millisecond); edge || err != nil {
		t.Errorf("wait without an edge = %t, %v; want false, nil", edge, err)
	}
	if _, err := feed.Write(make([]byte, lineEventSize)); err != nil {
		t.Fatal(err)
	}
	if edge, err := line.WaitForEdge(10 * time.Second); !edge || err != nil {
		t.Errorf("wait with an edge = %t, %v; want true, nil", edge, err)
	}
	if _, err := line.Level(); err == nil {
		t.Error("a level was read from something that has none")
	}
	if err := feed.Close(); err != nil {
		t.Fatal(err)
	}
	if edge, err := line.WaitForEdge(10 * time.Second); edge || err == nil {
		t.Errorf("wait on a dead line = %t, %v; want an error", edge, err)
	}
	if err := line.Close(); err != nil {
		t.Error(err)
	}
}

func TestPeriphWithoutHardware(t *testing.T) {
	host := Periph(nil)
	_, err := host.OpenI2C("i2c-9999")
	wantMissing(t, err, "i2c-9999")
	_, err = host.OpenLine("gpiochip9999:17", gpio.PullUp)
	wantMissing(t, err, "gpiochip9999:17")
	_, err = host.OpenLine("NO_SUCH_LINE", gpio.PullUp)
	wantMissing(t, err, "NO_SUCH_LINE")
}

func wantMissing(t *testing.T, err error, name string) {
	t.Helper()
	if err == nil || drivers.ReasonOf(err) != drivers.Missing || !strings.Contains(err.Error(), name) {
		t.Errorf("got %v, want a missing %s", err, name)
	}
	t.Log(err)
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		what, group, text string
		reason            drivers.Reason
		want              string
	}{
		{"bus", "i2c", "sysfs-i2c: are you member of group 'plugdev'? open /dev/i2c-1: permission denied", drivers.NoAccess, "group i2c"},
		{"line", "gpio", "open /dev/gpiochip0: permission denied", drivers.NoAccess, "group gpio"},
		{"bus", "i2c", "sysfs-i2c: bus #1 is not configured: open /dev/i2c-1: no such file or directory", drivers.Missing, "device tree"},
		{"line", "gpio", "LineSetFromConfig: device or resource busy", drivers.BadWiring, "another program"},
		{"line", "gpio", "LineSetFromConfig: invalid argument", drivers.Missing, "5.10"},
	} {
		err := explain(tt.what, "it", tt.group, errText(tt.text))
		if drivers.ReasonOf(err) != tt.reason || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("explain(%q) = %s, %q; want %s and %q", tt.text, drivers.ReasonOf(err), err, tt.reason, tt.want)
		}
	}
}

type errText string

func (e errText) Error() string { return string(e) }

func TestPeriphWithoutPortsAndOutputs(t *testing.T) {
	host := Periph(nil)
	_, err := host.OpenSPI("spidev99.0", 1e12, 0)
	wantMissing(t, err, "spidev99.0")
	_, err = host.OpenSPI("reader", 1e12, 0)
	wantMissing(t, err, "reader")
	_, err = host.OpenOutput("gpiochip9999:17", false)
	wantMissing(t, err, "gpiochip9999:17")
	_, err = host.OpenOutput("NO_SUCH_LINE", true)
	wantMissing(t, err, "NO_SUCH_LINE")
}

func TestRS485Layout(t *testing.T) {
	if got := unsafe.Sizeof(rs485{}); got != 32 {
		t.Errorf("struct serial_rs485 is %d bytes, want 32 (linux/serial.h)", got)
	}
}
