package board

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
	"unsafe"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"

	"watchpost/drivers"
)

const (
	// writeLimit bounds the handing over of one request to the kernel.
	writeLimit = time.Second
	// writePiece is how much goes to the library at once, whose Write blocks until
	// the kernel has it all. A UART that poll calls writable has room for it: it
	// has a buffer of 4096 bytes (UART_XMIT_SIZE, linux/serial_core.h) with fewer
	// than 256 in it (WAKEUP_CHARS, linux/tty.h).
	writePiece = 1024
)

// OpenSerial opens a port through go.bug.st/serial. A second handle of our own
// holds what the library has no way to: a lock that keeps out a second root
// process (TIOCEXCL lets root pass), RS-485 mode, and a look whether the kernel
// takes bytes.
func (h *periphHost) OpenSerial(name string, mode SerialMode) (HostSerial, error) {
	if err := mode.check(); err != nil {
		return nil, err
	}
	path := name
	if !filepath.IsAbs(path) {
		path = "/dev/" + name
	}
	side, err := openSide(path, mode.RS485)
	if err != nil {
		return nil, explain("serial port", name, "dialout", err)
	}
	port, err := serial.Open(path, serialMode(mode))
	if err == nil {
		if err = port.ResetInputBuffer(); err != nil {
			_ = port.Close() // the first error says more
		}
	}
	if err != nil {
		_ = unix.Close(side)
		return nil, explain("serial port", name, "dialout", err)
	}
	return &serialPort{side: side, port: port}, nil
}

func serialMode(mode SerialMode) *serial.Mode {
	parity := map[Parity]serial.Parity{ParityNone: serial.NoParity, ParityEven: serial.EvenParity, ParityOdd: serial.OddParity}
	stop := serial.OneStopBit
	if mode.StopBits == 2 {
		stop = serial.TwoStopBits
	}
	return &serial.Mode{BaudRate: mode.Baud, DataBits: mode.DataBits, Parity: parity[mode.Parity], StopBits: stop}
}

// openSide opens our own handle of the port.
func openSide(path string, rs485 bool) (int, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	if err := prepareSide(fd, rs485); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func prepareSide(fd int, rs485 bool) error {
	if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
		return drivers.Because(drivers.BadWiring, fmt.Errorf("not a serial port: %w", err))
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = unix.EBUSY
		}
		return fmt.Errorf("lock: %w", err)
	}
	if rs485 {
		return switchRS485(fd)
	}
	return nil
}

// rs485 is struct serial_rs485 (linux/serial.h), the same on every processor.
type rs485 struct {
	flags           uint32
	delayBeforeSend uint32 // ms
	delayAfterSend  uint32 // ms
	addresses       [4]byte
	padding         [4]uint32
}

const (
	rs485Enabled   = 1 << 0
	rs485RTSOnSend = 1 << 1
)

// switchRS485 gives the RTS line to the kernel, which then raises it while it
// sends (Documentation/driver-api/serial/serial-rs485.rst).
func switchRS485(fd int) error {
	settings := rs485{flags: rs485Enabled | rs485RTSOnSend}
	if err := ioctl(fd, unix.TIOCSRS485, unsafe.Pointer(&settings)); err != nil {
		return drivers.Because(drivers.BadWiring, fmt.Errorf("switch to RS-485: this port cannot (adapters on USB switch by themselves; leave rs485 out): %w", err))
	}
	return nil
}

// serialPort is an open port.
type serialPort struct {
	side int
	port serial.Port
}

// errPulled is what the library calls "Port has been closed": the far side hung
// up while we read.
var errPulled = errors.New("port is gone: unplugged?")

func (p *serialPort) Read(b []byte, timeout time.Duration) (n int, err error) {
	if len(b) == 0 {
		return 0, nil // the library takes it for an unplugged port (go-serial PR 189)
	}
	defer func() {
		// The library waits with select(2), whose sets end at descriptor 1023.
		if cause := recover(); cause != nil {
			n, err = 0, fmt.Errorf("too many files are open for a serial port: %v", cause)
		}
	}()
	if err := p.port.SetReadTimeout(max(timeout, 0)); err != nil {
		return 0, err
	}
	n, err = p.port.Read(b)
	var known *serial.PortError
	if errors.As(err, &known) && known.Code() == serial.PortClosed {
		err = errPulled
	}
	return n, err
}

func (p *serialPort) Write(b []byte) (int, error) {
	deadline := time.Now().Add(writeLimit)
	sent := 0
	for sent < len(b) {
		if err := p.room(time.Until(deadline)); err != nil {
			return sent, err
		}
		n, err := p.port.Write(b[sent:min(sent+writePiece, len(b))])
		sent += n
		if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return sent, err
		}
	}
	return sent, nil
}

// room waits until the kernel takes bytes.
func (p *serialPort) room(timeout time.Duration) error {
	fds := []unix.PollFd{{Fd: int32(p.side), Events: unix.POLLOUT}}
	n, err := unix.Poll(fds, int(max(timeout, 0).Milliseconds()))
	switch {
	case errors.Is(err, unix.EINTR):
		return nil // the write or the next look tells
	case err != nil:
		return fmt.Errorf("wait for room: %w", err)
	case n == 0:
		return fmt.Errorf("no byte taken within %s", writeLimit)
	case fds[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0:
		return errPulled
	}
	return nil
}

func (p *serialPort) Discard() error { return p.port.ResetInputBuffer() }

// Close drops what was not sent, since the kernel would wait for it up to 30 s
// (closing_wait in linux/tty_port.h).
func (p *serialPort) Close() error {
	_ = p.port.ResetOutputBuffer() // a port that is gone has none
	return errors.Join(p.port.Close(), unix.Close(p.side))
}
