package drivers

import (
	"cmp"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"periph.io/x/conn/v3/physic"
)

// maxScale is the largest number of decimals a Decimal keeps: nano units, what
// physic's types resolve.
const maxScale = 9

// Decimal is an exact decimal number: Coefficient / 10^Scale. It keeps the
// decimals it was made with, so 10.490 stays 10.490 from the chip to the
// platform; binary floats would turn it into 10.49.
type Decimal struct {
	Coefficient int64
	Scale       uint8 // decimals after the point, 0 to 9
}

// Int is a whole number.
func Int(n int64) Decimal { return Decimal{Coefficient: n} }

// FromNano rounds a value in nano units (physic's resolution) half away from
// zero to scale decimals. A scale over 9 is taken as 9.
func FromNano(nano int64, scale uint8) Decimal {
	scale = min(scale, maxScale)
	div := pow10(maxScale - scale)
	quotient, rest := nano/div, nano%div
	switch {
	case 2*rest >= div && rest > 0:
		quotient++
	case -2*rest >= div && rest < 0:
		quotient--
	}
	return Decimal{Coefficient: quotient, Scale: scale}
}

// Metres is a distance in metres with scale decimals.
func Metres(d physic.Distance, scale uint8) Decimal { return FromNano(int64(d), scale) }

// ParseDecimal reads the form String writes: an optional minus, digits and at
// most nine decimals.
func ParseDecimal(s string) (Decimal, error) {
	whole, frac, _ := strings.Cut(s, ".")
	digits := strings.TrimPrefix(whole, "-") + frac
	if digits == "" || strings.Trim(digits, "0123456789") != "" || len(frac) > maxScale {
		return Decimal{}, fmt.Errorf("parse decimal %q: want digits, a point and at most %d decimals, such as 1.80", s, maxScale)
	}
	n, err := strconv.ParseInt(whole+frac, 10, 64)
	if err != nil {
		return Decimal{}, fmt.Errorf("parse decimal %q: %w", s, err)
	}
	return Decimal{Coefficient: n, Scale: uint8(len(frac))}, nil
}

// String writes all decimals the value was made with.
func (d Decimal) String() string {
	if d.Scale == 0 {
		return strconv.FormatInt(d.Coefficient, 10)
	}
	digits := strconv.FormatUint(magnitude(d.Coefficient), 10)
	if pad := int(d.Scale) + 1 - len(digits); pad > 0 {
		digits = strings.Repeat("0", pad) + digits
	}
	point := len(digits) - int(d.Scale)
	text := digits[:point] + "." + digits[point:]
	if d.Coefficient < 0 {
		return "-" + text
	}
	return text
}

// MarshalJSON writes the value as a JSON number with all its decimals.
func (d Decimal) MarshalJSON() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalJSON reads a JSON number without an exponent.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	parsed, err := ParseDecimal(string(b))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// Compare is -1, 0 or +1 as d is below, equal to or above e, whatever their
// scales: 1.80 equals 1.8. It is exact for every value.
func (d Decimal) Compare(e Decimal) int {
	if d.Coefficient < 0 != (e.Coefficient < 0) {
		return cmp.Compare(d.Coefficient, e.Coefficient)
	}
	scale := max(d.Scale, e.Scale)
	dHigh, dLow := bits.Mul64(magnitude(d.Coefficient), uint64(pow10(scale-d.Scale)))
	eHigh, eLow := bits.Mul64(magnitude(e.Coefficient), uint64(pow10(scale-e.Scale)))
	order := cmp.Or(cmp.Compare(dHigh, eHigh), cmp.Compare(dLow, eLow))
	if d.Coefficient < 0 {
		return -order
	}
	return order
}

// Float is the nearest float64: for drawing and metrics, never for the wire.
func (d Decimal) Float() float64 { return float64(d.Coefficient) / float64(pow10(d.Scale)) }

func magnitude(n int64) uint64 {
	if n < 0 {
		return uint64(-(n + 1)) + 1
	}
	return uint64(n)
}

func pow10(n uint8) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}
