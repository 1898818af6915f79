package wiegand

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
)

const ms = time.Millisecond

var (
	card99   = "00110001100000011111001111" // h10301 99/999
	card90   = "00101101000000001010001000" // h10301 90/324
	card34   = "0010001010011001000000100100010000"
	reversed = strings.NewReplacer("0", "1", "1", "0")
)

func TestCardIsToldAtOnce(t *testing.T) {
	out, err := run(t, newLines(numbered(train(3200*ms, 2*ms, card99))...), Opts{Formats: H10301}, 5*time.Second)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("watch: %v", err)
	}
	var when time.Duration
	for _, o := range out {
		if r := o.Reading; !r.Token.IsZero() {
			when = o.At
			if r.Token.Secret() != "h10301:99/999" || r.Quantity != drivers.Card || r.Value != drivers.Int(1) || r.Unit != drivers.Count || r.Quality != drivers.Good {
				t.Errorf("told %+v (%s)", r, r.Token.Secret())
			}
		}
	}
	if end := 3250 * ms; when < end || when > end+100*ms {
		t.Errorf("the card ended at %s and was told at %s", end, when)
	}
	if out[0].At != 0 || out[0].Reading.Quantity != drivers.Card || out[1].Reading.Quantity != drivers.Misread {
		t.Errorf("at the start: %+v", out[:2])
	}
	polls := 0
	for _, o := range out {
		if o.Reading.Quantity == drivers.Misread {
			polls++
			if o.Reading.Value != drivers.Int(0) || o.Reading.Quality != drivers.Good {
				t.Errorf("misread %+v", o.Reading)
			}
		}
	}
	if polls < 5 || polls > 6 {
		t.Errorf("told %d times in 5 s, want every second", polls)
	}
}

// What each trouble turns Card's quality into.
func TestTroubles(t *testing.T) {
	flip := func(s string, i int) string { return s[:i] + reversed.Replace(s[i:i+1]) + s[i+1:] }
	both := train(2000*ms, 2*ms, card99)
	both = append(both, drivers.Edge{Line: 1 - both[3].Line, At: both[3].At + 20*time.Microsecond})
	crossed := train(2000*ms, 2*ms, card99) // two neighbours 20 us apart
	crossed[3].At = crossed[4].At - 20*time.Microsecond
	together := train(2000*ms, 2*ms, card99)
	together = append(together, drivers.Edge{Line: 1 - together[5].Line, At: together[5].At})
	good := train(500*ms, 2*ms, card90)
	for _, tt := range []struct {
		name  string
		edges []drivers.Edge
		want  drivers.Reason
		raw   int64
	}{
		{"parity", numbered(train(2000*ms, 2*ms, flip(card99, 7))), drivers.ParityErrors, 26},
		{"swapped", numbered(exchanged(train(2000*ms, 2*ms, card99))), drivers.SwappedLines, 26},
		{"swapped after a good card", numbered(good, exchanged(train(2000*ms, 2*ms, card99))), drivers.ParityErrors, 26},
		{"swapped in service", numbered(good, exchanged(train(2000*ms, 2*ms, card99)), exchanged(train(2300*ms, 2*ms, card99)), exchanged(train(2600*ms, 2*ms, card99))), drivers.SwappedLines, 26},
		{"too few", numbered(train(2000*ms, 2*ms, card99[1:])), drivers.Noise, 25},
		{"too many", numbered(train(2000*ms, 2*ms, card34)), drivers.Noise, 34},
		{"one spike", numbered(train(2000*ms, 2*ms, "0")), drivers.Noise, 1},
		{"crosstalk", numbered(both), drivers.Noise, 27},
		{"crosstalk of the right length", numbered(crossed), drivers.Noise, 26},
		{"simultaneous", numbered(together), drivers.Noise, 27},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, _ := run(t, newLines(tt.edges...), Opts{Formats: H10301}, 5*time.Second)
			got := last(out, drivers.Card)
			if got.Quality != drivers.Uncertain || got.Reason != tt.want || got.Raw.Value != drivers.Int(tt.raw) {
				t.Errorf("card %+v, want uncertain, %s, raw %d", got, tt.want, tt.raw)
			}
			if n := len(tokens(out)); n > 1 || n == 1 && tt.edges[0].At == 2000*ms {
				t.Errorf("told cards %q", tokens(out))
			}
			if misread := last(out, drivers.Misread); misread.Value.Coefficient == 0 || misread.Quality != drivers.Good {
				t.Errorf("misread %+v", misread)
			}
		})
	}
}

