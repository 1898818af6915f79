package board

import (
	"strings"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// Host opens hardware by name. It is called from the goroutines that own the
// devices, so it must be safe for concurrent use. It may block.
type Host interface {
	I2COpener
	LineOpener
	SerialOpener
	SPIOpener
	OutputOpener
	EdgesOpener
}

// I2COpener opens I2C buses.
type I2COpener interface {
	// OpenI2C opens a bus by the name BusName gives it.
	OpenI2C(name string) (i2c.BusCloser, error)
}

// LineOpener opens GPIO inputs.
type LineOpener interface {
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

// SerialOpener opens serial ports.
type SerialOpener interface {
	// OpenSerial opens a port by the name SerialName gives it, for this process
	// alone, with nothing received before.
	OpenSerial(name string, mode SerialMode) (HostSerial, error)
}

// HostSerial is one serial port, used by one goroutine at a time. Any error of
// its methods means that the port must be opened anew.
type HostSerial interface {
	// Read waits at most timeout for bytes and reads what is there. Running out
	// of time is 0 and no error; so is an empty p. A timeout of 0 or less looks
	// and does not wait.
	Read(p []byte, timeout time.Duration) (int, error)
	// Write hands all of p to the port, or says why not.
	Write(p []byte) (int, error)
	// Discard drops what was received and not read.
	Discard() error
	// Close gives the port back.
	Close() error
}

// SPIOpener opens SPI ports.
type SPIOpener interface {
	// OpenSPI opens a port, that is a bus and a chip select, by the name SPIName
	// gives it, with words of 8 bits.
	OpenSPI(name string, speed physic.Frequency, mode spi.Mode) (HostSPI, error)
}

// HostSPI is one SPI port, used by one goroutine at a time.
type HostSPI interface {
	// Tx writes w and reads r at the same time, under one chip select.
	Tx(w, r []byte) error
	// Close gives the port back.
	Close() error
}

// OutputOpener opens GPIO outputs.
type OutputOpener interface {
	// OpenOutput requests a line as an output that is off from its first moment.
	// With activeLow, on is the low level.
	OpenOutput(line string, activeLow bool) (HostOutput, error)
}

// HostOutput is one GPIO output, used by one goroutine at a time. It has no
// method that reads: periph's Read and Func make an input of an output, which
// lets a relay drop.
type HostOutput interface {
	// Set switches the output.
	Set(on bool) error
	// Close gives the line back to the kernel, whatever its state.
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

// SerialName is the one name of a serial port: a leading "/dev/" is dropped.
// "serial/by-id/usb-..." stays the same when the adapter is plugged in again;
// "ttyUSB0" may not.
func SerialName(name string) string { return strings.TrimPrefix(name, "/dev/") }

// SPIName is the one name of an SPI port: "/dev/spidev0.1" and "SPI0.1" are
// both "spidev0.1". Other names stay as they are.
func SPIName(name string) string {
	for _, prefix := range []string{"/dev/spidev", "spidev", "SPI"} {
		digits, ok := strings.CutPrefix(name, prefix)
		bus, chip, dotted := strings.Cut(digits, ".")
		if ok && dotted && isNumber(bus) && isNumber(chip) {
			return "spidev" + digits
		}
	}
	return name
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == "" && (s == "0" || s[0] != '0')
}
