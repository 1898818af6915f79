package currentloop

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"sync"

	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
)

// Limits in steps of 10 uA: whole numbers keep the comparisons exact.
const (
	faultBelow   = 360
	rangeFrom    = 380
	spanFrom     = 400
	spanTo       = 2000
	rangeTo      = 2050
	faultAbove   = 2100
	deadBand     = 2
	stepsPerAmp  = 100_000
	levelDigits  = 3 // millimetres
	loopDigits   = 3 // microamperes
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

	mu   sync.Mutex
	last band // of the sample before
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
// of the quality the band of the current asks for, its Raw the current in mA. A
// voltage beyond what the voltmeter can measure is a current beyond the fault
// limit, without a Raw. Other errors of the voltmeter are returned with their
// reasons.
func (l *Level) Sample(ctx context.Context) ([]drivers.Reading, error) {
	v, err := l.meter.Voltage(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		// All limits lie within 21 V, so what is far beyond may be drawn nearer.
		v = min(max(v, -beyondVolts), beyondVolts)
		l.last = l.band(v)
		return []drivers.Reading{l.reading(v).WithRaw(l.milliamperes(v), drivers.Milliampere)}, nil
	}
	switch drivers.ReasonOf(err) {
	case drivers.OverRange:
		l.last = tooMuch
	case drivers.UnderRange:
		l.last = tooLittle
	default:
		return nil, fmt.Errorf("read current loop: %w", err)
	}
	return []drivers.Reading{l.reading(v)}, nil
}

// reading is what the band says of a voltage. The lock is held.
func (l *Level) reading(v physic.ElectricPotential) drivers.Reading {
	q := l.opts.Quantity
	low := drivers.Metres(l.opts.Offset, levelDigits)
	high := drivers.Metres(l.opts.Offset+l.opts.Span, levelDigits)
	switch l.last {
	case tooLittle:
		return drivers.NewFault(q, drivers.BrokenWire)
	case belowRange:
		return drivers.NewUncertain(q, low, drivers.Metre, drivers.BetweenBands)
	case under:
		return drivers.NewUncertain(q, low, drivers.Metre, drivers.UnderRange)
	case over:
		return drivers.NewUncertain(q, high, drivers.Metre, drivers.OverRange)
	case aboveRange:
		return drivers.NewUncertain(q, high, drivers.Metre, drivers.BetweenBands)
	case tooMuch:
		return drivers.NewFault(q, drivers.LoopOvercurrent)
	}
	return drivers.NewGood(q, drivers.Metres(l.opts.Offset+l.height(v), levelDigits), drivers.Metre)
}

// milliamperes is the current of the loop, rounded to microamperes.
func (l *Level) milliamperes(v physic.ElectricPotential) drivers.Decimal {
	micro, shunt := int64(v)*1_000_000, int64(l.opts.Shunt)
	half := shunt / 2
	if micro < 0 {
		half = -half
	}
	return drivers.Decimal{Coefficient: (micro + half) / shunt, Scale: loopDigits}
}

// height is the level above the offset: span x (I - 4 mA) / 16 mA within 4 and
// 20 mA, cut to nanometres. The product takes up to 91 bits.
func (l *Level) height(v physic.ElectricPotential) physic.Distance {
	whole := uint64(l.opts.Shunt) * (spanTo - spanFrom)
	part := min(uint64(max(int64(v)*stepsPerAmp-int64(l.opts.Shunt)*spanFrom, 0)), whole)
	hi, lo := bits.Mul64(uint64(l.opts.Span), part)
	quotient, _ := bits.Div64(hi, lo, whole) // at most the span, as part <= whole
	return physic.Distance(quotient)
}

// atShunt is the voltage at a current of so many 10 uA, cut to nanovolts.
func atShunt(shunt physic.ElectricResistance, steps int64) physic.ElectricPotential {
	return physic.ElectricPotential(int64(shunt) * steps / stepsPerAmp)
}
