package drivers_test

import (
	"encoding/json"
	"math"
	"math/big"
	"testing"

	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
)

func TestDecimalText(t *testing.T) {
	for _, tt := range []struct {
		d    drivers.Decimal
		want string
	}{
		{drivers.Decimal{}, "0"},
		{drivers.Int(7), "7"},
		{drivers.Int(-7), "-7"},
		{drivers.Decimal{Coefficient: 10490, Scale: 3}, "10.490"},
		{drivers.Decimal{Coefficient: 180, Scale: 2}, "1.80"},
		{drivers.Decimal{Coefficient: 5, Scale: 3}, "0.005"},
		{drivers.Decimal{Coefficient: -5, Scale: 3}, "-0.005"},
		{drivers.Decimal{Coefficient: 0, Scale: 3}, "0.000"},
		{drivers.Decimal{Coefficient: -120, Scale: 2}, "-1.20"},
		{drivers.Decimal{Coefficient: 1, Scale: 9}, "0.000000001"},
		{drivers.Int(math.MaxInt64), "9223372036854775807"},
		{drivers.Int(math.MinInt64), "-9223372036854775808"},
		{drivers.Decimal{Coefficient: math.MinInt64, Scale: 9}, "-9223372036.854775808"},
	} {
		if got := tt.d.String(); got != tt.want {
			t.Errorf("String of %+v is %s, want %s", tt.d, got, tt.want)
		}
		if got, err := drivers.ParseDecimal(tt.want); err != nil || got != tt.d {
			t.Errorf("ParseDecimal(%s) = %+v, %v, want %+v", tt.want, got, err, tt.d)
		}
		text, err := json.Marshal(tt.d)
		if err != nil || string(text) != tt.want {
			t.Errorf("JSON of %+v is %s, %v, want %s", tt.d, text, err, tt.want)
		}
		var back drivers.Decimal
		if err := json.Unmarshal(text, &back); err != nil || back != tt.d {
			t.Errorf("JSON %s reads as %+v, %v", text, back, err)
		}
	}
}

func TestParseDecimalRefuses(t *testing.T) {
	for _, s := range []string{
		"", "-", ".", "-.", "+1", "--1", "1-", "1.-5", "1.2.3", "1e3", "0x1", "1_000", " 1", "1 ", "1,5",
		"1.0000000000", "9223372036854775808", "-9223372036854775809", "9223372036.854775808", "NaN", "١",
	} {
		if d, err := drivers.ParseDecimal(s); err == nil || d != (drivers.Decimal{}) {
			t.Errorf("ParseDecimal(%q) = %+v, %v, want an error", s, d, err)
		}
	}
	for _, s := range []string{`"1"`, `1e3`, `true`, `[]`} {
		d := drivers.Int(42)
		if err := json.Unmarshal([]byte(s), &d); err == nil || d != drivers.Int(42) {
			t.Errorf("JSON %s reads as %+v, %v, want an error", s, d, err)
		}
	}
}

func TestFromNano(t *testing.T) {
	for _, tt := range []struct {
		nano  int64
		scale uint8
		want  string
	}{
		{1_800_000_000, 3, "1.800"},
		{499_999, 3, "0.000"},
		{500_000, 3, "0.001"},
		{1_499_999, 3, "0.001"},
		{1_500_000, 3, "0.002"},
		{-499_999, 3, "0.000"},
		{-500_000, 3, "-0.001"},
		{-1_499_999, 3, "-0.001"},
		{-1_500_000, 3, "-0.002"},
		{2_500_000_000, 0, "3"},
		{-2_500_000_000, 0, "-3"},
		{2_499_999_999, 0, "2"},
		{-1, 9, "-0.000000001"},
		{-1, 200, "-0.000000001"},
		{math.MaxInt64, 9, "9223372036.854775807"},
		{math.MinInt64, 9, "-9223372036.854775808"},
		{math.MaxInt64, 0, "9223372037"},
		{math.MinInt64, 0, "-9223372037"},
		{math.MinInt64, 8, "-9223372036.85477581"},
	} {
		if got := drivers.FromNano(tt.nano, tt.scale).String(); got != tt.want {
			t.Errorf("FromNano(%d, %d) = %s, want %s", tt.nano, tt.scale, got, tt.want)
		}
	}
	if got := drivers.Metres(10490*physic.MilliMetre, 3).String(); got != "10.490" {
		t.Errorf("10.49 m is %s, want 10.490", got)
	}
}

