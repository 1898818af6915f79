package board

import (
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
)

// The GPIO character device, version 2 (linux/gpio.h, Linux 5.10): what is
// needed to request one input. All structures are made of naturally aligned
// fields, so they are the same on every processor; a test holds their sizes.

const (
	lineInput       = 1 << 2
	lineRisingEdge  = 1 << 4
	lineFallingEdge = 1 << 5
	linePullUp      = 1 << 8
	linePullDown    = 1 << 9

	// _IOWR(0xB4, 0x07, struct gpio_v2_line_request) and
	// _IOWR(0xB4, 0x0E, struct gpio_v2_line_values), as on ARM, x86 and RISC-V.
	getLine       = 3<<30 | uint32(unsafe.Sizeof(lineRequest{}))<<16 | 0xB4<<8 | 0x07
	getLineValues = 3<<30 | uint32(unsafe.Sizeof(lineValues{}))<<16 | 0xB4<<8 | 0x0E
)

type lineAttribute struct {
	id, padding uint32
	value, mask uint64
}

type lineConfig struct {
	flags      uint64
	attributes uint32
	padding    [5]uint32
	attribute  [10]lineAttribute
}

type lineRequest struct {
	offsets     [64]uint32
	consumer    [32]byte
	config      lineConfig
	lines       uint32
	eventBuffer uint32
	padding     [5]uint32
	fd          int32
}

type lineValues struct{ bits, mask uint64 }

// lineEventSize is the size of struct gpio_v2_line_event.
const lineEventSize = 48

// requestLine requests one line of the chip at path by its offset.
func requestLine(path string, offset uint32, pull gpio.Pull) (HostLine, error) {
	chip, err := os.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = chip.Close() }() // the line stays ours without it
	request := lineRequest{lines: 1}
	request.offsets[0] = offset
	copy(request.consumer[:], "watchpost")
	request.config.flags = lineFlags(pull)
	if err := ioctl(int(chip.Fd()), getLine, unsafe.Pointer(&request)); err != nil {
		return nil, fmt.Errorf("request line %d: %w", offset, err)
	}
	return newRequestedLine(int(request.fd))
}

func lineFlags(pull gpio.Pull) uint64 {
	flags := uint64(lineInput | lineRisingEdge | lineFallingEdge)
	switch pull {
	case gpio.PullUp:
		flags |= linePullUp
	case gpio.PullDown:
		flags |= linePullDown
	}
	return flags
}

// requestedLine is a line the kernel gave us.
type requestedLine struct {
	fd   int
	file *os.File
}

func newRequestedLine(fd int) (*requestedLine, error) {
	// Non-blocking, so that the runtime's poller can end a read.
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return &requestedLine{fd: fd, file: os.NewFile(uintptr(fd), "gpio-line")}, nil
}

func (l *requestedLine) Level() (gpio.Level, error) {
	values := lineValues{mask: 1}
	if err := ioctl(l.fd, getLineValues, unsafe.Pointer(&values)); err != nil {
		return gpio.Low, err
	}
	return values.bits&1 == 1, nil
}

func (l *requestedLine) WaitForEdge(timeout time.Duration) (bool, error) {
	if err := l.file.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return false, err
	}
	var event [lineEventSize]byte
	n, err := l.file.Read(event[:])
	if err == nil && n != lineEventSize {
		return false, fmt.Errorf("read event: got %d bytes, want %d", n, lineEventSize)
	}
	return edgeCame(err)
}

func (l *requestedLine) Close() error { return l.file.Close() }

func ioctl(fd int, request uint32, argument unsafe.Pointer) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(argument))
	if errno != 0 {
		return errno
	}
	return nil
}
