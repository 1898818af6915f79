package all

import (
	"fmt"
	"strings"

	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
)

// Length is a distance written in m, cm or mm: 5m, 12.5cm, -3mm.
type Length physic.Distance

// Set reads a length. Other units, and none, are refused.
func (l *Length) Set(s string) error {
	digits, unit := s, int64(0)
	for _, u := range []struct {
		suffix string
		nano   int64
	}{{"mm", 1e6}, {"cm", 1e7}, {"m", 1e9}} {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			digits, unit = strings.TrimSpace(rest), u.nano
			break
		}
	}
	nano, err := scaled(digits, unit)
	if err != nil {
		return fmt.Errorf("read length %q: want a number with m, cm or mm, such as 1.8m", s)
	}
	*l = Length(nano)
	return nil
}

// String writes the length in metres.
func (l Length) String() string { return trimmed(int64(l)) + "m" }

// Expects says what a length is read from, in two languages.
func (Length) Expects() string {
	return "带单位的长度，如 1.8m、12.5cm|a length with a unit, such as 1.8m, 12.5cm"
}

// Pattern matches every text that Set reads.
func (Length) Pattern() string { return `^-?[0-9]+(\.[0-9]+)? *(mm|cm|m)$` }

// Resistance is a resistance written in ohm or kohm: 150ohm.
type Resistance physic.ElectricResistance

// Set reads a resistance. Ohm may be written ohm, Ohm or Ω.
func (r *Resistance) Set(s string) error {
	digits, unit := s, int64(0)
	for _, suffix := range []string{"ohm", "Ohm", "Ω"} {
		if rest, ok := strings.CutSuffix(s, suffix); ok {
			digits, unit = rest, 1e9
			break
		}
	}
	if rest, ok := strings.CutSuffix(digits, "k"); ok && unit != 0 {
		digits, unit = rest, 1e12
	}
	nano, err := scaled(strings.TrimSpace(digits), unit)
	if err != nil {
		return fmt.Errorf("read resistance %q: want a number with ohm, such as 150ohm", s)
	}
	*r = Resistance(nano)
	return nil
}

// String writes the resistance in ohm.
func (r Resistance) String() string { return trimmed(int64(r)) + "ohm" }

// Expects says what a resistance is read from, in two languages.
func (Resistance) Expects() string {
	return "带单位的电阻，如 150ohm|a resistance with a unit, such as 150ohm"
}

// Pattern matches every text that Set reads.
func (Resistance) Pattern() string { return `^-?[0-9]+(\.[0-9]+)? *k?(ohm|Ohm|Ω)$` }

// scaled reads digits as a count of a unit of so many nano units. Values beyond
// a million units, or finer than a nano unit, are refused.
func scaled(digits string, unit int64) (int64, error) {
	d, err := drivers.ParseDecimal(digits)
	if err != nil {
		return 0, err
	}
	if d.Compare(drivers.Int(1e6)) > 0 || d.Compare(drivers.Int(-1e6)) < 0 {
		return 0, fmt.Errorf("scale %s: out of range", digits)
	}
	for range d.Scale {
		if unit%10 == 0 {
			unit /= 10
		} else if d.Coefficient%10 == 0 {
			d.Coefficient /= 10
		} else {
			return 0, fmt.Errorf("scale %s: too fine", digits)
		}
	}
	if unit == 0 {
		return 0, fmt.Errorf("scale %s: no unit", digits)
	}
	return d.Coefficient * unit, nil
}

// trimmed writes nano units as units without trailing zeros.
func trimmed(nano int64) string {
	s := drivers.FromNano(nano, 9).String()
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