func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"1.80", "1.8", 0},
		{"1.80", "1.81", -1},
		{"2", "1.999999999", 1},
		{"-1.80", "-1.8", 0},
		{"-1.81", "-1.8", -1},
		{"0", "-0.000", 0},
		{"-0.000000001", "0", -1},
		{"9223372036854775807", "9223372036.854775807", 1},
		{"-9223372036854775808", "9223372036.854775807", -1},
		{"-9223372036854775808", "-9223372036854775807", -1},
		{"922337203685477581", "922337203685477580.7", 1},
	} {
		a, errA := drivers.ParseDecimal(tt.a)
		b, errB := drivers.ParseDecimal(tt.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if got := a.Compare(b); got != tt.want {
			t.Errorf("%s compared with %s: %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := b.Compare(a); got != -tt.want {
			t.Errorf("%s compared with %s: %d, want %d", tt.b, tt.a, got, -tt.want)
		}
	}
}

func TestFloat(t *testing.T) {
	if got := (drivers.Decimal{Coefficient: -10490, Scale: 3}).Float(); got != -10.49 {
		t.Errorf("got %v, want -10.49", got)
	}
}

// FuzzDecimal checks text, order and rounding against arithmetic without bounds.
func FuzzDecimal(f *testing.F) {
	f.Add(int64(10490), uint8(3), int64(1049), uint8(2))
	f.Add(int64(math.MinInt64), uint8(0), int64(math.MinInt64+1), uint8(0))
	f.Add(int64(922337203685477581), uint8(0), int64(math.MaxInt64), uint8(1))
	f.Add(int64(-500_000), uint8(3), int64(-499_999), uint8(9))
	f.Fuzz(func(t *testing.T, n int64, scaleN uint8, m int64, scaleM uint8) {
		a := drivers.Decimal{Coefficient: n, Scale: scaleN % 10}
		b := drivers.Decimal{Coefficient: m, Scale: scaleM % 10}
		if back, err := drivers.ParseDecimal(a.String()); err != nil || back != a {
			t.Errorf("%+v written %s reads as %+v, %v", a, a, back, err)
		}
		exactA, exactB := exact(t, a.String()), exact(t, b.String())
		if got, want := a.Compare(b), exactA.Cmp(exactB); got != want {
			t.Errorf("%s compared with %s: %d, want %d", a, b, got, want)
		}
		// Rounded: no further off than half a unit of the last decimal, and
		// away from zero at exactly half.
		rounded := drivers.FromNano(n, a.Scale)
		nano := exact(t, drivers.Decimal{Coefficient: n, Scale: 9}.String())
		got := exact(t, rounded.String())
		half := exact(t, drivers.Decimal{Coefficient: 1, Scale: a.Scale}.String())
		half.Quo(half, big.NewRat(2, 1))
		off := new(big.Rat).Sub(got, nano)
		switch c := off.Abs(off).Cmp(half); {
		case c > 0:
			t.Errorf("%s rounded to %d decimals: %s", nano.FloatString(9), a.Scale, rounded)
		case c == 0 && got.Abs(got).Cmp(nano.Abs(nano)) < 0:
			t.Errorf("%s rounded to %d decimals towards zero: %s", nano.FloatString(9), a.Scale, rounded)
		}
	})
}

func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"1.80", "-0.005", ".5", "1.", "--1", "1e3", "00012.0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := drivers.ParseDecimal(s)
		if err != nil {
			return
		}
		if exact(t, s).Cmp(exact(t, d.String())) != 0 {
			t.Errorf("%q reads as %s", s, d)
		}
	})
}

func exact(t *testing.T, s string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("%q is no number", s)
	}
	return r
}
