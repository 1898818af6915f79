package board

import (
	"fmt"

	"github.com/warthog618/go-gpiocdev"
)

// OpenOutput requests a line as an output, off from its first moment. It goes
// through go-gpiocdev: asked to read, periph makes an input of an output.
func (h *periphHost) OpenOutput(name string, activeLow bool) (HostOutput, error) {
	chip, offset, ok := splitLine(name)
	if !ok {
		var err error
		if chip, offset, err = findLine(name); err != nil {
			return nil, missing(fmt.Errorf("open line %s: no line of that name, or the user is not in group gpio; write gpiochip0:17 for line 17 of the first chip: %w", name, err))
		}
	}
	options := []gpiocdev.LineReqOption{gpiocdev.WithConsumer("watchpost"), gpiocdev.AsOutput(0)}
	if activeLow {
		options = append(options, gpiocdev.AsActiveLow)
	}
	line, err := gpiocdev.RequestLine(chip, offset, options...)
	if err != nil {
		return nil, explain("line", name, "gpio", err)
	}
	return outputLine{line}, nil
}

func findLine(name string) (chip string, offset int, err error) {
	if !realName(name) {
		return "", 0, gpiocdev.ErrNotFound
	}
	return gpiocdev.FindLine(name)
}

// outputLine is a requested output. Its line is no field that others can reach.
type outputLine struct{ line *gpiocdev.Line }

func (o outputLine) Set(on bool) error {
	value := 0
	if on {
		value = 1
	}
	return o.line.SetValue(value)
}

func (o outputLine) Close() error { return o.line.Close() }