func TestRingingIsOnePulse(t *testing.T) {
	edges := train(2000*ms, 2*ms, card99)
	for _, e := range slices.Clone(edges) {
		e.At += 60 * time.Microsecond
		edges = append(edges, e)
	}
	out, _ := run(t, newLines(numbered(edges)...), Opts{Formats: H10301}, 4*time.Second)
	if got := tokens(out); !slices.Equal(got, []string{"h10301:99/999"}) {
		t.Errorf("cards %q", got)
	}
}

// Rising edges are no bits, wherever they fall.
func TestRisingEdgesAreLeftOut(t *testing.T) {
	edges := train(2000*ms, 2*ms, card99)
	for _, e := range slices.Clone(edges) {
		e.At, e.Rising = e.At+50*time.Microsecond, true
		edges = append(edges, e)
	}
	out, _ := run(t, newLines(numbered(edges)...), Opts{Formats: H10301}, 4*time.Second)
	if got := tokens(out); !slices.Equal(got, []string{"h10301:99/999"}) {
		t.Errorf("cards %q", got)
	}
}

// A frame that was under way when Watch began may lack its beginning: the end of
// a 34-bit frame can be a card of 26. It is no card, and no mistake either.
func TestFrameUnderWay(t *testing.T) {
	first := train(0, 2*ms, card99)
	out, _ := run(t, newLines(numbered(first, train(time.Second, 2*ms, card90))...), Opts{Formats: H10301}, 3*time.Second)
	if got := tokens(out); !slices.Equal(got, []string{"h10301:90/324"}) {
		t.Errorf("cards %q, want the second alone", got)
	}
	if got := last(out, drivers.Misread).Value; got != drivers.Int(0) {
		t.Errorf("misread %s, want 0", got)
	}
}

// One tick, or two within less than the gap, end no frame: after the process was
// held up the first may pass edges that are on their way.
func TestTicksThatEndAFrame(t *testing.T) {
	start := time.Time{}.Add(time.Hour)
	a := assembler{gap: DefaultGap, quiet: true}
	a.edge(drivers.Edge{Line: 1, At: time.Second, Seqno: 1}, start)
	for after, want := range map[time.Duration]bool{0: false, time.Hour: false} {
		b := a
		if _, got := b.tick(start.Add(after)); got != want {
			t.Errorf("first tick after %s: %t", after, got)
		}
	}
	a.tick(start.Add(10 * ms))
	if _, ended := a.tick(start.Add(20 * ms)); ended {
		t.Error("two ticks in 20 ms ended a frame")
	}
	if f, ended := a.tick(start.Add(DefaultGap)); !ended || f.length != 1 {
		t.Errorf("a tick after the gap: %+v, %t", f, ended)
	}
}

