package record

import (
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"watchpost/drivers"
)

// maxScale is the largest number of decimals a drivers.Decimal keeps.
const maxScale = 9

// field is one field as it stands in the bytes.
type field struct {
	num protowire.Number
	typ protowire.Type
	n   uint64 // VarintType, Fixed64Type
	raw []byte // BytesType; part of the record
}

// walk calls take for each field of b in turn and stops at the first error. A
// field take does not know is skipped by its doing nothing.
func walk(b []byte, take func(field) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%w: read tag: %w", ErrDamaged, protowire.ParseError(n))
		}
		b = b[n:]
		f := field{num: num, typ: typ}
		switch typ {
		case protowire.VarintType:
			f.n, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			f.n, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			f.raw, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return fmt.Errorf("%w: read field %d: %w", ErrDamaged, num, protowire.ParseError(n))
		}
		b = b[n:]
		if err := take(f); err != nil {
			return err
		}
	}
	return nil
}

// walk walks the fields of a nested message.
func (f field) walk(take func(field) error) error {
	if f.typ != protowire.BytesType {
		return f.wrongType()
	}
	return walk(f.raw, take)
}

func (f field) wrongType() error {
	return fmt.Errorf("%w: field %d has wire type %d", ErrDamaged, f.num, f.typ)
}

func setNumber(f field, to *uint64) error {
	if f.typ != protowire.VarintType {
		return f.wrongType()
	}
	*to = f.n
	return nil
}

func setText[T ~string](f field, to *T) error {
	switch {
	case f.typ != protowire.BytesType:
		return f.wrongType()
	case !utf8.Valid(f.raw):
		return fmt.Errorf("%w: field %d is not UTF-8", ErrDamaged, f.num)
	}
	*to = T(f.raw)
	return nil
}

// setEnum refuses a number above the last one this release knows.
func setEnum[T ~uint8](f field, to *T, last T) error {
	switch {
	case f.typ != protowire.VarintType:
		return f.wrongType()
	case f.n > uint64(last):
		return fmt.Errorf("%w: field %d is %d, this release knows up to %d", ErrNewer, f.num, f.n, last)
	}
	*to = T(f.n)
	return nil
}

// decimalFields gathers the two fields of a decimal.
type decimalFields struct {
	coefficient, scale protowire.Number
	value              drivers.Decimal
	present            bool
}

func (d *decimalFields) take(f field) (known bool, err error) {
	switch f.num {
	case d.coefficient:
		var n uint64
		err := setNumber(f, &n)
		d.value.Coefficient, d.present = protowire.DecodeZigZag(n), true
		return true, err
	case d.scale:
		var n uint64
		if err := setNumber(f, &n); err != nil {
			return true, err
		}
		if n > maxScale {
			return true, fmt.Errorf("%w: %d decimals, at most %d", ErrDamaged, n, maxScale)
		}
		d.value.Scale = uint8(n)
		return true, nil
	}
	return false, nil
}

// decimal is nil when there was no coefficient.
func (d *decimalFields) decimal() *drivers.Decimal {
	if !d.present {
		return nil
	}
	return &d.value
}
