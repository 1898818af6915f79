package currentloop

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
)

// Band limits of NAMUR NE 43 in steps of 100 uA: whole numbers keep the
// comparisons exact.
const (
	faultBelow   = 36
	rangeFrom    = 38
	spanFrom     = 40
	spanTo       = 200
	rangeTo      = 205
	faultAbove   = 210
	stepsPerAmp  = 10_000
	levelDigits  = 3 // millimetres
	beyondVolts  = 1000 * physic.Volt
	longestSpan  = 1000 * physic.Metre
	lowestShunt  = 1 * physic.Ohm
	highestShunt = 1 * physic.KiloOhm
)

// Voltmeter measures the voltage across the shunt. On an error there is no
// voltage; an error with the reason drivers.OverRange or drivers.UnderRange says
// that the voltage is beyond what can be measured.
type Voltmeter interface {
	Voltage(ctx context.Context) (physic.ElectricPotential, error)
}

// Opts describe the installation.
type Opts struct {
	Shunt  physic.ElectricResistance // 1 ohm to 1 kiloohm
	Span   physic.Distance           // level between 4 mA and 20 mA, over 0, up to 1 km
	Offset physic.Distance           // level at 4 mA, within 1 km of zero
	// Quantity is what the level is reported as; empty means drivers.Level.
	Quantity drivers.Quantity
}

// TopVoltage is the voltage at the upper fault limit, 21 mA. A voltmeter that
// cannot measure more than this cannot tell an overcurrent.
func (o Opts) TopVoltage() physic.ElectricPotential { return atShunt(o.Shunt, faultAbove) }

// Level is a level transmitter. It is as safe for concurrent use as its
// voltmeter.
type Level struct {
	meter Voltmeter
	opts  Opts
}

var _ drivers.Sampler = (*Level)(nil)

// New checks the description of a transmitter. It does not measure.
func New(v Voltmeter, opts Opts) (*Level, error) {
	if opts.Quantity == "" {
		opts.Quantity = drivers.Level
	}
	var err error
	switch {
	case v == nil:
		err = errors.New("no voltmeter given")
	case opts.Shunt < lowestShunt || opts.Shunt > highestShunt:
		err = fmt.Errorf("shunt %s: want 1 ohm to 1 kiloohm", opts.Shunt)
	case opts.Span <= 0 || opts.Span > longestSpan:
		err = fmt.Errorf("span %s: want more than 0 m and at most 1000 m", opts.Span)
	case opts.Offset < -longestSpan || opts.Offset > longestSpan:
		err = fmt.Errorf("offset %s: want -1000 m to 1000 m", opts.Offset)
	case opts.Quantity.Contact():
		err = fmt.Errorf("quantity %s: a level has no two states", opts.Quantity)
	}
	if err != nil {
		return nil, drivers.Because(drivers.BadWiring, fmt.Errorf("set up current loop: %w", err))
	}
	return &Level{meter: v, opts: opts}, nil
}

// Quantities is the one quantity reported.
func (l *Level) Quantities() []drivers.Quantity { return []drivers.Quantity{l.opts.Quantity} }

// Sample measures once and returns one reading in metres with three decimals,
// of the quality the band of the current asks for. A voltage beyond what the
// voltmeter can measure is a current beyond the fault limit. Other errors of the
// voltmeter are returned with their reasons.
func (l *Level) Sample(ctx context.Context) ([]drivers.Reading, error) {
	v, err := l.meter.Voltage(ctx)
	if err == nil {
		return []drivers.Reading{l.reading(v)}, nil
	}
	switch drivers.ReasonOf(err) {
	case drivers.OverRange:
		return []drivers.Reading{drivers.NewFault(l.opts.Quantity, drivers.LoopOvercurrent)}, nil
	case drivers.UnderRange:
		return []drivers.Reading{drivers.NewFault(l.opts.Quantity, drivers.BrokenWire)}, nil
	}
	return nil, fmt.Errorf("read current loop: %w", err)
}

func (l *Level) reading(v physic.ElectricPotential) drivers.Reading {
	q := l.opts.Quantity
	// All limits lie within 21 V, so what is far beyond may be drawn nearer.
	v = min(max(v, -beyondVolts), beyondVolts)
	below := func(limit int64) bool { return int64(v)*stepsPerAmp < int64(l.opts.Shunt)*limit }
	above := func(limit int64) bool { return int64(v)*stepsPerAmp > int64(l.opts.Shunt)*limit }
	low := drivers.Metres(l.opts.Offset, levelDigits)
	high := drivers.Metres(l.opts.Offset+l.opts.Span, levelDigits)
	switch {
	case below(faultBelow):
		return drivers.NewFault(q, drivers.BrokenWire)
	case below(rangeFrom):
		return drivers.NewUncertain(q, low, drivers.Metre, drivers.BetweenBands)
	case below(spanFrom):
		return drivers.NewUncertain(q, low, drivers.Metre, drivers.UnderRange)
	case above(faultAbove):
		return drivers.NewFault(q, drivers.LoopOvercurrent)
	case above(rangeTo):
		return drivers.NewUncertain(q, high, drivers.Metre, drivers.BetweenBands)
	case above(spanTo):
		return drivers.NewUncertain(q, high, drivers.Metre, drivers.OverRange)
	}
	return drivers.NewGood(q, drivers.Metres(l.opts.Offset+l.height(v), levelDigits), drivers.Metre)
}

// height is the level above the offset for a voltage between 4 mA and 20 mA:
// span x (I - 4 mA) / 16 mA, cut to nanometres. The product takes up to 88 bits.
func (l *Level) height(v physic.ElectricPotential) physic.Distance {
	part := uint64(int64(v)*stepsPerAmp - int64(l.opts.Shunt)*spanFrom)
	whole := uint64(l.opts.Shunt) * (spanTo - spanFrom)
	hi, lo := bits.Mul64(uint64(l.opts.Span), part)
	quotient, _ := bits.Div64(hi, lo, whole) // at most the span, as part <= whole
	return physic.Distance(quotient)
}

// atShunt is the voltage at a current of so many 100 uA, cut to nanovolts.
func atShunt(shunt physic.ElectricResistance, steps int64) physic.ElectricPotential {
	return physic.ElectricPotential(int64(shunt) * steps / stepsPerAmp)
}