func TestTroubleEnds(t *testing.T) {
	bad := train(1000*ms, 2*ms, card99[1:])
	synctest.Test(t, func(t *testing.T) {
		out, _ := watchFor(t, newLines(numbered(bad, train(5000*ms, 2*ms, card99))...), Opts{Formats: H10301}, 6*time.Second)
		if got := last(out, drivers.Card); got.Quality != drivers.Good {
			t.Errorf("after a good card: %+v", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		out, _ := watchFor(t, newLines(numbered(bad)...), Opts{Formats: H10301}, 70*time.Second)
		var from, to time.Duration
		for _, o := range out {
			if o.Reading.Quantity != drivers.Card {
				continue
			}
			if o.Reading.Quality == drivers.Uncertain {
				to = o.At
				if from == 0 {
					from = o.At
				}
			}
		}
		if from > 1200*ms || to < 59*time.Second || to > 62*time.Second {
			t.Errorf("uncertain from %s to %s, want 1.1s to about 61s", from, to)
		}
	})
}

// A flood of noise is told once at once, then every Poll.
func TestNoiseDoesNotFlood(t *testing.T) {
	var edges []drivers.Edge
	for at := 500 * ms; at < 10_500*ms; at += 700 * time.Microsecond {
		edges = append(edges, drivers.Edge{Line: int(at/ms) % 2, At: at})
	}
	out, _ := run(t, newLines(numbered(edges)...), Opts{Formats: H10301}, 12*time.Second)
	if len(out) > 30 {
		t.Errorf("%d readings in 12 s of noise", len(out))
	}
	if got := last(out, drivers.Card); got.Reason != drivers.Noise {
		t.Errorf("card %+v, want noise", got)
	}
	if got := last(out, drivers.Misread).Value.Coefficient; got < 50 {
		t.Errorf("misread %d of %d pulses without a pause, want one for each %d", got, len(edges), longest)
	}
}

func TestStuckLine(t *testing.T) {
	l := newLines()
	synctest.Test(t, func(t *testing.T) {
		go func() {
			_ = drivers.Sleep(t.Context(), 3*time.Second) // the test outlasts it
			l.set(1, gpio.Low)
			_ = drivers.Sleep(t.Context(), 5*time.Second)
			l.set(1, gpio.High)
		}()
		out, _ := watchFor(t, l, Opts{Formats: H10301}, 12*time.Second)
		var from, to time.Duration
		for _, o := range out {
			if o.Reading.Reason != drivers.LineStuck {
				continue
			}
			if o.Reading.Quality != drivers.Fault || o.Reading.Quantity != drivers.Card {
				t.Errorf("told %+v", o.Reading)
			}
			if to = o.At; from == 0 {
				from = o.At
			}
		}
		if from < 4*time.Second || from > 5200*ms || to > 8200*ms {
			t.Errorf("stuck from %s to %s, want about 4 to 5 and 8", from, to)
		}
		if got := last(out, drivers.Card); got.Quality != drivers.Good {
			t.Errorf("after the line came back: %+v", got)
		}
	})
}

// A reader without supply, from the start: no good reading is told before.
func TestStuckFromTheStart(t *testing.T) {
	l := newLines()
	l.set(0, gpio.Low)
	out, _ := run(t, l, Opts{Formats: H10301, Poll: MaxPoll}, 4*time.Second)
	for _, o := range out {
		if o.Reading.Quantity == drivers.Card && o.Reading.Reason != drivers.LineStuck {
			t.Errorf("told %+v at %s", o.Reading, o.At)
		}
	}
	if len(out) == 0 || out[0].At > 1200*ms {
		t.Error("nothing told within 1.2 s")
	}
}

func TestRepeat(t *testing.T) {
	edges := numbered(train(1000*ms, 2*ms, card99), train(1500*ms, 2*ms, card99), train(2400*ms, 2*ms, card99), train(2600*ms, 2*ms, card90), train(2800*ms, 2*ms, card99))
	for repeat, want := range map[time.Duration]int{0: 5, 600 * ms: 4, time.Second: 3} {
		out, _ := run(t, newLines(edges...), Opts{Formats: H10301, Repeat: repeat}, 4*time.Second)
		if got := tokens(out); len(got) != want {
			t.Errorf("repeat %s: %q, want %d", repeat, got, want)
		}
		if got := last(out, drivers.Card).Value; got != drivers.Int(int64(want)) {
			t.Errorf("repeat %s: count %s, want %d", repeat, got, want)
		}
	}
}

// quitter ends without an error, which no lines should.
type quitter struct{ *lines }

func (quitter) Watch(context.Context, func(drivers.Edge)) error { return nil }

func TestLinesThatQuit(t *testing.T) {
	r, err := New(quitter{newLines()}, Opts{Formats: H10301})
	if err != nil {
		t.Fatal(err)
	}
	err = r.Watch(t.Context(), func(drivers.Reading) {})
	if drivers.ReasonOf(err) != drivers.BusDown || strings.Contains(err.Error(), "%!") {
		t.Errorf("got %v, want %s", err, drivers.BusDown)
	}
}

func TestErrors(t *testing.T) {
	gone := drivers.Because(drivers.Missing, errors.New("no such chip"))
	l := newLines()
	l.fail = gone
	out, err := run(t, l, Opts{Formats: H10301}, time.Second)
	if len(out) != 0 || drivers.ReasonOf(err) != drivers.Missing {
		t.Errorf("missing lines: %v, told %v", err, out)
	}
	l = newLines(train(500*ms, ms, "0")...)
	l.ended = errors.New("gone")
	if _, err = run(t, l, Opts{Formats: H10301}, 5*time.Second); drivers.ReasonOf(err) != drivers.BusDown {
		t.Errorf("failing lines: %v", err)
	}
	l = newLines()
	l.levels = l.levels[:1]
	if _, err = run(t, l, Opts{Formats: H10301}, 5*time.Second); drivers.ReasonOf(err) != drivers.BadWiring {
		t.Errorf("one line: %v", err)
	}
}

// Lines that begin to fail while they are watched end Watch with their reason.
func TestLevelsFailLater(t *testing.T) {
	l := newLines()
	synctest.Test(t, func(t *testing.T) {
		go func() {
			_ = drivers.Sleep(t.Context(), 2500*ms)
			l.mu.Lock()
			defer l.mu.Unlock()
			l.fail = drivers.Because(drivers.Stuck, errors.New("no answer"))
		}()
		start := time.Now()
		_, err := watchFor(t, l, Opts{Formats: H10301}, time.Minute)
		if drivers.ReasonOf(err) != drivers.Stuck || time.Since(start) > 4*time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

func TestSample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLines()
		r, err := New(l, Opts{Formats: H10301})
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Sample(t.Context())
		if err != nil || len(got) != 2 || got[0].Quality != drivers.Good || got[1].Quality != drivers.Good || l.looks != 1 {
			t.Errorf("sample: %+v, %v, %d looks", got, err, l.looks)
		}
		l.set(0, gpio.Low)
		if got, _ = r.Sample(t.Context()); got[0].Reason != drivers.LineStuck || l.looks != 4 {
			t.Errorf("with D0 low: %+v, %d looks", got, l.looks)
		}
		l.set(0, gpio.High)
		if got, _ = r.Sample(t.Context()); got[0].Quality != drivers.Good {
			t.Errorf("with D0 high again: %+v", got)
		}
		l.fail = errors.New("gone")
		if _, err = r.Sample(t.Context()); drivers.ReasonOf(err) != drivers.BusDown {
			t.Errorf("failing lines: %v", err)
		}
	})
}

func TestNew(t *testing.T) {
	for name, opts := range map[string]Opts{
		"no format": {}, "two of 37": {Formats: H10304 | H10302}, "gap": {Formats: H10301, Gap: time.Second},
		"repeat": {Formats: H10301, Repeat: -1}, "entry": {Formats: H10301, Entry: ms}, "poll": {Formats: H10301, Poll: ms},
	} {
		if _, err := New(newLines(), opts); drivers.ReasonOf(err) != drivers.BadWiring {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(nil, Opts{Formats: H10301}); drivers.ReasonOf(err) != drivers.BadWiring {
		t.Errorf("no lines: %v", err)
	}
}
