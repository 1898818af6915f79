package currentloop

import (
	"context"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
)

// meter is a voltmeter with one answer.
type meter struct {
	v   physic.ElectricPotential
	err error
}

func (m meter) Voltage(context.Context) (physic.ElectricPotential, error) { return m.v, m.err }

// Five metres through 150 ohm.
func usual() Opts { return Opts{Shunt: 150 * physic.Ohm, Span: 5 * physic.Metre} }

func sample(t *testing.T, m meter, o Opts) drivers.Reading {
	t.Helper()
	l, err := New(m, o)
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.Sample(t.Context())
	if err != nil || len(got) != 1 {
		t.Fatalf("Sample at %v: %v, %v, want one reading", m.v, got, err)
	}
	got[0].Raw = drivers.Raw{} // has its own test
	return got[0]
}

func good(metres string) drivers.Reading {
	return drivers.NewGood(drivers.Level, decimal(metres), drivers.Metre)
}

func doubt(metres string, why drivers.Reason) drivers.Reading {
	return drivers.NewUncertain(drivers.Level, decimal(metres), drivers.Metre, why)
}

func fault(why drivers.Reason) drivers.Reading { return drivers.NewFault(drivers.Level, why) }

func decimal(s string) drivers.Decimal {
	d, err := drivers.ParseDecimal(s)
	if err != nil {
		return drivers.Decimal{Coefficient: math.MinInt64} // equal to nothing expected
	}
	return d
}

// Each limit of NAMUR NE 43, one step of the converter and one nanovolt to each
// side of it. 150 ohm: 3.6 mA is 540 mV, 3.8 mA 570 mV, 4 mA 600 mV, 20 mA 3 V,
// 20.5 mA 3.075 V, 21 mA 3.15 V.
func TestBands(t *testing.T) {
	const mv, step, nv = physic.MilliVolt, 125 * physic.MicroVolt, physic.NanoVolt
	for _, tt := range []struct {
		v    physic.ElectricPotential
		want drivers.Reading
	}{
		{0, fault(drivers.BrokenWire)},
		{-600 * mv, fault(drivers.BrokenWire)},
		{540*mv - step, fault(drivers.BrokenWire)},
		{540*mv - nv, fault(drivers.BrokenWire)},
		{540 * mv, doubt("0.000", drivers.BetweenBands)},
		{540*mv + step, doubt("0.000", drivers.BetweenBands)},
		{570*mv - step, doubt("0.000", drivers.BetweenBands)},
		{570*mv - nv, doubt("0.000", drivers.BetweenBands)},
		{570 * mv, doubt("0.000", drivers.UnderRange)},
		{570*mv + step, doubt("0.000", drivers.UnderRange)},
		{600*mv - step, doubt("0.000", drivers.UnderRange)},
		{600*mv - nv, doubt("0.000", drivers.UnderRange)},
		{600 * mv, good("0.000")},
		{600*mv + nv, good("0.000")},
		{600*mv + 8*step, good("0.002")}, // 1 mV of 2.4 V of 5 m: 2.083 mm
		{1800 * mv, good("2.500")},
		{3000*mv - 8*step, good("4.998")},
		{3000*mv - nv, good("5.000")},
		{3000 * mv, good("5.000")},
		{3000*mv + nv, doubt("5.000", drivers.OverRange)},
		{3000*mv + step, doubt("5.000", drivers.OverRange)},
		{3075*mv - step, doubt("5.000", drivers.OverRange)},
		{3075 * mv, doubt("5.000", drivers.OverRange)},
		{3075*mv + nv, doubt("5.000", drivers.BetweenBands)},
		{3075*mv + step, doubt("5.000", drivers.BetweenBands)},
		{3150*mv - step, doubt("5.000", drivers.BetweenBands)},
		{3150 * mv, doubt("5.000", drivers.BetweenBands)},
		{3150*mv + nv, fault(drivers.LoopOvercurrent)},
		{3150*mv + step, fault(drivers.LoopOvercurrent)},
		{math.MaxInt64, fault(drivers.LoopOvercurrent)},
		{math.MinInt64, fault(drivers.BrokenWire)},
	} {
		if diff := cmp.Diff(tt.want, sample(t, meter{v: tt.v}, usual())); diff != "" {
			t.Errorf("at %d nV (-want +got):\n%s", tt.v, diff)
		}
	}
}

