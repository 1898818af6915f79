package sense

import (
	"log/slog"
	"testing"
	"time"

	"watchpost/agent/clock"
	"watchpost/drivers"
)

// handOn makes a watch whose observations go to sink.
func handOn(sink func(Observation), p *Pseudonyms) *watch {
	at := time.Duration(0)
	clk := clock.New(clock.Source{
		SinceBoot:   func() time.Duration { at += time.Millisecond; return at },
		Wall:        time.Now,
		Disciplined: func() bool { return true },
	}, time.Time{})
	s := New(clk, sink, nil, nil).Identify(p)
	return &watch{
		Sensor:     Sensor{ID: "pit", Every: time.Second, Report: Policy{Every: time.Minute, Change: drivers.Decimal{Coefficient: 1, Scale: 2}}},
		supervisor: s, log: slog.New(slog.DiscardHandler), reports: map[drivers.Quantity]report{},
	}
}

func BenchmarkObservation(b *testing.B) {
	for name, r := range map[string]drivers.Reading{
		"level": drivers.NewGood(drivers.Level, drivers.Decimal{Coefficient: 1800, Scale: 3}, drivers.Metre).
			WithRaw(drivers.Decimal{Coefficient: 12000, Scale: 3}, drivers.Milliampere),
		"fault": drivers.NewFault(drivers.Level, drivers.NoAnswer),
		"card": func() drivers.Reading {
			r := drivers.NewGood(drivers.Card, drivers.Int(1), drivers.Count)
			r.Token = drivers.NewToken("h10301", "99/999")
			return r
		}(),
	} {
		b.Run(name, func(b *testing.B) {
			p, err := NewPseudonyms(make([]byte, MinKey))
			if err != nil {
				b.Fatal(err)
			}
			seen := 0
			w := handOn(func(Observation) { seen++ }, p)
			b.ReportAllocs()
			for b.Loop() {
				w.observe(r)
			}
			if seen < b.N {
				b.Fatal("observations are missing")
			}
		})
	}
}

func TestObservationOfAReadingAllocatesNothing(t *testing.T) {
	w := handOn(func(Observation) {}, nil)
	r := drivers.NewGood(drivers.Level, drivers.Decimal{Coefficient: 1800, Scale: 3}, drivers.Metre)
	if n := testing.AllocsPerRun(1000, func() { w.observe(r) }); n != 0 {
		t.Errorf("%v allocations for an observation", n)
	}
}

// TestPause holds the backoff to its bounds: what comes back is seen within 10 s
// where asking is cheap, and dead sensors leave a slow bus to the living.
func TestPause(t *testing.T) {
	for _, tc := range []struct {
		every, cost time.Duration
		failures    int
		least, most time.Duration
	}{
		{time.Second, time.Millisecond, patience, time.Second, time.Second},
		{time.Second, time.Millisecond, patience + 1, 1500 * time.Millisecond, 2 * time.Second},
		{time.Second, time.Millisecond, 1000, 7500 * time.Millisecond, 10 * time.Second},
		{time.Second, 200 * time.Millisecond, 1000, 15 * time.Second, 20 * time.Second},
		{time.Second, 3 * time.Second, 1000, 22500 * time.Millisecond, 30 * time.Second},
		{time.Minute, time.Millisecond, 1000, 45 * time.Second, time.Minute},
		{10 * time.Millisecond, time.Millisecond, 1 << 30, 7500 * time.Millisecond, 10 * time.Second},
	} {
		w := &watch{Sensor: Sensor{Every: tc.every}, failures: tc.failures, cost: tc.cost}
		for range 100 {
			if got := w.pause(); got < tc.least || got > tc.most {
				t.Fatalf("after %d failures of %v each, every %v: pause %v, want %v to %v",
					tc.failures, tc.cost, tc.every, got, tc.least, tc.most)
			}
		}
	}
}
