package configs

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// maxScale is the largest number of decimals of a Length: a nanometre.
const maxScale = 9

// Length is an exact length in metres: Coefficient / 10^Scale. It keeps the
// decimals it was written with: 1.50m is 150/10^2, and 1cm is 1/10^2. Its fields
// are those of drivers.Decimal, so that drivers.Decimal(l) converts it.
type Length struct {
	Coefficient int64
	Scale       uint8 // decimals after the point, 0 to 9
}

// Set reads a decimal number with the unit mm, cm or m.
func (l *Length) Set(s string) error {
	number, shift, ok := cutUnit(s)
	whole, frac, point := strings.Cut(number, ".")
	digits := strings.TrimPrefix(whole, "-")
	switch {
	case !ok:
		return fmt.Errorf("parse length: %w", flaw("no-unit"))
	case !isDigits(digits) || point && !isDigits(frac):
		return fmt.Errorf("parse length: %w", flaw("not-possible"))
	case len(digits) > 1 && digits[0] == '0':
		return fmt.Errorf("parse length: %w", flaw("leading-zero"))
	case len(frac)+shift > maxScale:
		return fmt.Errorf("parse length: %w", flaw("too-fine"))
	}
	n, err := strconv.ParseInt(whole+frac, 10, 64)
	if err != nil || n == math.MinInt64 {
		return fmt.Errorf("parse length: %w", flaw("out-of-range"))
	}
	*l = Length{Coefficient: n, Scale: uint8(len(frac) + shift)}
	return nil
}

// cutUnit returns how many decimals the unit adds to a number of metres.
func cutUnit(s string) (number string, shift int, ok bool) {
	for _, unit := range []struct {
		name  string
		shift int
	}{{"mm", 3}, {"cm", 2}, {"m", 0}} { // m last: the others end in it
		if number, ok := strings.CutSuffix(s, unit.name); ok {
			return number, unit.shift, true
		}
	}
	return s, 0, false
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// Metres is the decimal number of metres, with all its decimals.
func (l Length) Metres() string {
	digits := strconv.FormatInt(l.Coefficient, 10)
	sign := ""
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		sign, digits = "-", rest
	}
	if l.Scale == 0 {
		return sign + digits
	}
	if pad := int(l.Scale) + 1 - len(digits); pad > 0 {
		digits = strings.Repeat("0", pad) + digits
	}
	point := len(digits) - int(l.Scale)
	return sign + digits[:point] + "." + digits[point:]
}

// String is the length in metres with its unit: 1.50m.
func (l Length) String() string { return l.Metres() + "m" }

// Compare is -1, 0 or +1 as l is shorter than, as long as or longer than m.
func (l Length) Compare(m Length) int {
	return l.scaled(m.Scale).Cmp(m.scaled(l.Scale))
}

// scaled is the coefficient times 10^by, which may not fit 64 bits.
func (l Length) scaled(by uint8) *big.Int {
	factor := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(by)), nil)
	return factor.Mul(factor, big.NewInt(l.Coefficient))
}

// Bytes is a size in bytes.
type Bytes int64

// byteUnits has the larger units first, and of two the one that ends in the other.
var byteUnits = []struct {
	name string
	size int64
}{
	{"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}, {"B", 1},
}

// Set reads a whole number with the unit B, kB, MB, GB, KiB, MiB or GiB.
func (b *Bytes) Set(s string) error {
	for _, unit := range byteUnits {
		number, ok := strings.CutSuffix(s, unit.name)
		if !ok {
			continue
		}
		if !isDigits(number) || len(number) > 1 && number[0] == '0' {
			return fmt.Errorf("parse size: %w", flaw("not-whole"))
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n > math.MaxInt64/unit.size {
			return fmt.Errorf("parse size: %w", flaw("out-of-range"))
		}
		*b = Bytes(n * unit.size)
		return nil
	}
	return fmt.Errorf("parse size: %w", flaw("no-unit"))
}

// String is the size in the largest unit that divides it.
func (b Bytes) String() string {
	for _, unit := range byteUnits {
		if int64(b)%unit.size == 0 && b != 0 {
			return strconv.FormatInt(int64(b)/unit.size, 10) + unit.name
		}
	}
	return "0B"
}