func TestOffset(t *testing.T) {
	o := usual()
	o.Offset = -1250 * physic.MilliMetre
	for _, tt := range []struct {
		v    physic.ElectricPotential
		want drivers.Reading
	}{
		{580 * physic.MilliVolt, doubt("-1.250", drivers.UnderRange)},
		{600 * physic.MilliVolt, good("-1.250")},
		{1200 * physic.MilliVolt, good("0.000")},
		{1800 * physic.MilliVolt, good("1.250")},
		{3010 * physic.MilliVolt, doubt("3.750", drivers.OverRange)},
	} {
		if diff := cmp.Diff(tt.want, sample(t, meter{v: tt.v}, o)); diff != "" {
			t.Errorf("at %v (-want +got):\n%s", tt.v, diff)
		}
	}
}

func TestQuantity(t *testing.T) {
	o := usual()
	o.Quantity = "draught"
	l, err := New(meter{v: 600 * physic.MilliVolt}, o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]drivers.Quantity{"draught"}, l.Quantities()); diff != "" {
		t.Error(diff)
	}
	if got, err := l.Sample(t.Context()); err != nil || got[0].Quantity != "draught" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestTopVoltage(t *testing.T) {
	if got := usual().TopVoltage(); got != 3150*physic.MilliVolt {
		t.Errorf("21 mA through 150 ohm: %v, want 3.15 V", got)
	}
}

