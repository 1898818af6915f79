package modbus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"

	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
)

// LengthUnit is the unit a level's register counts in.
type LengthUnit string

// Units of registers.
const (
	Metre      LengthUnit = "m"
	Decimetre  LengthUnit = "dm"
	Centimetre LengthUnit = "cm"
	Millimetre LengthUnit = "mm"
)

// decimals is how many decimals of a metre the unit is; ok is false for an
// unknown one.
func (u LengthUnit) decimals() (n uint8, ok bool) {
	i := slices.Index([]LengthUnit{Metre, Decimetre, Centimetre, Millimetre}, u)
	return uint8(max(i, 0)), i >= 0
}

const (
	maxDecimals  = 9         // what a drivers.Decimal holds
	maxScale     = 1_000_000 // of the coefficient of Opts.Scale
	farthest     = 1000 * physic.Metre
	mmDecimals   = 3
	metreInNanos = 9 // decimals of a physic.Distance
)

// Opts say where a level stands in a unit's registers and what it means there.
// No two makes agree on that.
type Opts struct {
	Unit     byte     // 1 to 247
	Function Function // ReadHoldingRegisters or ReadInputRegisters
	Register uint16   // as the protocol counts, from 0
	Type     Type
	Order    Order // empty means ABCD
	// Scale times the register's value is the level in RegisterUnit: 0.1 for a
	// register that holds 153 at 15.3 cm. Zero means 1.
	Scale        drivers.Decimal
	RegisterUnit LengthUnit
	Offset       physic.Distance // level where the meter says 0, within 1 km of zero
	// Bad are the values by which the meter says that it has none.
	Bad []Special
	// Min and Max are what the meter can measure, Offset not counted; equal ones,
	// such as 0 and 0, mean that no limits are known.
	Min, Max physic.Distance
	// Timeout is what the unit may take to answer; 0 means DefaultTimeout.
	Timeout time.Duration
	// Quantity is what the level is reported as; empty means drivers.Level.
	Quantity drivers.Quantity
}

// Meter is a level meter on a Modbus line. It is safe for concurrent use.
type Meter struct {
	master   *Master
	request  Request
	opts     Opts
	decimals uint8 // of the level, in metres
	offset   int64 // in units of the last decimal, as are min and max
	min, max int64
}

var _ drivers.Sampler = (*Meter)(nil)

// NewMeter checks the description of a meter. It does not ask it.
func NewMeter(m *Master, opts Opts) (*Meter, error) {
	if opts.Order == "" {
		opts.Order = ABCD
	}
	if opts.Scale.Coefficient == 0 {
		opts.Scale = drivers.Int(1)
	}
	if opts.Timeout == 0 {
		opts.Timeout = DefaultTimeout
	}
	if opts.Quantity == "" {
		opts.Quantity = drivers.Level
	}
	meter := &Meter{master: m, opts: opts, request: Request{
		Unit: opts.Unit, Function: opts.Function, Address: opts.Register, Count: uint16(opts.Type.Registers()),
	}}
	if err := meter.setUp(); err != nil {
		return nil, drivers.Because(drivers.BadWiring, fmt.Errorf("set up modbus meter: %w", err))
	}
	return meter, nil
}

func (m *Meter) setUp() error {
	o := m.opts
	digits, known := o.RegisterUnit.decimals()
	switch {
	case m.master == nil:
		return errors.New("no master given")
	case o.Type.Registers() == 0:
		return fmt.Errorf("type %q: want int16, uint16, int32, uint32 or float32", o.Type)
	case o.Function != ReadHoldingRegisters && o.Function != ReadInputRegisters:
		return fmt.Errorf("function %d: want 3 or 4", byte(o.Function))
	case !slices.Contains([]Order{ABCD, CDAB, BADC, DCBA}, o.Order):
		return fmt.Errorf("order %q: want ABCD, CDAB, BADC or DCBA", o.Order)
	case !known:
		return fmt.Errorf("register unit %q: want m, dm, cm or mm", o.RegisterUnit)
	case o.Offset < -farthest || o.Offset > farthest:
		return fmt.Errorf("offset %s: want -1000 m to 1000 m", o.Offset)
	case o.Min < -farthest || o.Max > farthest || o.Min > o.Max:
		return fmt.Errorf("limits %s and %s: want min at most max, within 1000 m of zero", o.Min, o.Max)
	case o.Quantity.Contact():
		return fmt.Errorf("quantity %s: a level has no two states", o.Quantity)
	}
	for _, special := range o.Bad {
		if err := special.Check(o.Type); err != nil {
			return err
		}
	}
	if err := CheckScale(o.Scale, o.RegisterUnit); err != nil {
		return err
	}
	m.setDecimals(digits)
	return check(m.request, o.Timeout)
}

