package door

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
)

const low, high = gpio.Low, gpio.High

// ms are changes of the door's contact, of REX and of unlock after so many
// milliseconds.
func contactAt(ms int, level gpio.Level) change {
	return change{at: time.Duration(ms) * time.Millisecond, level: level}
}

func rexAt(ms int, level gpio.Level) change {
	c := contactAt(ms, level)
	c.line = 1
	return c
}

func unlockAt(ms int, level gpio.Level) change {
	c := contactAt(ms, level)
	c.line = 2
	return c
}

func lost(c change) change { c.lost = true; return c }

// said is one reading that differs from the one of its quantity before.
type said struct {
	AfterMS int64
	What    drivers.Quantity
	Value   int64
}

// watchFor runs Watch on l for a time and returns what changed.
func watchFor(t *testing.T, l Lines, o Opts, d time.Duration) ([]said, error) {
	t.Helper()
	door, err := New(l, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	start := time.Now()
	last := map[drivers.Quantity]int64{}
	var got []said
	err = door.Watch(ctx, func(r drivers.Reading) {
		if r.Quality != drivers.Good || r.Unit != drivers.Switch {
			t.Errorf("emitted %+v", r)
		}
		if v, told := last[r.Quantity]; !told || v != r.Value.Coefficient {
			got = append(got, said{time.Since(start).Milliseconds(), r.Quantity, r.Value.Coefficient})
			last[r.Quantity] = r.Value.Coefficient
		}
	})
	if over := time.Since(start) - d; over > 100*time.Millisecond {
		t.Errorf("returned %s after the end", over)
	}
	return got, err
}

func rexOnly() Opts { return Opts{Rex: Signal{Wired: true}} }

func both() Opts { return Opts{Rex: Signal{Wired: true}, Unlock: Signal{Wired: true}} }

func TestRules(t *testing.T) {
	const isOpen, forced, held = drivers.Door, drivers.DoorForced, drivers.DoorHeld
	late := func(c change, by time.Duration) change { c.late = by; return c }
	for _, tt := range []struct {
		name   string
		opts   Opts
		script []change
		want   []said // after the first state, which is closed unless at says so
	}{
		{"calm", rexOnly(), nil, nil},
		{"rex, open, close", rexOnly(), []change{rexAt(3000, high), rexAt(3200, low), contactAt(4000, high), contactAt(6000, low)},
			[]said{{4050, isOpen, 1}, {6050, isOpen, 0}}},
		{"forced", rexOnly(), []change{contactAt(4000, high), contactAt(6000, low)},
			[]said{{4050, isOpen, 1}, {4300, forced, 1}, {6050, isOpen, 0}, {6050, forced, 0}}},
		{"forced stays until closed, whatever comes", rexOnly(), []change{contactAt(4000, high), rexAt(5000, high), rexAt(5100, low), contactAt(60_000, low)},
			[]said{{4050, isOpen, 1}, {4300, forced, 1}, {60_050, isOpen, 0}, {60_050, forced, 0}}},
		{"unlock lets open", both(), []change{unlockAt(3000, high), contactAt(4000, high), unlockAt(5000, low), contactAt(6000, low)},
			[]said{{4050, isOpen, 1}, {6050, isOpen, 0}}},
		{"last moment of the window", rexOnly(), []change{rexAt(3000, high), rexAt(3200, low), contactAt(13_200, high), contactAt(14_000, low)},
			[]said{{13_250, isOpen, 1}, {14_050, isOpen, 0}}},
		{"just after the window", rexOnly(), []change{rexAt(3000, high), rexAt(3200, low), contactAt(13_201, high), contactAt(14_000, low)},
			[]said{{13_251, isOpen, 1}, {13_501, forced, 1}, {14_050, isOpen, 0}, {14_050, forced, 0}}},
		{"a long signal", rexOnly(), []change{rexAt(3000, high), contactAt(40_000, high), contactAt(41_000, low), rexAt(42_000, low), contactAt(52_000, high), contactAt(53_000, low)},
			[]said{{40_050, isOpen, 1}, {41_050, isOpen, 0}, {52_050, isOpen, 1}, {53_050, isOpen, 0}}},
		{"the window closes with the door", rexOnly(), []change{rexAt(3000, high), rexAt(3200, low), contactAt(4000, high), contactAt(5000, low), contactAt(6000, high), contactAt(7000, low)},
			[]said{{4050, isOpen, 1}, {5050, isOpen, 0}, {6050, isOpen, 1}, {6300, forced, 1}, {7050, isOpen, 0}, {7050, forced, 0}}},
		{"a window begun after closing is another", rexOnly(), []change{rexAt(3000, high), rexAt(3200, low), contactAt(4000, high), contactAt(5000, low), rexAt(5010, high), rexAt(5020, low), contactAt(6000, high), contactAt(7000, low)},
			[]said{{4050, isOpen, 1}, {5050, isOpen, 0}, {6050, isOpen, 1}, {7050, isOpen, 0}}},
		{"rex 299 ms after the door", rexOnly(), []change{contactAt(4000, high), rexAt(4299, high), rexAt(4400, low), contactAt(6000, low)},
			[]said{{4050, isOpen, 1}, {6050, isOpen, 0}}},
		{"rex 301 ms after the door", rexOnly(), []change{contactAt(4000, high), rexAt(4301, high), rexAt(4400, low), contactAt(6000, low)},
			[]said{{4050, isOpen, 1}, {4300, forced, 1}, {6050, isOpen, 0}, {6050, forced, 0}}},
		{"rex within the debounce", rexOnly(), []change{contactAt(4000, high), rexAt(4020, high), rexAt(4030, low), contactAt(6000, low)},
			[]said{{4050, isOpen, 1}, {6050, isOpen, 0}}},
		{"rex stamped before the door, told after", rexOnly(), []change{rexAt(2000, high), rexAt(2001, low), contactAt(2500, high), contactAt(3000, low), late(rexAt(19_990, high), 30*time.Millisecond), contactAt(20_000, high), contactAt(21_000, low)},
			[]said{{2550, isOpen, 1}, {3050, isOpen, 0}, {20_050, isOpen, 1}, {21_050, isOpen, 0}}},
		{"a first edge told late sets no clock", rexOnly(), []change{late(rexAt(3000, high), 90*time.Millisecond), rexAt(3200, low), contactAt(4000, high), contactAt(50_000, low)},
			[]said{{4050, isOpen, 1}, {34_000, held, 1}, {50_050, isOpen, 0}, {50_050, held, 0}}},
		{"only the end of rex is seen", rexOnly(), []change{lost(rexAt(3000, high)), rexAt(3001, low), contactAt(4000, high), contactAt(5000, low)},
			[]said{{4050, isOpen, 1}, {5050, isOpen, 0}}},
		{"held", rexOnly(), []change{rexAt(3000, high), rexAt(3200, low), contactAt(4000, high), contactAt(50_000, low)},
			[]said{{4050, isOpen, 1}, {34_000, held, 1}, {50_050, isOpen, 0}, {50_050, held, 0}}},
		{"not quite held", rexOnly(), []change{rexAt(3000, high), rexAt(3200, low), contactAt(4000, high), contactAt(33_940, low)},
			[]said{{4050, isOpen, 1}, {33_990, isOpen, 0}}},
		{"held without a judge", Opts{}, []change{contactAt(4000, high), contactAt(50_000, low)},
			[]said{{4050, isOpen, 1}, {34_000, held, 1}, {50_050, isOpen, 0}, {50_050, held, 0}}},
		{"forced is not held", rexOnly(), []change{contactAt(4000, high), contactAt(50_000, low)},
			[]said{{4050, isOpen, 1}, {4300, forced, 1}, {50_050, isOpen, 0}, {50_050, forced, 0}}},
		{"bounce", rexOnly(), []change{rexAt(3000, high), rexAt(3200, low), contactAt(4000, high), contactAt(4005, low), contactAt(4020, high), contactAt(4060, low), contactAt(4070, high), contactAt(6000, low), contactAt(6010, high), contactAt(6030, low)},
			[]said{{4120, isOpen, 1}, {6080, isOpen, 0}}},
		{"the first edge of a bounce counts", rexOnly(), []change{rexAt(3000, high), rexAt(3200, low), contactAt(13_190, high), contactAt(13_195, low), contactAt(13_220, high), contactAt(14_000, low)},
			[]said{{13_270, isOpen, 1}, {14_050, isOpen, 0}}},
		{"glitch", rexOnly(), []change{contactAt(4000, high), contactAt(4049, low)}, nil},
		{"closed again before it was sure", rexOnly(), []change{contactAt(4000, high), contactAt(4100, low)},
			[]said{{4050, isOpen, 1}, {4150, isOpen, 0}, {4300, forced, 1}, {4300, forced, 0}}},
		{"closed again, and allowed after all", rexOnly(), []change{contactAt(4000, high), contactAt(4100, low), rexAt(4200, high), rexAt(4250, low)},
			[]said{{4050, isOpen, 1}, {4150, isOpen, 0}}},
		{"all edges of a forced opening lost", rexOnly(), []change{lost(contactAt(4500, high)), lost(contactAt(8500, low))},
			[]said{{5050, isOpen, 1}, {5300, forced, 1}, {9050, isOpen, 0}, {9050, forced, 0}}},
		{"all edges of an allowed opening lost", rexOnly(), []change{lost(rexAt(3900, high)), lost(rexAt(4100, low)), lost(contactAt(4500, high)), lost(contactAt(8500, low))},
			[]said{{5050, isOpen, 1}, {9050, isOpen, 0}}},
		{"found by a look, allowed at the look before", rexOnly(), []change{rexAt(3000, high), rexAt(3200, low), lost(contactAt(13_100, high)), contactAt(18_000, low)},
			[]said{{14_050, isOpen, 1}, {18_050, isOpen, 0}}},
		{"lost trailing edge", rexOnly(), []change{contactAt(4100, high), lost(contactAt(4120, low))}, nil},
		{"slow debounce", Opts{Rex: Signal{Wired: true}, Debounce: time.Second}, []change{contactAt(4000, high), contactAt(8000, low)},
			[]said{{5000, isOpen, 1}, {5000, forced, 1}, {9000, isOpen, 0}, {9000, forced, 0}}},
		{"own times", Opts{Rex: Signal{Wired: true}, AccessTime: time.Second, HeldAfter: 2 * time.Second}, []change{rexAt(3000, high), rexAt(3100, low), contactAt(4100, high), contactAt(7000, low), contactAt(8000, high), contactAt(9000, low)},
			[]said{{4150, isOpen, 1}, {6100, held, 1}, {7050, isOpen, 0}, {7050, held, 0}, {8050, isOpen, 1}, {8300, forced, 1}, {9050, isOpen, 0}, {9050, forced, 0}}},
		{"open at start is never forced", rexOnly(), []change{contactAt(0, high), contactAt(5000, low), contactAt(6000, high), contactAt(7000, low)},
			[]said{{5050, isOpen, 0}, {6050, isOpen, 1}, {6300, forced, 1}, {7050, isOpen, 0}, {7050, forced, 0}}},
		{"open at start is held in the end", rexOnly(), []change{contactAt(0, high)}, []said{{30_000, held, 1}}},
		{"opened while the first state was sought", rexOnly(), []change{contactAt(20, high), contactAt(5000, low)}, []said{{5050, isOpen, 0}}},
		{"rex active at start", rexOnly(), []change{rexAt(0, high), contactAt(20_000, high), contactAt(21_000, low)},
			[]said{{20_050, isOpen, 1}, {21_050, isOpen, 0}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLines(len(tt.opts.activeLow()), tt.script...)
				got, err := watchFor(t, l, tt.opts, 70*time.Second)
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Watch: %v", err)
				}
				n := len(tt.opts.Quantities())
				for _, s := range got[:min(n, len(got))] {
					atStart := s.What == drivers.Door && len(tt.script) > 0 && tt.script[0].line == 0 && tt.script[0].at <= 20*time.Millisecond
					if s.Value != 0 != atStart || s.AfterMS > 70 && tt.opts.Debounce == 0 {
						t.Errorf("at first %+v", s)
					}
				}
				var rest []said
				if len(got) > n {
					rest = got[n:]
				}
				if diff := cmp.Diff(tt.want, rest); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Each line has its own active level.
func TestActiveLow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := Opts{OpenLow: true, Rex: Signal{Wired: true, ActiveLow: true}, Unlock: Signal{Wired: true}}
		l := newLines(3, contactAt(0, high), rexAt(0, high),
			contactAt(3000, low), contactAt(5000, high),
			rexAt(6000, low), rexAt(6100, high), contactAt(7000, low), contactAt(8000, high))
		got, _ := watchFor(t, l, opts, 20*time.Second)
		want := []said{{50, drivers.Door, 0}, {50, drivers.DoorForced, 0}, {50, drivers.DoorHeld, 0},
			{3050, drivers.Door, 1}, {3300, drivers.DoorForced, 1}, {5050, drivers.Door, 0}, {5050, drivers.DoorForced, 0},
			{7050, drivers.Door, 1}, {8050, drivers.Door, 0}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A door at rest is told after each look, so that silence means trouble; one that
// rattles without opening too.
func TestWatchTellsEachLook(t *testing.T) {
	for name, script := range map[string][]change{"calm": nil, "rattling": func() (s []change) {
		for at := 1000; at < 20_000; at += 200 {
			s = append(s, contactAt(at, high), contactAt(at+10, low))
		}
		return s
	}()} {
		synctest.Test(t, func(t *testing.T) {
			d, err := New(newLines(2, script...), rexOnly())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			told := map[drivers.Quantity]int{}
			if err := d.Watch(ctx, func(r drivers.Reading) { told[r.Quantity]++ }); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
			for _, q := range d.Quantities() {
				if told[q] < 20 || told[q] > 21 {
					t.Errorf("%s: %s told %d times in 20 s", name, q, told[q])
				}
			}
		})
	}
}

func TestWatchErrors(t *testing.T) {
	chatter := func() (s []change) {
		for at := 3000; at < 30_000; at += 10 {
			s = append(s, contactAt(at, gpio.Level(at%20 == 0)))
		}
		return s
	}
	for name, tt := range map[string]struct {
		lines func() *lines
		why   drivers.Reason
	}{
		"levels":       {func() *lines { l := newLines(2); l.levelErr = errGone; return l }, drivers.BusDown},
		"levels, why":  {func() *lines { l := newLines(2); l.levelErr = drivers.Because(drivers.Missing, errGone); return l }, drivers.Missing},
		"edges":        {func() *lines { l := newLines(2); l.watchErr = errGone; return l }, drivers.BusDown},
		"edges, why":   {func() *lines { l := newLines(2); l.watchErr = drivers.Because(drivers.Missing, errGone); return l }, drivers.Missing},
		"chatter":      {func() *lines { return newLines(2, chatter()...) }, drivers.BadWiring},
		"wrong levels": {func() *lines { l := newLines(2); l.few = true; return l }, drivers.BusDown},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := tt.lines()
			l.fails = 3 * time.Second
			got, err := watchFor(t, l, rexOnly(), time.Minute)
			if err == nil || drivers.ReasonOf(err) != tt.why {
				t.Errorf("%s: got %v (%s), want %s", name, err, drivers.ReasonOf(err), tt.why)
			}
			if took := time.Since(l.start); took > 4100*time.Millisecond {
				t.Errorf("%s: noticed after %s", name, took)
			}
			if len(got) > 3 {
				t.Errorf("%s: a fault became a state: %v", name, got)
			}
		})
	}
}

// After a fault nothing is known: a door found open then is not forced.
func TestAfterAFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLines(2, contactAt(4500, high))
		l.fails, l.levelErr = 4*time.Second, errGone
		d, err := New(l, rexOnly())
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Watch(t.Context(), func(drivers.Reading) {}); !errors.Is(err, errGone) {
			t.Errorf("Watch: %v", err)
		}
		l.mu.Lock()
		l.levelErr = nil
		l.mu.Unlock()
		<-time.After(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_ = d.Watch(ctx, func(r drivers.Reading) {
			if r.Quantity == drivers.DoorForced && r.Value != drivers.Int(0) {
				t.Errorf("forced after a fault: %+v", r)
			}
		})
	})
}

func TestSample(t *testing.T) {
	for _, tt := range []struct {
		name   string
		script []change
		want   bool
		took   time.Duration
		why    drivers.Reason
	}{
		{"closed", nil, false, 50 * time.Millisecond, ""},
		{"open", []change{contactAt(0, high)}, true, 50 * time.Millisecond, ""},
		{"in a bounce", []change{contactAt(0, high), contactAt(15, low)}, false, 70 * time.Millisecond, ""},
		{"chatter", func() (s []change) {
			for at := 5; at < 5000; at += 10 {
				s = append(s, contactAt(at, gpio.Level(at%20 == 5)))
			}
			return s
		}(), false, time.Second, drivers.BadWiring},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, err := New(newLines(1, tt.script...), Opts{})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				got, err := d.Sample(t.Context())
				if took := time.Since(start); took != tt.took {
					t.Errorf("took %s, want %s", took, tt.took)
				}
				if tt.why != "" {
					if got != nil || drivers.ReasonOf(err) != tt.why {
						t.Errorf("got %v, %v", got, err)
					}
					return
				}
				if diff := cmp.Diff([]drivers.Reading{drivers.NewContact(drivers.Door, tt.want), drivers.NewContact(drivers.DoorHeld, false)}, got); err != nil || diff != "" {
					t.Errorf("error %v (-want +got):\n%s", err, diff)
				}
			})
		})
	}
}

