package modbus

import (
	"context"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
)

// canned is a port that always has the same answer.
type canned []byte

func (c canned) Transact(_ context.Context, _ time.Duration, _ []byte, complete func([]byte) (bool, error)) ([]byte, error) {
	_, err := complete(c)
	return c, err
}

func decimal(t testing.TB, s string) drivers.Decimal {
	t.Helper()
	d, err := drivers.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func meter(t testing.TB, p Port, o Opts) *Meter {
	t.Helper()
	master, err := NewMaster(p, 9600)
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewMeter(master, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func special(t testing.TB, texts ...string) (out []Special) {
	t.Helper()
	for _, text := range texts {
		s, err := ParseSpecial(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// A hydrostatic meter set to cm with one decimal, a gauge in whole cm, and what
// they say, all from the line to the reading.
func TestMeters(t *testing.T) {
	hydrostatic := Opts{Unit: 1, Function: ReadHoldingRegisters, Register: 4, Type: Int16, Scale: decimal(t, "0.1"), RegisterUnit: Centimetre}
	gauge := Opts{Unit: 2, Function: ReadHoldingRegisters, Type: Uint16, RegisterUnit: Centimetre}
	for _, tt := range []struct {
		opts   Opts
		answer string
		want   drivers.Reading
	}{
		{hydrostatic, "01 03 02 00 99 78 2E",
			drivers.NewGood(drivers.Level, decimal(t, "0.153"), drivers.Metre).WithRaw(drivers.Int(153), drivers.Count)},
		{hydrostatic, "01 03 02 FF EC F8 39",
			drivers.NewGood(drivers.Level, decimal(t, "-0.020"), drivers.Metre).WithRaw(drivers.Int(-20), drivers.Count)},
		{gauge, "02 03 02 00 1F BD 8C",
			drivers.NewGood(drivers.Level, decimal(t, "0.31"), drivers.Metre).WithRaw(drivers.Int(31), drivers.Centimetre)},
	} {
		got, err := meter(t, canned(unhex(t, tt.answer)), tt.opts).Sample(t.Context())
		if diff := cmp.Diff([]drivers.Reading{tt.want}, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", tt.answer, err, diff)
		}
	}
	m := meter(t, canned(unhex(t, "01 83 02 C0 F1")), hydrostatic)
	if got, err := m.Sample(t.Context()); got != nil || drivers.ReasonOf(err) != drivers.Refused {
		t.Errorf("refused: %v, %v", got, err)
	}
	if diff := cmp.Diff([]drivers.Quantity{drivers.Level}, m.Quantities()); diff != "" {
		t.Error(diff)
	}
}

func TestValues(t *testing.T) {
	const mm = physic.MilliMetre
	for _, tt := range []struct {
		name    string
		opts    Opts
		data    string
		want    string // the level, or the reason of a fault
		quality drivers.Quality
		reason  drivers.Reason
		raw     string
	}{
		{"unsigned", Opts{Type: Uint16, RegisterUnit: Millimetre}, "FF EC", "65.516", drivers.Good, "", "65516 mm"},
		{"signed", Opts{Type: Int16, RegisterUnit: Millimetre}, "FF EC", "-0.020", drivers.Good, "", "-20 mm"},
		{"decimetres", Opts{Type: Int16, RegisterUnit: Decimetre}, "00 0F", "1.5", drivers.Good, "", "15 count"},
		{"metres", Opts{Type: Int16, RegisterUnit: Metre, Scale: decimal(t, "0.001")}, "28 FA", "10.490", drivers.Good, "", "10490 count"},
		{"scale with a zero", Opts{Type: Int16, RegisterUnit: Metre, Scale: decimal(t, "0.10")}, "00 01", "0.10", drivers.Good, "", "1 count"},
		{"turned round", Opts{Type: Int16, RegisterUnit: Centimetre, Scale: decimal(t, "-1"), Offset: 3 * physic.Metre}, "00 64", "2.00", drivers.Good, "", "100 count"},
		{"offset finer than the register", Opts{Type: Int16, RegisterUnit: Centimetre, Offset: -125 * mm}, "00 1F", "0.185", drivers.Good, "", "31 cm"},
		{"ABCD", Opts{Type: Int32, RegisterUnit: Millimetre}, "00 01 00 02", "65.538", drivers.Good, "", "65538 mm"},
		{"CDAB", Opts{Type: Int32, RegisterUnit: Millimetre, Order: CDAB}, "00 02 00 01", "65.538", drivers.Good, "", "65538 mm"},
		{"BADC", Opts{Type: Int32, RegisterUnit: Millimetre, Order: BADC}, "01 00 02 00", "65.538", drivers.Good, "", "65538 mm"},
		{"DCBA", Opts{Type: Int32, RegisterUnit: Millimetre, Order: DCBA}, "02 00 01 00", "65.538", drivers.Good, "", "65538 mm"},
		{"negative of 32 bits", Opts{Type: Int32, RegisterUnit: Millimetre}, "FF FF FF EC", "-0.020", drivers.Good, "", "-20 mm"},
		{"far of 32 bits", Opts{Type: Uint32, RegisterUnit: Millimetre}, "FF FF FF EC", "", drivers.Fault, drivers.BadValue, "4294967276 mm"},
		{"float", Opts{Type: Float32, RegisterUnit: Metre}, "41 70 00 00", "15.000", drivers.Good, "", "15 m"},
		{"float in cm", Opts{Type: Float32, RegisterUnit: Centimetre}, "41 74 CC CD", "0.153", drivers.Good, "", "15.3 cm"},
		{"float CDAB", Opts{Type: Float32, RegisterUnit: Metre, Order: CDAB}, "00 00 41 70", "15.000", drivers.Good, "", "15 m"},
		{"float rounded", Opts{Type: Float32, RegisterUnit: Metre}, "41 B8 01 94", "23.001", drivers.Good, "", "23.00077 m"},
		{"tiny float", Opts{Type: Float32, RegisterUnit: Metre}, "00 00 00 01", "0.000", drivers.Good, "", "0.000000000 m"},
		{"negative zero", Opts{Type: Float32, RegisterUnit: Metre}, "80 00 00 00", "0.000", drivers.Good, "", "0 m"},
		{"no number", Opts{Type: Float32, RegisterUnit: Metre}, "7F C0 00 00", "", drivers.Fault, drivers.BadValue, ""},
		{"infinite", Opts{Type: Float32, RegisterUnit: Metre}, "FF 80 00 00", "", drivers.Fault, drivers.BadValue, ""},
		{"huge", Opts{Type: Float32, RegisterUnit: Metre}, "7F 7F FF FF", "", drivers.Fault, drivers.BadValue, ""},
		{"words exchanged", Opts{Type: Float32, RegisterUnit: Metre, Order: ABCD}, "00 00 41 70", "0.000", drivers.Good, "", "0.000000000 m"},
		{"bad by bits", Opts{Type: Int16, RegisterUnit: Metre, Bad: special(t, "0x7fff", "-32768")}, "7F FF", "", drivers.Fault, drivers.BadValue, "32767 m"},
		{"bad by value", Opts{Type: Int16, RegisterUnit: Metre, Bad: special(t, "0x7fff", "-32768")}, "80 00", "", drivers.Fault, drivers.BadValue, "-32768 m"},
		{"bad bits of a negative", Opts{Type: Int16, RegisterUnit: Millimetre, Bad: special(t, "0xffff")}, "FF FF", "", drivers.Fault, drivers.BadValue, "-1 mm"},
		{"not bad", Opts{Type: Int16, RegisterUnit: Millimetre, Bad: special(t, "0x7fff")}, "7F FE", "32.766", drivers.Good, "", "32766 mm"},
		{"bad float", Opts{Type: Float32, RegisterUnit: Metre, Bad: special(t, "-9999.5")}, "C6 1C 3E 00", "", drivers.Fault, drivers.BadValue, "-9999.5 m"},
		{"in range", Opts{Type: Int16, RegisterUnit: Millimetre, Max: 5 * physic.Metre}, "13 88", "5.000", drivers.Good, "", "5000 mm"},
		{"above", Opts{Type: Int16, RegisterUnit: Millimetre, Max: 5 * physic.Metre, Offset: physic.Metre}, "13 89", "6.000", drivers.Uncertain, drivers.OverRange, "5001 mm"},
		{"below", Opts{Type: Int16, RegisterUnit: Millimetre, Min: -10 * mm, Max: 5 * physic.Metre}, "FF EC", "-0.010", drivers.Uncertain, drivers.UnderRange, "-20 mm"},
	} {
		o := tt.opts
		o.Unit, o.Function = 1, ReadInputRegisters
		m := meter(t, canned{}, o)
		got := m.reading(unhex(t, tt.data))
		raw := ""
		if got.Raw.Unit != "" {
			raw = got.Raw.Value.String() + " " + string(got.Raw.Unit)
		}
		if got.Quality != tt.quality || got.Reason != tt.reason || raw != tt.raw || got.HasValue() && got.Value.String() != tt.want {
			t.Errorf("%s: %+v, raw %s; want %s %s %s, raw %s", tt.name, got, raw, tt.want, tt.quality, tt.reason, tt.raw)
		}
	}
}

func TestNewMeterRefuses(t *testing.T) {
	good := Opts{Unit: 1, Function: ReadHoldingRegisters, Type: Int16, RegisterUnit: Centimetre}
	meter(t, canned{}, good)
	master, err := NewMaster(canned{}, 9600)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		change func(*Opts)
		says   string
	}{
		{func(o *Opts) { o.Unit = 0 }, "unit"},
		{func(o *Opts) { o.Unit = 248 }, "unit"},
		{func(o *Opts) { o.Function = ReadCoils }, "function"},
		{func(o *Opts) { o.Type = "int8" }, "type"},
		{func(o *Opts) { o.Order = "ACBD" }, "order"},
		{func(o *Opts) { o.RegisterUnit = "ft" }, "unit"},
		{func(o *Opts) { o.Scale = decimal(t, "10000000") }, "scale"},
		{func(o *Opts) { o.Scale = decimal(t, "0.00000001") }, "scale"},
		{func(o *Opts) { o.Offset = 1001 * physic.Metre }, "offset"},
		{func(o *Opts) { o.Min = physic.Metre }, "limits"},
		{func(o *Opts) { o.Max = 1001 * physic.Metre }, "limits"},
		{func(o *Opts) { o.Timeout = time.Hour }, "timeout"},
		{func(o *Opts) { o.Register, o.Type = 65535, Float32 }, "address"},
		{func(o *Opts) { o.Quantity = drivers.Door }, "door"},
		{func(o *Opts) { o.Bad = special(t, "65535") }, "bad value"},
		{func(o *Opts) { o.Bad = special(t, "0x12345") }, "bad value"},
		{func(o *Opts) { o.Bad = special(t, "1.5") }, "bad value"},
		{func(o *Opts) { o.Type, o.Bad = Uint16, special(t, "-1") }, "bad value"},
		{func(o *Opts) { o.Type, o.Bad = Uint32, special(t, "4294967296") }, "bad value"},
		{func(o *Opts) { o.Type, o.Bad = Int32, special(t, "2147483648") }, "bad value"},
	} {
		o := good
		tt.change(&o)
		if _, err := NewMeter(master, o); drivers.ReasonOf(err) != drivers.BadWiring || err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v: %v, want bad wiring naming the %s", o, err, tt.says)
		}
	}
	if _, err := NewMeter(nil, good); drivers.ReasonOf(err) != drivers.BadWiring {
		t.Errorf("no master: %v", err)
	}
	for _, s := range []string{"", "0x", "0xg", "0x123456789", "1e3", "x"} {
		if v, err := ParseSpecial(s); err == nil {
			t.Errorf("bad value %q read as %s", s, v)
		}
	}
}

// FuzzLevel holds the level to arithmetic without bounds: exact for whole
// registers, rounded to millimetres for floats.
func FuzzLevel(f *testing.F) {
	f.Add([]byte{0, 0x99, 0, 0}, byte(0), byte(2), int64(1), byte(1), int64(0))
	f.Add([]byte{0x41, 0x74, 0xCC, 0xCD}, byte(4), byte(2), int64(1), byte(0), int64(-125_000_000))
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF}, byte(3), byte(3), int64(-1_000_000), byte(6), int64(1))
	types := []Type{Int16, Uint16, Int32, Uint32, Float32}
	units := []LengthUnit{Metre, Decimetre, Centimetre, Millimetre}
	f.Fuzz(func(t *testing.T, data []byte, kind, unit byte, scale int64, scaleDigits byte, offset int64) {
		o := Opts{Unit: 1, Function: ReadHoldingRegisters, Type: types[int(kind)%len(types)], RegisterUnit: units[int(unit)%len(units)],
			Scale: drivers.Decimal{Coefficient: scale, Scale: scaleDigits % 10}, Offset: physic.Distance(offset)}
		master, err := NewMaster(canned{}, 9600)
		if err != nil {
			t.Fatal(err)
		}
		m, err := NewMeter(master, o)
		if err != nil || len(data) < 2*o.Type.Registers() {
			return
		}
		data = data[:2*o.Type.Registers()]
		got := m.reading(data)
		bits := ABCD.bits(data)
		value, ok := o.Type.value(bits)
		if o.Type == Float32 {
			wide := float64(math.Float32frombits(bits))
			if nonsense := math.IsNaN(wide) || math.Abs(wide) > highestFloat; nonsense == ok {
				t.Errorf("%v is a value: %v", wide, ok)
			}
		}
		if !ok {
			if got.Quality != drivers.Fault {
				t.Errorf("%+v of no value", got)
			}
			return
		}
		checkLevel(t, m, value, got)
	})
}

func checkLevel(t *testing.T, m *Meter, value drivers.Decimal, got drivers.Reading) {
	t.Helper()
	want := exact(t, value)
	want.Mul(want, exact(t, m.opts.Scale))
	digits := slices.Index([]LengthUnit{Metre, Decimetre, Centimetre, Millimetre}, m.opts.RegisterUnit)
	want.Quo(want, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)))
	if got.Quality == drivers.Fault {
		if near := big.NewRat(999, 1); want.Cmp(near) < 0 && want.Cmp(near.Neg(near)) > 0 {
			t.Errorf("%s is a fault", want.FloatString(9))
		}
		return
	}
	want.Add(want, new(big.Rat).SetFrac64(int64(m.opts.Offset), 1e9))
	off := new(big.Rat).Sub(exact(t, got.Value), want)
	half := exact(t, drivers.Decimal{Coefficient: 5, Scale: 9})
	if m.opts.Type == Float32 {
		half = big.NewRat(1, 2000)
	} else if off.Sign() != 0 {
		t.Errorf("%s is not exactly %s", got.Value, want.FloatString(12))
	}
	if off.Abs(off).Cmp(half) > 0 {
		t.Errorf("%s is too far from %s", got.Value, want.FloatString(12))
	}
}

func exact(t *testing.T, d drivers.Decimal) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(d.String())
	if !ok {
		t.Fatalf("%s is no number", d)
	}
	return r
}

func BenchmarkReading(b *testing.B) {
	m := meter(b, canned(unhex(b, "00 01 03 02 00 99 78 2E")), Opts{
		Unit: 1, Function: ReadHoldingRegisters, Register: 4, Type: Int16, Scale: decimal(b, "0.1"), RegisterUnit: Centimetre,
		Bad: special(b, "0x7fff"), Max: 5 * physic.Metre,
	})
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		readings, err := m.Sample(ctx)
		if err != nil || readings[0].Quality != drivers.Good {
			b.Fatal(readings, err)
		}
	}
}

func BenchmarkSearch(b *testing.B) {
	x := searching(b, level)
	line := unhex(b, "fe"+level+"00"+unitTwo+fifteen)
	b.ReportAllocs()
	for b.Loop() {
		if x.search(line, false).answer == nil {
			b.Fatal("not found")
		}
	}
}