func TestVoltmeterErrors(t *testing.T) {
	cause := errors.New("cause")
	for why, want := range map[drivers.Reason]drivers.Reading{
		drivers.OverRange:  fault(drivers.LoopOvercurrent),
		drivers.UnderRange: fault(drivers.BrokenWire),
	} {
		m := meter{v: physic.Volt, err: drivers.Because(why, cause)}
		if diff := cmp.Diff(want, sample(t, m, usual())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", why, diff)
		}
	}
	for why, err := range map[drivers.Reason]error{
		drivers.NoAnswer:  drivers.Because(drivers.NoAnswer, cause),
		drivers.BadAnswer: drivers.Because(drivers.BadAnswer, cause),
		drivers.Stuck:     context.DeadlineExceeded,
		drivers.Broken:    cause,
	} {
		l, e := New(meter{v: physic.Volt, err: err}, usual())
		if e != nil {
			t.Fatal(e)
		}
		got, e := l.Sample(t.Context())
		if got != nil || !errors.Is(e, err) || drivers.ReasonOf(e) != why {
			t.Errorf("%s: got %v, %v", why, got, e)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct {
		change func(*Opts)
		says   string
	}{
		{func(o *Opts) { o.Shunt = 0 }, "shunt"},
		{func(o *Opts) { o.Shunt = physic.Ohm - 1 }, "shunt"},
		{func(o *Opts) { o.Shunt = physic.KiloOhm + 1 }, "shunt"},
		{func(o *Opts) { o.Span = 0 }, "span"},
		{func(o *Opts) { o.Span = -physic.Metre }, "span"},
		{func(o *Opts) { o.Span = physic.KiloMetre + 1 }, "span"},
		{func(o *Opts) { o.Offset = physic.KiloMetre + 1 }, "offset"},
		{func(o *Opts) { o.Offset = -physic.KiloMetre - 1 }, "offset"},
		{func(o *Opts) { o.Quantity = drivers.Door }, "door"},
	} {
		o := usual()
		tt.change(&o)
		_, err := New(meter{}, o)
		if err == nil || !strings.Contains(err.Error(), tt.says) || drivers.ReasonOf(err) != drivers.BadWiring {
			t.Errorf("%+v: got %v, want bad wiring naming the %s", o, err, tt.says)
		}
	}
	if _, err := New(nil, usual()); err == nil {
		t.Error("New without a voltmeter: no error")
	}
}

// The limits themselves are allowed, and give levels.
func TestAtTheLimits(t *testing.T) {
	for _, tt := range []struct {
		opts Opts
		full physic.ElectricPotential // at 20 mA
		want string
	}{
		{Opts{Shunt: physic.Ohm, Span: physic.KiloMetre, Offset: physic.KiloMetre}, 20 * physic.MilliVolt, "2000.000"},
		{Opts{Shunt: physic.KiloOhm, Span: physic.KiloMetre, Offset: -physic.KiloMetre}, 20 * physic.Volt, "0.000"},
		{Opts{Shunt: physic.KiloOhm, Span: physic.NanoMetre}, 20 * physic.Volt, "0.000"},
	} {
		if got := sample(t, meter{v: tt.full}, tt.opts); got != good(tt.want) {
			t.Errorf("%+v: got %+v, want %s", tt.opts, got, tt.want)
		}
	}
}

// FuzzLevel checks band and value against arithmetic without bounds.
func FuzzLevel(f *testing.F) {
	f.Add(int64(1_800_000_000), int64(150_000_000_000), int64(5_000_000_000), int64(0))
	f.Add(int64(540_000_000), int64(150_000_000_000), int64(5_000_000_000), int64(-1_250_000_000))
	f.Add(int64(math.MaxInt64), int64(physic.KiloOhm), int64(physic.KiloMetre), int64(physic.KiloMetre))
	f.Add(int64(19_999_999_999), int64(physic.KiloOhm), int64(physic.KiloMetre), -int64(physic.KiloMetre))
	f.Add(int64(math.MinInt64), int64(physic.Ohm), int64(1), int64(-1))
	f.Fuzz(func(t *testing.T, v, shunt, span, offset int64) {
		o := Opts{
			Shunt:  physic.ElectricResistance(shunt),
			Span:   physic.Distance(span),
			Offset: physic.Distance(offset),
		}
		l, err := New(meter{v: physic.ElectricPotential(v)}, o)
		if err != nil {
			return
		}
		got, err := l.Sample(t.Context())
		if err != nil || len(got) != 1 {
			t.Fatalf("got %v, %v", got, err)
		}
		if diff := cmp.Diff(current(v, shunt), got[0].Raw); diff != "" {
			t.Errorf("%d nV over %d nohm: raw (-want +got):\n%s", v, shunt, diff)
		}
		got[0].Raw = drivers.Raw{}
		if diff := cmp.Diff(expected(v, o), got[0]); diff != "" {
			t.Errorf("%d nV, %+v (-want +got):\n%s", v, o, diff)
		}
		low, high := drivers.Metres(o.Offset, 3), drivers.Metres(o.Offset+o.Span, 3)
		if x := got[0].Value; got[0].HasValue() && (x.Compare(low) < 0 || x.Compare(high) > 0) {
			t.Errorf("%s outside %s to %s", x, low, high)
		}
	})
}

// expected is the specification in rational numbers.
func expected(v int64, o Opts) drivers.Reading {
	milliamps := big.NewRat(v, 1)
	milliamps.Mul(milliamps, big.NewRat(1000, int64(o.Shunt)))
	at := func(tenths int64) int { return milliamps.Cmp(big.NewRat(tenths, 10)) }
	low, high := drivers.Metres(o.Offset, 3), drivers.Metres(o.Offset+o.Span, 3)
	uncertain := func(d drivers.Decimal, why drivers.Reason) drivers.Reading {
		return drivers.NewUncertain(drivers.Level, d, drivers.Metre, why)
	}
	switch {
	case at(36) < 0:
		return fault(drivers.BrokenWire)
	case at(38) < 0:
		return uncertain(low, drivers.BetweenBands)
	case at(40) < 0:
		return uncertain(low, drivers.UnderRange)
	case at(200) <= 0:
		share := milliamps.Sub(milliamps, big.NewRat(4, 1))
		share.Mul(share, big.NewRat(int64(o.Span), 16))
		nano := new(big.Int).Quo(share.Num(), share.Denom()).Int64()
		return drivers.NewGood(drivers.Level, drivers.FromNano(nano+int64(o.Offset), 3), drivers.Metre)
	case at(205) <= 0:
		return uncertain(high, drivers.OverRange)
	case at(210) <= 0:
		return uncertain(high, drivers.BetweenBands)
	}
	return fault(drivers.LoopOvercurrent)
}

// current is the raw value in rational numbers, rounded half away from zero.
func current(v, shunt int64) drivers.Raw {
	v = min(max(v, -1_000_000_000_000), 1_000_000_000_000)
	micro := big.NewRat(v, 1)
	micro.Mul(micro, big.NewRat(1_000_000, shunt))
	half := big.NewRat(1, 2)
	if v < 0 {
		half.Neg(half)
	}
	micro.Add(micro, half)
	return drivers.Raw{
		Value: drivers.Decimal{Coefficient: new(big.Int).Quo(micro.Num(), micro.Denom()).Int64(), Scale: 3},
		Unit:  drivers.Milliampere,
	}
}