// Beside Watch a sample is what that knows, of all quantities; after it nothing
// is taken for known.
func TestSampleBesideWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := New(newLines(2, contactAt(2000, high)), rexOnly())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- d.Watch(ctx, func(drivers.Reading) {}) }()
		<-time.After(3 * time.Second)
		want := []drivers.Reading{drivers.NewContact(drivers.Door, true), drivers.NewContact(drivers.DoorForced, true), drivers.NewContact(drivers.DoorHeld, false)}
		got, err := d.Sample(t.Context())
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
		<-done
		if got, err := d.Sample(t.Context()); err != nil || got[1].Value != drivers.Int(0) {
			t.Errorf("after Watch: %v, %v", got, err)
		}
		if _, err := d.Sample(ctx); drivers.ReasonOf(err) != drivers.Stuck {
			t.Errorf("after the deadline: %v", err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct {
		opts Opts
		says string // empty: accepted
	}{
		{Opts{}, ""},
		{both(), ""},
		{Opts{Debounce: time.Microsecond}, "debounce"},
		{Opts{Debounce: 6 * time.Second}, "debounce"},
		{Opts{AccessTime: time.Millisecond}, "access time"},
		{Opts{AccessTime: time.Hour}, "access time"},
		{Opts{HeldAfter: -1}, "held after"},
		{Opts{HeldAfter: 25 * time.Hour}, "held after"},
		{Opts{HeldAfter: time.Second, Debounce: 2 * time.Second}, "held after"},
		{Opts{Poll: time.Millisecond}, "poll"},
		{Opts{Poll: 6 * time.Second}, "poll"},
	} {
		_, err := New(newLines(3), tt.opts)
		switch {
		case tt.says == "" && err != nil:
			t.Errorf("%+v: %v", tt.opts, err)
		case tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says) || drivers.ReasonOf(err) != drivers.BadWiring):
			t.Errorf("%+v: got %v, want bad wiring naming %s", tt.opts, err, tt.says)
		}
	}
	if _, err := New(nil, Opts{}); err == nil {
		t.Error("New without lines: no error")
	}
}
