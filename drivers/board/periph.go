package board

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2creg"
	"periph.io/x/host/v3/gpioioctl"
	"periph.io/x/host/v3/sysfs"

	"watchpost/drivers"
)

// Periph is the gateway's real hardware, through periph. Nothing is looked for
// before the first bus or line is opened; a nil logger discards.
//
// It uses periph's sysfs and gpioioctl packages with driverreg.Init, and not
// host.Init: that also links the board packages, which map /dev/mem and want to
// be root.
//
// Bus names are those of BusName. A line is "gpiochip0:17", the chip and the
// offset on it, or the name the kernel gives the line. Lines are requested as
// gpioioctl.LineSets of one line: GPIOLine.Read has no error and answers Low
// when the line is gone. A LineSet takes names only; lines without a name of
// their own, and chips that came after the start, are requested from the kernel
// directly (request_linux.go). Both need Linux 5.10 for the GPIO character
// device v2. A line known by its kernel name on a chip that came after the start
// is found only by "chip:offset".
func Periph(logger *slog.Logger) Host {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &periphHost{log: logger}
}

type periphHost struct {
	log  *slog.Logger
	once sync.Once
	// found says why hardware is missing, in periph's words; set by once.
	found []string
}

// start runs periph's own search for hardware, once.
func (h *periphHost) start() {
	h.once.Do(func() {
		// periph tells what went wrong to the standard logger alone.
		var said bytes.Buffer
		before, flags := log.Writer(), log.Flags()
		log.SetOutput(&said)
		log.SetFlags(0)
		state, err := driverreg.Init()
		log.SetOutput(before)
		log.SetFlags(flags)
		for line := range strings.Lines(said.String()) {
			h.found = append(h.found, strings.TrimSpace(line))
		}
		if err != nil {
			h.found = append(h.found, err.Error())
		}
		if state != nil {
			for _, failure := range append(state.Skipped, state.Failed...) {
				h.found = append(h.found, failure.String())
			}
		}
		h.log.Debug("looked for hardware", "buses", len(i2creg.All()), "gpio_chips", len(gpioioctl.Chips), "missing", h.found)
	})
}

// why is what periph said of a subject, as an error.
func (h *periphHost) why(subjects ...string) error {
	var lines []string
	for _, line := range h.found {
		for _, s := range subjects {
			if strings.Contains(line, s) {
				lines = append(lines, line)
				break
			}
		}
	}
	if len(lines) == 0 {
		return errors.New("nothing found")
	}
	return errors.New(strings.Join(lines, "; "))
}

// OpenI2C opens an I2C bus.
func (h *periphHost) OpenI2C(name string) (i2c.BusCloser, error) {
	h.start()
	device := name
	if digits, ok := strings.CutPrefix(name, "i2c-"); ok && isNumber(digits) {
		device = "/dev/" + name
		if number, err := strconv.Atoi(digits); err == nil && !registered(device) {
			// periph looked for buses once; this one may have come since.
			bus, err := sysfs.NewI2C(number)
			if err != nil {
				return nil, explain("bus", name, "i2c", err)
			}
			return bus, nil
		}
	}
	bus, err := i2creg.Open(device)
	if err != nil {
		return nil, explain("bus", name, "i2c", err)
	}
	return bus, nil
}

func registered(device string) bool {
	for _, ref := range i2creg.All() {
		if ref.Name == device {
			return true
		}
	}
	return false
}

// OpenLine requests a line as an input with both edges detected.
func (h *periphHost) OpenLine(name string, pull gpio.Pull) (HostLine, error) {
	h.start()
	chipName, offset, ok := splitLine(name)
	if !ok {
		return h.openNamed(name, pull)
	}
	for _, chip := range gpioioctl.Chips {
		if chip.Name() != chipName {
			continue
		}
		if offset >= chip.LineCount() {
			return nil, missing(fmt.Errorf("open line %s: %s has lines 0 to %d", name, chipName, chip.LineCount()-1))
		}
		known := chip.Lines()[offset].Name()
		if line := chip.ByName(known); realName(known) && line.Number() == offset {
			return openLineSet(chip, known, name, pull)
		}
	}
	line, err := requestLine("/dev/"+chipName, uint32(offset), pull)
	if err != nil {
		return nil, explain("line", name, "gpio", err)
	}
	return line, nil
}