// CheckScale refuses a scale that loses the value, or that is so fine or so
// large that a level could not be held exactly.
func CheckScale(scale drivers.Decimal, unit LengthUnit) error {
	digits, _ := unit.decimals()
	n := scale.Coefficient
	if n == 0 || n < -maxScale || n > maxScale || scale.Scale+digits > maxDecimals {
		return fmt.Errorf("scale %s in %s: want at most six digits, not 0, no finer than a nanometre", scale, unit)
	}
	return nil
}

// setDecimals chooses how many decimals a level has: those of the register, or
// of offset and limits where these are finer; millimetres for a float, which
// has no decimals of its own.
func (m *Meter) setDecimals(digits uint8) {
	m.decimals = digits + m.opts.Scale.Scale
	if m.opts.Type == Float32 {
		m.decimals = mmDecimals
	}
	for _, d := range []physic.Distance{m.opts.Offset, m.opts.Min, m.opts.Max} {
		m.decimals = max(m.decimals, needed(d))
	}
	m.offset = inDecimals(m.opts.Offset, m.decimals)
	m.min = inDecimals(m.opts.Min, m.decimals)
	m.max = inDecimals(m.opts.Max, m.decimals)
}

// needed is how many decimals of a metre d has.
func needed(d physic.Distance) uint8 {
	n := uint8(metreInNanos)
	for ; n > 0 && d%10 == 0; n-- {
		d /= 10
	}
	return n
}

func inDecimals(d physic.Distance, decimals uint8) int64 {
	return drivers.Metres(d, decimals).Coefficient
}

// Quantities is the one quantity reported.
func (m *Meter) Quantities() []drivers.Quantity { return []drivers.Quantity{m.opts.Quantity} }

// Sample asks once and returns one reading in metres, with all decimals of the
// register. A value on the list of bad ones, and a float that is no number, is
// a fault with drivers.BadValue. A value beyond the limits is uncertain and
// drawn to the limit. Raw is the register's value. Errors are those of
// Master.Ask.
func (m *Meter) Sample(ctx context.Context) ([]drivers.Reading, error) {
	data, err := m.master.Ask(ctx, m.request, m.opts.Timeout)
	if err != nil {
		return nil, fmt.Errorf("read modbus meter: %w", err)
	}
	return []drivers.Reading{m.reading(data)}, nil
}

// reading makes a level of the data of an answer.
func (m *Meter) reading(data []byte) drivers.Reading {
	q := m.opts.Quantity
	pattern := m.opts.Order.bits(data)
	value, ok := m.opts.Type.value(pattern)
	if !ok {
		return drivers.NewFault(q, drivers.BadValue)
	}
	if slices.ContainsFunc(m.opts.Bad, func(s Special) bool { return s.is(pattern, value) }) {
		return drivers.NewFault(q, drivers.BadValue).WithRaw(value, m.rawUnit())
	}
	level, ok := m.level(value)
	if !ok {
		return drivers.NewFault(q, drivers.BadValue).WithRaw(value, m.rawUnit())
	}
	why := drivers.Reason("")
	if m.opts.Min != m.opts.Max {
		switch {
		case level < m.min:
			level, why = m.min, drivers.UnderRange
		case level > m.max:
			level, why = m.max, drivers.OverRange
		}
	}
	shown := drivers.Decimal{Coefficient: level + m.offset, Scale: m.decimals}
	if why != "" {
		return drivers.NewUncertain(q, shown, drivers.Metre, why).WithRaw(value, m.rawUnit())
	}
	return drivers.NewGood(q, shown, drivers.Metre).WithRaw(value, m.rawUnit())
}

// rawUnit is the unit of the register as it stands: with a scale other than 1
// its value is only a count.
func (m *Meter) rawUnit() drivers.Unit {
	if m.opts.Scale.Compare(drivers.Int(1)) == 0 {
		switch m.opts.RegisterUnit {
		case Metre:
			return drivers.Metre
		case Centimetre:
			return drivers.Centimetre
		case Millimetre:
			return drivers.Millimetre
		}
	}
	return drivers.Count
}

// level is the register's value in units of the last decimal of a metre,
// rounded half away from zero where the value is finer. ok is false when it
// is farther than any level.
func (m *Meter) level(v drivers.Decimal) (level int64, ok bool) {
	digits, _ := m.opts.RegisterUnit.decimals()
	hi, n := bits.Mul64(magnitude(v.Coefficient), magnitude(m.opts.Scale.Coefficient))
	if hi != 0 || n > math.MaxInt64 {
		return 0, false
	}
	have := v.Scale + m.opts.Scale.Scale + digits
	for ; have < m.decimals; have++ {
		if hi, n = bits.Mul64(n, 10); hi != 0 || n > math.MaxInt64 {
			return 0, false
		}
	}
	// Only the first digit that goes decides the rounding.
	for ; have > m.decimals+1; have-- {
		n /= 10
	}
	if have > m.decimals {
		n = (n + 5) / 10
	}
	if limit := uint64(inDecimals(farthest, m.decimals)); n > limit {
		return 0, false
	}
	if (v.Coefficient < 0) != (m.opts.Scale.Coefficient < 0) {
		return -int64(n), true
	}
	return int64(n), true
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}
