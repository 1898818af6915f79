package currentloop

import (
	"context"
	"fmt"
	"testing"

	"periph.io/x/conn/v3/physic"
	"pgregory.net/rapid"

	"watchpost/drivers"
)

// loop is a voltmeter over 150 ohm through which flow so many microamperes, or
// one that is beyond its range.
type loop struct {
	microamperes int64
	err          error
}

func (l *loop) Voltage(context.Context) (physic.ElectricPotential, error) {
	return physic.ElectricPotential(l.microamperes * 150_000), l.err
}

// says is a reading as one word and its level.
func says(t interface{ Fatalf(string, ...any) }, l *Level) string {
	got, err := l.Sample(context.Background())
	if err != nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	switch r := got[0]; {
	case r.Quality == drivers.Good:
		return "good " + r.Value.String()
	case r.HasValue():
		return string(r.Reason) + " " + r.Value.String()
	default:
		return string(r.Reason)
	}
}

func fiveMetres(t interface{ Fatalf(string, ...any) }, meter Voltmeter) *Level {
	l, err := New(meter, usual())
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return l
}

// What each current, in uA, says after the one before it.
func TestDeadBand(t *testing.T) {
	type step struct {
		microamperes int64
		want         string
	}
	for name, steps := range map[string][]step{
		"empty basement":  {{4000, "good 0.000"}, {3990, "good 0.000"}, {4010, "good 0.003"}, {3980, "good 0.000"}, {3979, "under_range 0.000"}, {3999, "under_range 0.000"}, {4000, "good 0.000"}},
		"starts below":    {{3999, "under_range 0.000"}, {4000, "good 0.000"}, {3999, "good 0.000"}},
		"full":            {{20000, "good 5.000"}, {20020, "good 5.000"}, {20021, "over_range 5.000"}, {20001, "over_range 5.000"}, {20000, "good 5.000"}},
		"broken at once":  {{4000, "good 0.000"}, {3599, "broken_wire"}, {3600, "broken_wire"}, {3619, "broken_wire"}, {3620, "between_bands 0.000"}, {3600, "between_bands 0.000"}, {3599, "broken_wire"}},
		"over at once":    {{12000, "good 2.500"}, {21001, "loop_overcurrent"}, {21000, "loop_overcurrent"}, {20981, "loop_overcurrent"}, {20980, "between_bands 5.000"}, {21000, "between_bands 5.000"}, {21001, "loop_overcurrent"}},
		"low range limit": {{3800, "under_range 0.000"}, {3799, "between_bands 0.000"}, {3819, "between_bands 0.000"}, {3820, "under_range 0.000"}},
		"high range":      {{20500, "over_range 5.000"}, {20501, "between_bands 5.000"}, {20481, "between_bands 5.000"}, {20480, "over_range 5.000"}},
		"far jumps":       {{4000, "good 0.000"}, {25000, "loop_overcurrent"}, {0, "broken_wire"}, {12000, "good 2.500"}, {20300, "over_range 5.000"}, {3900, "under_range 0.000"}, {3700, "between_bands 0.000"}, {20700, "between_bands 5.000"}, {12000, "good 2.500"}},
	} {
		meter := &loop{}
		l := fiveMetres(t, meter)
		for i, s := range steps {
			meter.microamperes = s.microamperes
			if got := says(t, l); got != s.want {
				t.Errorf("%s, step %d, %d uA: %s, want %s", name, i, s.microamperes, got, s.want)
			}
		}
	}
}

// A voltage the voltmeter cannot measure counts as the fault it is.
func TestDeadBandAfterVoltmeterLimits(t *testing.T) {
	beyond := fmt.Errorf("beyond")
	meter := &loop{microamperes: 20990, err: drivers.Because(drivers.OverRange, beyond)}
	l := fiveMetres(t, meter)
	first := says(t, l)
	meter.err = nil
	if second := says(t, l); first != "loop_overcurrent" || second != "loop_overcurrent" {
		t.Errorf("%s, then %s at 20.99 mA", first, second)
	}
	meter.microamperes, meter.err = 3610, drivers.Because(drivers.UnderRange, beyond)
	first = says(t, l)
	meter.err = nil
	if second := says(t, l); first != "broken_wire" || second != "broken_wire" {
		t.Errorf("%s, then %s at 3.61 mA", first, second)
	}
}

// edges are all limits, and all limits shifted by the dead band, in uA.
func edges() []int64 {
	var all []int64
	for _, e := range []int64{3600, 3800, 4000, 20000, 20500, 21000} {
		all = append(all, e-20, e, e+20)
	}
	return all
}

// changes plays noise of up to 10 uA around an edge and counts how often quality
// or reason change after the first sample.
func changes(t *rapid.T, sample func(microamperes int64) string) int {
	start := rapid.SampledFrom([]int64{0, 3590, 3700, 3900, 12000, 20300, 20700, 25000}).Draw(t, "start")
	edge := rapid.SampledFrom(edges()).Draw(t, "edge")
	noise := rapid.SliceOfN(rapid.Int64Range(-10, 10), 2, 100).Draw(t, "noise")
	sample(start)
	last, n := sample(edge+noise[0]), 0
	for _, d := range noise[1:] {
		if now := sample(edge + d); now != last {
			last = now
			n++
		}
	}
	return n
}

// Noise narrower than the dead band changes the quality once at most, whatever
// was before; and a current beyond a fault limit is a fault at once.
func TestNoiseAtALimitChangesQualityOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		meter := &loop{}
		l := fiveMetres(t, meter)
		n := changes(t, func(microamperes int64) string {
			meter.microamperes = microamperes
			got, err := l.Sample(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if outside := microamperes < 3600 || microamperes > 21000; outside && got[0].HasValue() {
				t.Fatalf("%d uA is no fault: %+v", microamperes, got[0])
			}
			return got[0].Quality.String() + string(got[0].Reason)
		})
		if n > 1 {
			t.Fatalf("%d changes", n)
		}
	})
}

// The same noise without a memory of the band changes it again and again: the
// property above would see a dead band that does nothing.
func TestNoiseWithoutDeadBandFlickers(t *testing.T) {
	flickers := false
	rapid.Check(t, func(t *rapid.T) {
		n := changes(t, func(microamperes int64) string {
			got, err := fiveMetres(t, &loop{microamperes: microamperes}).Sample(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			return got[0].Quality.String() + string(got[0].Reason)
		})
		flickers = flickers || n > 1
	})
	if !flickers {
		t.Error("noise around the limits changed nothing")
	}
}

// The raw current is there in faults too; a voltage that was not measured has
// none.
func TestRaw(t *testing.T) {
	for microamperes, want := range map[int64]string{
		0: "0.000", -4: "-0.004", 3599: "3.599", 4000: "4.000", 12345: "12.345", 21001: "21.001",
	} {
		got, err := fiveMetres(t, &loop{microamperes: microamperes}).Sample(t.Context())
		if err != nil || got[0].Raw.Value.String() != want || got[0].Raw.Unit != drivers.Milliampere {
			t.Errorf("%d uA: raw %v, %v, want %s mA", microamperes, got[0].Raw, err, want)
		}
	}
	beyond := &loop{microamperes: 22000, err: drivers.Because(drivers.OverRange, fmt.Errorf("beyond"))}
	if got, err := fiveMetres(t, beyond).Sample(t.Context()); err != nil || got[0].Raw != (drivers.Raw{}) {
		t.Errorf("beyond the voltmeter: %+v, %v", got, err)
	}
}

func BenchmarkReading(b *testing.B) {
	l, err := New(&loop{microamperes: 12345}, usual())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Sample(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
