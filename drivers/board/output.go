package board

import (
	"fmt"
	"time"

	"watchpost/drivers"
)

// Output is one GPIO output, such as a relay or a siren, shared. It is safe for
// concurrent use. It has no method that reads.
type Output struct {
	name      string
	activeLow bool
	limit     time.Duration
	refused   error
	owner     *owner[HostOutput]
}

// Output is the GPIO output of that name, the same for every caller. It never
// fails: what is wrong comes from the output's Set. A line that is in use as an
// input, or as an output of the other polarity, answers drivers.BadWiring. The
// line is requested at the first Set, and is off when the board closes.
func (b *Board) Output(line string, activeLow bool) *Output {
	line = LineName(line)
	b.mu.Lock()
	defer b.mu.Unlock()
	output, ok := b.outputs[line]
	switch {
	case ok && output.activeLow == activeLow:
		return output
	case ok:
		why := fmt.Errorf("use output %s with active low %t: it is in use with active low %t", line, activeLow, output.activeLow)
		return &Output{name: line, refused: drivers.Because(drivers.BadWiring, why)}
	}
	if err := b.claimLine(line, "an output"); err != nil {
		return &Output{name: line, refused: err}
	}
	open := func() (HostOutput, error) {
		host, err := b.host.OpenOutput(line, activeLow)
		if err != nil {
			return nil, err
		}
		return offAtEnd{host}, nil
	}
	output = &Output{name: line, activeLow: activeLow, limit: b.opts.TxTimeout,
		owner: newOwner(line, open, lineVerdict, b.opts, b.stop)}
	b.outputs[line] = output
	b.ends = append(b.ends, output.owner)
	return output
}

// claimLine notes what a line is used as, or says that it is in use as
// something else. b.mu is held.
func (b *Board) claimLine(line, use string) error {
	now, taken := b.claims[line]
	if taken && now != use {
		return drivers.Because(drivers.BadWiring, fmt.Errorf("use line %s as %s: it is in use as %s", line, use, now))
	}
	b.claims[line] = use
	return nil
}

// offAtEnd switches an output off before the line goes back to the kernel,
// which may leave it as it was.
type offAtEnd struct{ HostOutput }

func (o offAtEnd) Close() error {
	_ = o.Set(false) // the line is given up either way
	return o.HostOutput.Close()
}

// String is the output's name.
func (o *Output) String() string { return o.name }

// Set switches the output. Errors carry a drivers.Reason; after one the output
// is off, or will be when its line can be had again, until it is set anew.
func (o *Output) Set(on bool) error {
	if o.refused != nil {
		return o.refused
	}
	err := o.owner.do(o.limit, func(line HostOutput) error { return line.Set(on) })
	if err != nil {
		return drivers.Because(reasonOf(err), fmt.Errorf("set output %s: %w", o.name, err))
	}
	return nil
}