// openNamed requests a line by the kernel's name for it.
func (h *periphHost) openNamed(name string, pull gpio.Pull) (HostLine, error) {
	if len(gpioioctl.Chips) == 0 {
		cause := h.why("gpio")
		if strings.Contains(cause.Error(), "permission denied") {
			return nil, explain("line", name, "gpio", errors.New("permission denied"))
		}
		return nil, missing(fmt.Errorf("open line %s: no GPIO chip: kernel older than 5.10, or GPIO not enabled? %w", name, cause))
	}
	if realName(name) {
		for _, chip := range gpioioctl.Chips {
			if chip.ByName(name) != nil {
				return openLineSet(chip, name, name, pull)
			}
		}
	}
	return nil, missing(fmt.Errorf("open line %s: no line of that name; write gpiochip0:17 for line 17 of the first chip", name))
}

func openLineSet(chip *gpioioctl.GPIOChip, known, name string, pull gpio.Pull) (HostLine, error) {
	set, err := chip.LineSet(gpioioctl.LineInput, gpio.BothEdges, pull, known)
	if err != nil {
		return nil, explain("line", name, "gpio", err)
	}
	return &setLine{set: set}, nil
}

// setLine is a LineSet of one line.
type setLine struct{ set *gpioioctl.LineSet }

func (l *setLine) Level() (gpio.Level, error) {
	bits, err := l.set.Read(1)
	return bits&1 == 1, err
}

func (l *setLine) WaitForEdge(timeout time.Duration) (bool, error) {
	_, _, err := l.set.WaitForEdge(timeout)
	return edgeCame(err)
}

func (l *setLine) Close() error { return l.set.Close() }

// edgeCame tells a wait that ran out of time from one that failed.
func edgeCame(err error) (bool, error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false, nil
	}
	return err == nil, err
}

// splitLine takes "gpiochip0:17" apart.
func splitLine(name string) (chip string, offset int, ok bool) {
	chip, digits, found := strings.Cut(name, ":")
	if !found || !strings.HasPrefix(chip, "gpiochip") || strings.Contains(chip, "/") || !isNumber(digits) {
		return "", 0, false
	}
	offset, err := strconv.Atoi(digits)
	return chip, offset, err == nil
}

// realName leaves out what device trees write on lines that have no name.
func realName(name string) bool { return name != "" && name != "_" && name != "-" }

func missing(err error) error { return drivers.Because(drivers.Missing, err) }

// explain says what an installer can do about a device that does not open. The
// texts are matched because periph flattens its errors; see kinds.
func explain(what, name, group string, err error) error {
	text := err.Error()
	hint := ""
	reason := drivers.Missing
	switch {
	case strings.HasSuffix(text, "permission denied"):
		reason, hint = drivers.NoAccess, fmt.Sprintf(" (the user must be in group %s)", group)
	case strings.HasSuffix(text, "no such file or directory"), strings.Contains(text, "unknown bus"), strings.Contains(text, "no bus found"),
		strings.Contains(text, "unknown port"), strings.Contains(text, "no port found"):
		hint = fmt.Sprintf(" (not there: is it enabled in the device tree, is the %s name right?)", what)
	case strings.HasSuffix(text, "device or resource busy"):
		reason, hint = drivers.BadWiring, " (another program or kernel driver has it)"
	case what == "line" && (strings.HasSuffix(text, "invalid argument") || strings.HasSuffix(text, "inappropriate ioctl for device")):
		hint = " (kernel older than 5.10, or no such line?)"
	}
	err = fmt.Errorf("open %s %s%s: %w", what, name, hint, err)
	var known *drivers.Error
	if errors.As(err, &known) {
		return err
	}
	return &drivers.Error{Reason: reason, Err: err}
}
