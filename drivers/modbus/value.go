package modbus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"watchpost/drivers"
)

// Type is how registers hold a number.
type Type string

// Types of one register, and of two.
const (
	Int16   Type = "int16"
	Uint16  Type = "uint16"
	Int32   Type = "int32"
	Uint32  Type = "uint32"
	Float32 Type = "float32" // IEEE 754
)

// Registers is how many registers the type takes; 0 for an unknown one.
func (t Type) Registers() int {
	switch t {
	case Int16, Uint16:
		return 1
	case Int32, Uint32, Float32:
		return 2
	}
	return 0
}

// Order is how the four bytes of a two-register type lie on the line, A being
// the most significant. It has no effect on one register.
type Order string

// Orders found in devices.
const (
	ABCD Order = "ABCD" // high register first
	CDAB Order = "CDAB" // low register first
	BADC Order = "BADC" // high register first, bytes exchanged
	DCBA Order = "DCBA" // low register first, bytes exchanged
)

// bits puts the data of an answer together, most significant byte first.
func (o Order) bits(data []byte) uint32 {
	if len(data) == 2 {
		return uint32(binary.BigEndian.Uint16(data))
	}
	a, b, c, d := uint32(data[0]), uint32(data[1]), uint32(data[2]), uint32(data[3])
	switch o {
	case CDAB:
		a, b, c, d = c, d, a, b
	case BADC:
		a, b, c, d = b, a, d, c
	case DCBA:
		a, b, c, d = d, c, b, a
	}
	return a<<24 | b<<16 | c<<8 | d
}

// value is the number that a register's bits mean. ok is false for a float that
// is none, or so large that no level is meant.
func (t Type) value(bits uint32) (v drivers.Decimal, ok bool) {
	switch t {
	case Int16:
		return drivers.Int(int64(int16(bits))), true
	case Int32:
		return drivers.Int(int64(int32(bits))), true
	case Float32:
		return fromFloat(math.Float32frombits(bits))
	}
	return drivers.Int(int64(bits)), true
}

// highestFloat bounds what a float register may say: beyond it there is no
// level in any unit, only a device that sends something else.
const highestFloat = 1e9

// fromFloat is the shortest decimal that is nearest to f, which is what the
// device meant: 15.3 and not 15.30000019. It is cut to nine decimals.
func fromFloat(f float32) (drivers.Decimal, bool) {
	if wide := float64(f); math.IsNaN(wide) || math.Abs(wide) > highestFloat {
		return drivers.Decimal{}, false
	}
	var buf [64]byte
	text := strconv.AppendFloat(buf[:0], float64(f), 'f', -1, 32)
	var d drivers.Decimal
	negative, fraction := false, false
	for _, c := range text {
		switch {
		case c == '-':
			negative = true
		case c == '.':
			fraction = true
		case fraction && d.Scale == maxDecimals:
			// finer than a Decimal holds
		default:
			d.Coefficient = 10*d.Coefficient + int64(c-'0')
			if fraction {
				d.Scale++
			}
		}
	}
	if negative {
		d.Coefficient = -d.Coefficient
	}
	return d, true
}

// Special is a register value by which a device says that it has no value.
type Special struct {
	pattern bool // given as the bits of the register
	bits    uint32
	value   drivers.Decimal
}

// ParseSpecial reads a value as a number (-32768) or as the register's bits
// (0x8000).
func ParseSpecial(s string) (Special, error) {
	digits, hex := strings.CutPrefix(strings.ToLower(s), "0x")
	if hex {
		bits, err := strconv.ParseUint(digits, 16, 32)
		if err != nil {
			return Special{}, fmt.Errorf("read bad value %q: want at most eight hexadecimal digits after 0x", s)
		}
		return Special{pattern: true, bits: uint32(bits)}, nil
	}
	value, err := drivers.ParseDecimal(s)
	if err != nil {
		return Special{}, fmt.Errorf("read bad value: %w", err)
	}
	return Special{value: value}, nil
}

// String is the value as ParseSpecial reads it.
func (s Special) String() string {
	if s.pattern {
		return fmt.Sprintf("0x%04x", s.bits)
	}
	return s.value.String()
}

func (s Special) is(bits uint32, v drivers.Decimal) bool {
	if s.pattern {
		return s.bits == bits
	}
	return s.value.Compare(v) == 0
}

// Check refuses a value that a register of that type cannot have, such as 65535
// in an int16: it would never match.
func (s Special) Check(t Type) error {
	var low, high int64
	switch t {
	case Int16:
		low, high = math.MinInt16, math.MaxInt16
	case Uint16:
		high = math.MaxUint16
	case Int32:
		low, high = math.MinInt32, math.MaxInt32
	case Uint32:
		high = math.MaxUint32
	default: // a float has them all
		return nil
	}
	switch {
	case s.pattern && t.Registers() == 1 && s.bits > math.MaxUint16:
		return fmt.Errorf("bad value %s: a register of type %s has four hexadecimal digits", s, t)
	case !s.pattern && (s.value.Compare(drivers.Int(low)) < 0 || s.value.Compare(drivers.Int(high)) > 0):
		return fmt.Errorf("bad value %s: a register of type %s holds %d to %d", s, t, low, high)
	case !s.pattern && s.value.Scale > 0:
		return errors.New("bad value " + s.String() + ": want a whole number")
	}
	return nil
}
