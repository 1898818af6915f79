package history

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"watchpost/drivers"
)

func level(text string) drivers.Reading {
	v, err := drivers.ParseDecimal(text)
	if err != nil {
		panic(err)
	}
	return drivers.NewGood(drivers.Level, v, drivers.Metre)
}

func read(t *testing.T, h *History, to time.Duration) []Point {
	t.Helper()
	s, ok := h.Read("pit", drivers.Level, to-Span, to)
	if !ok {
		t.Fatal("the series is not known")
	}
	return s.Points
}

// Decimals are kept as they were read, faults are no values, and a minute
// without a sample has no point.
func TestMinutes(t *testing.T) {
	h := New(0)
	const start = 90 * time.Hour
	h.Add("pit", start, level("1.80"))
	h.Add("pit", start+10*time.Second, level("1.790"))
	h.Add("pit", start+59*time.Second, level("1.8"))
	h.Add("pit", start+2*time.Minute, drivers.NewFault(drivers.Level, drivers.NoAnswer))
	h.Add("pit", start+2*time.Minute+time.Second, drivers.NewFault(drivers.Level, drivers.BrokenWire))
	h.Add("pit", start+5*time.Minute, drivers.NewUncertain(drivers.Level, drivers.Decimal{Coefficient: 10490, Scale: 3}, drivers.Metre, drivers.OverRange))
	h.Add("pit", start+5*time.Minute+time.Second, drivers.NewFault(drivers.Level, drivers.NoAnswer))
	h.Add("pit", start+5*time.Minute+2*time.Second, level("2.000"))
	ten := drivers.Decimal{Coefficient: 10490, Scale: 3}
	two := drivers.Decimal{Coefficient: 2000, Scale: 3}
	want := []Point{
		{Start: start, Min: drivers.Decimal{Coefficient: 1790, Scale: 3}, Max: drivers.Decimal{Coefficient: 180, Scale: 2}, Last: drivers.Decimal{Coefficient: 18, Scale: 1}, Values: 3, Worst: drivers.Good},
		{Start: start + 2*time.Minute, Faults: 2, Worst: drivers.Fault, Reason: drivers.BrokenWire},
		{Start: start + 5*time.Minute, Min: two, Max: ten, Last: two, Values: 2, Faults: 1, Worst: drivers.Fault, Reason: drivers.NoAnswer},
	}
	if diff := cmp.Diff(want, read(t, h, start+time.Hour)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A day later the first minute is gone, and what is older than a day is not taken
// for today's.
func TestADayAndNoMore(t *testing.T) {
	h := New(0)
	for minute := range 2000 {
		h.Add("pit", time.Duration(minute)*Step, drivers.NewGood(drivers.Level, drivers.Int(int64(minute)), drivers.Metre))
	}
	now := 1999*Step + 30*time.Second
	points := read(t, h, now)
	if len(points) != slots || points[0].Start != 560*Step || points[slots-1].Start != 1999*Step {
		t.Fatalf("%d points from %v to %v", len(points), points[0].Start, points[len(points)-1].Start)
	}
	h.Add("pit", 100*Step, level("99"))
	h.Add("pit", 559*Step, level("99")) // of the minute that the newest took the place of
	for _, p := range read(t, h, now) {
		if p.Last != drivers.Int(int64(p.Start/Step)) {
			t.Errorf("minute %v has %v", p.Start, p.Last)
		}
	}
	if got := len(read(t, h, now)); got != slots {
		t.Errorf("%d points after a sample of more than a day ago, want %d", got, slots)
	}
	if got := len(read(t, h, now+23*time.Hour)); got != 60 {
		t.Errorf("after 23 silent hours %d points, want the hour that is left", got)
	}
	if got := len(read(t, h, now+2*Span)); got != 0 {
		t.Errorf("after two silent days %d points", got)
	}
}

// Whatever is read, a history says of each minute what a plain list of all
// samples says.
func TestAgainstAPlainList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := New(0)
		model := map[int64]*Point{}
		at := time.Duration(rapid.Int64Range(0, int64(400*24*time.Hour)).Draw(t, "boot"))
		for range rapid.IntRange(1, 60).Draw(t, "samples") {
			at += time.Duration(rapid.Int64Range(0, int64(2*time.Hour)).Draw(t, "wait"))
			r := drivers.NewFault(drivers.Level, drivers.NoAnswer)
			if rapid.IntRange(0, 3).Draw(t, "good") > 0 {
				r = drivers.NewGood(drivers.Level, drivers.Decimal{
					Coefficient: rapid.Int64().Draw(t, "coefficient"), Scale: rapid.Uint8Range(0, 9).Draw(t, "scale"),
				}, drivers.Metre)
			}
			h.Add("pit", at, r)
			p := model[int64(at/Step)]
			if p == nil {
				p = &Point{Start: at / Step * Step}
				model[int64(at/Step)] = p
			}
			if p.Worst <= r.Quality {
				p.Worst, p.Reason = r.Quality, r.Reason
			}
			if !r.HasValue() {
				p.Faults++
				continue
			}
			if p.Values == 0 || r.Value.Compare(p.Min) < 0 {
				p.Min = r.Value
			}
			if p.Values == 0 || r.Value.Compare(p.Max) > 0 {
				p.Max = r.Value
			}
			p.Last = r.Value
			p.Values++
		}
		var want []Point
		last := int64(at / Step)
		for minute := last - int64(slots) + 1; minute <= last; minute++ {
			if p := model[minute]; p != nil {
				want = append(want, *p)
			}
		}
		got, _ := h.Read("pit", drivers.Level, at-Span, at)
		if diff := cmp.Diff(want, got.Points); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// 32 sensors for a day and more stay below 4 MB, and so does every series there
// can be, however many sensors are configured.
func TestMemory(t *testing.T) {
	if got := unsafe.Sizeof(bucket{}); got != 40 {
		t.Errorf("a bucket has %d bytes, want 40", got)
	}
	for sensors, most := range map[int]uint64{32: 2_200_000, 500: 4_000_000} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		h := New(0)
		for minute := range slots + 100 {
			for i := range sensors {
				h.Add(fmt.Sprint("sensor-", i), time.Duration(minute)*Step, level("1.234"))
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		grown := after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc)
		t.Logf("%d sensors for a day: %d bytes", sensors, grown)
		if grown > most || grown < 1_000_000 {
			t.Errorf("%d sensors take %d bytes, want at most %d and as much as a day needs", sensors, grown, most)
		}
		if _, ok := h.Read("sensor-0", drivers.Level, 0, Span); !ok {
			t.Error("the first sensor is not kept")
		}
		if _, ok := h.Read(fmt.Sprint("sensor-", MaxSeries), drivers.Level, 0, Span); ok {
			t.Error("a series too many is kept")
		}
	}
}

func TestWhatIsLeftOut(t *testing.T) {
	h := New(0)
	h.Add("door", 0, drivers.NewContact(drivers.DoorHeld, true))
	h.Add("pit", -1, level("1"))
	h.Add("pit", 0, drivers.Reading{Quantity: drivers.Level})
	if len(h.series) != 0 {
		t.Errorf("kept %v", h.series)
	}
	for i := range 300 {
		h.Add("pit", 0, drivers.NewFault(drivers.Level, drivers.Reason(fmt.Sprint("reason-", i))))
	}
	if p := read(t, h, 0); len(h.reasons) != maxReasons || p[0].Faults != 300 || p[0].Reason != "" {
		t.Errorf("%d reasons, points %v", len(h.reasons), p)
	}
	b := bucket{values: 65534}
	b.add(drivers.Int(1))
	b.add(drivers.Int(1))
	if b.values != 65535 {
		t.Errorf("the count went on to %d", b.values)
	}
}

func TestConcurrentUse(t *testing.T) {
	h := New(0)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for minute := range 200 {
				h.Add(fmt.Sprint(i%2), time.Duration(minute)*Step, level("1.5"))
				h.Read("0", drivers.Level, 0, Span)
			}
		})
	}
	all.Wait()
}
