package contact

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
)

const low, high = gpio.Low, gpio.High

// promptly is the slice promised: how late the end may be noticed.
const promptly = 500 * time.Millisecond

// said is one emitted reading.
type said struct {
	AfterMS int64
	Value   int64
}

// watchFor runs Watch on l for a time and returns what it emitted and its error.
func watchFor(t *testing.T, l *line, o Opts, d time.Duration) ([]said, error) {
	t.Helper()
	if o.Quantity == "" {
		o.Quantity = drivers.Smoke
	}
	c, err := New(l, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var got []said
	err = c.Watch(ctx, func(r drivers.Reading) {
		if r.Quality != drivers.Good || r.Quantity != o.Quantity || r.Unit != drivers.Switch {
			t.Errorf("emitted %+v", r)
		}
		// Repeated looks are told too; these tests are about changes.
		if n := len(got); n == 0 || got[n-1].Value != r.Value.Coefficient {
			got = append(got, said{time.Since(l.start).Milliseconds(), r.Value.Coefficient})
		}
	})
	if over := time.Since(l.start) - d; over > promptly {
		t.Errorf("returned %v after the end", over)
	}
	if l.longest > promptly {
		t.Errorf("waited %v at once", l.longest)
	}
	return got, err
}

func TestWatch(t *testing.T) {
	lost := func(c change) change { c.lost = true; return c }
	for _, tt := range []struct {
		name   string
		opts   Opts
		level  gpio.Level
		script []change
		want   []said
	}{
		{"at rest", Opts{}, low, nil, []said{{50, 0}}},
		{"active at start", Opts{}, high, nil, []said{{50, 1}}},
		{"active low", Opts{ActiveLow: true}, low, nil, []said{{50, 1}}},
		{"one clean alarm", Opts{}, low, []change{ms(3210, high), ms(7000, low)},
			[]said{{50, 0}, {3260, 1}, {7050, 0}}},
		{"bounce at both ends", Opts{}, low,
			[]change{ms(3000, high), ms(3004, low), ms(3007, high), ms(3020, low), ms(3030, high),
				ms(5000, low), ms(5001, high), ms(5002, low)},
			[]said{{50, 0}, {3080, 1}, {5052, 0}}},
		{"bounce at start", Opts{}, low, []change{ms(10, high), ms(30, low), ms(45, high)}, []said{{95, 1}}},
		{"glitch", Opts{}, low, []change{ms(3000, high), ms(3049, low)}, []said{{50, 0}}},
		{"just long enough", Opts{}, low, []change{ms(3000, high), ms(3051, low)},
			[]said{{50, 0}, {3050, 1}, {3101, 0}}},
		{"lost edge", Opts{}, low, []change{lost(ms(3100, high))}, []said{{50, 0}, {4100, 1}}},
		{"lost trailing edge", Opts{}, low, []change{ms(3000, high), lost(ms(3020, low))}, []said{{50, 0}}},
		{"lost trailing edge later", Opts{}, low, []change{ms(3000, high), lost(ms(3100, low))},
			[]said{{50, 0}, {3050, 1}, {4100, 0}}},
		{"slow poll", Opts{Poll: 5 * time.Second}, low, []change{lost(ms(100, high))}, []said{{50, 0}, {5100, 1}}},
		{"own debounce", Opts{Debounce: time.Second}, low, []change{ms(3000, high), ms(3900, low), ms(5000, high)},
			[]said{{1000, 0}, {6000, 1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, err := watchFor(t, newLine(tt.level, tt.script...), tt.opts, 20*time.Second)
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Watch: %v", err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A contact at rest is told after each look, so that silence means trouble.
func TestWatchTellsEachLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(newLine(low), Opts{Quantity: drivers.Door, Poll: 2 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 21*time.Second)
		defer cancel()
		told := 0
		if err := c.Watch(ctx, func(drivers.Reading) { told++ }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Watch: %v", err)
		}
		if told != 11 {
			t.Errorf("told %d times in 21 s with a look every 2 s, want 11", told)
		}
	})
}

func TestWatchErrors(t *testing.T) {
	plain := errors.New("no such device")
	chatter := func() []change {
		var s []change
		for at := 3000; at < 30_000; at += 10 {
			s = append(s, ms(at, gpio.Level(at%20 == 0)))
		}
		return s
	}
	for _, tt := range []struct {
		name   string
		line   func() *line
		why    drivers.Reason
		is     error
		within time.Duration // after the fault at 3 s
	}{
		{"level", func() *line { l := newLine(low); l.levelErr = plain; return l }, drivers.BusDown, plain, time.Second},
		{"level, own reason", func() *line {
			l := newLine(low)
			l.levelErr = drivers.Because(drivers.Missing, plain)
			return l
		}, drivers.Missing, plain, time.Second},
		{"edge", func() *line { l := newLine(low); l.edgeErr = plain; return l }, drivers.BusDown, plain, time.Second},
		{"waits return at once", func() *line { l := newLine(low); l.lazy = true; return l }, drivers.BusDown, nil, time.Second},
		{"edges without end", func() *line { l := newLine(low); l.flood = true; return l }, drivers.BadWiring, nil, time.Second},
		{"chatter", func() *line { return newLine(low, chatter()...) }, drivers.BadWiring, nil, 1200 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := tt.line()
				l.failsAt = 3 * time.Second
				got, err := watchFor(t, l, Opts{}, time.Minute)
				if err == nil || drivers.ReasonOf(err) != tt.why || tt.is != nil && !errors.Is(err, tt.is) {
					t.Errorf("got %v (%s), want %s", err, drivers.ReasonOf(err), tt.why)
				}
				if after := time.Since(l.start) - l.failsAt; after < 0 || after > tt.within {
					t.Errorf("noticed %v after the fault, want within %v", after, tt.within)
				}
				if diff := cmp.Diff([]said{{50, 0}}, got); diff != "" {
					t.Errorf("a fault became a state (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestWatchFromBadStart(t *testing.T) {
	for name, set := range map[string]func(*line){
		"level": func(l *line) { l.levelErr = errors.New("gone") },
		"lazy":  func(l *line) { l.lazy = true },
		"flood": func(l *line) { l.flood = true },
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLine(high)
			set(l)
			if got, err := watchFor(t, l, Opts{}, time.Minute); err == nil || got != nil {
				t.Errorf("%s: got %v, %v, want an error and no state", name, got, err)
			}
		})
	}
}

// The end is noticed within one slice, and nothing is left running: synctest
// fails on a goroutine that stays.
func TestWatchEndsPromptly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(newLine(low), Opts{Quantity: drivers.Door, Poll: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Watch(ctx, func(drivers.Reading) {}) }()
		<-time.After(10*time.Second + 123*time.Millisecond)
		cancel()
		cancelled := time.Now()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(cancelled); took > promptly {
			t.Errorf("took %v", took)
		}
	})
}

// One wait in a while that ends early is no dead line: three in a row are.
func TestSingleEarlyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &hasty{line: newLine(low)}
		c, err := New(l, Opts{Quantity: drivers.Door})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := c.Watch(ctx, func(drivers.Reading) {}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// hasty returns early twice of three times.
type hasty struct {
	*line
	n int
}

func (h *hasty) WaitForEdge(timeout time.Duration) (bool, error) {
	h.n++
	if h.n%3 != 0 {
		return false, nil
	}
	return h.line.WaitForEdge(timeout)
}

func TestSample(t *testing.T) {
	gone := errors.New("gone")
	for _, tt := range []struct {
		name   string
		line   func() *line
		opts   Opts
		want   int64
		tookMS int64
		why    drivers.Reason // of the error, if any
	}{
		{"rest", func() *line { return newLine(low) }, Opts{}, 0, 50, ""},
		{"active", func() *line { return newLine(high) }, Opts{}, 1, 50, ""},
		{"active low", func() *line { return newLine(low) }, Opts{ActiveLow: true}, 1, 50, ""},
		{"in a bounce", func() *line { return newLine(high, ms(15, low)) }, Opts{}, 0, 70, ""},
		{"error", func() *line { l := newLine(high); l.levelErr = gone; return l }, Opts{}, 0, 0, drivers.BusDown},
		{"error while confirming", func() *line {
			l := newLine(high)
			l.levelErr, l.failsAt = gone, 20*time.Millisecond
			return l
		}, Opts{}, 0, 20, drivers.BusDown},
		{"chatter", func() *line {
			var s []change
			for at := 5; at < 5000; at += 10 {
				s = append(s, ms(at, gpio.Level(at%20 == 5)))
			}
			return newLine(low, s...)
		}, Opts{}, 0, 1000, drivers.BadWiring},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.opts.Quantity = drivers.Smoke
				c, err := New(tt.line(), tt.opts)
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				got, err := c.Sample(t.Context())
				if took := time.Since(start).Milliseconds(); took != tt.tookMS {
					t.Errorf("took %d ms, want %d", took, tt.tookMS)
				}
				if tt.why != "" {
					if err == nil || got != nil || drivers.ReasonOf(err) != tt.why {
						t.Errorf("got %v, %v, want an error because %s", got, err, tt.why)
					}
					return
				}
				level := tt.want // of the line: raw, whatever counts as active
				if tt.opts.ActiveLow {
					level = 1 - level
				}
				want := []drivers.Reading{drivers.NewContact(drivers.Smoke, tt.want == 1).WithRaw(drivers.Int(level), drivers.Switch)}
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("error %v (-want +got):\n%s", err, diff)
				}
			})
		})
	}
}

// While Watch runs, a sample of the state it confirmed takes no time; a line
// that failed since is an error all the same, and once Watch ended nothing is
// taken for known.
func TestSampleBesideWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(low, ms(3000, high), ms(3030, low))
		l.levelErr, l.failsAt = errors.New("gone"), 10*time.Second
		c, err := New(l, Opts{Quantity: drivers.Door})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- c.Watch(ctx, func(drivers.Reading) {}) }()
		took := func(after time.Duration) time.Duration {
			<-time.After(time.Until(l.start.Add(after)))
			start := time.Now()
			if got, err := c.Sample(t.Context()); err != nil || got[0].Value != drivers.Int(0) {
				t.Errorf("after %v: got %v, %v, want closed", after, got, err)
			}
			return time.Since(start)
		}
		if d := took(time.Second); d != 0 {
			t.Errorf("a known state took %v", d)
		}
		if d := took(3010 * time.Millisecond); d < 50*time.Millisecond {
			t.Errorf("a state in a bounce took %v", d)
		}
		<-done
		if d := took(7 * time.Second); d != 50*time.Millisecond {
			t.Errorf("after Watch ended a sample took %v, want a debounce", d)
		}
		<-time.After(time.Until(l.start.Add(11 * time.Second)))
		if got, err := c.Sample(t.Context()); err == nil {
			t.Errorf("a dead line gave %v", got)
		}
		deadline, cancel := context.WithTimeout(t.Context(), 0)
		defer cancel()
		if _, err := c.Sample(deadline); drivers.ReasonOf(err) != drivers.Stuck {
			t.Errorf("got %v, want stuck", err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	l := &line{}
	for _, tt := range []struct {
		opts Opts
		says string // empty: accepted
	}{
		{Opts{Quantity: drivers.Smoke}, ""},
		{Opts{Quantity: drivers.Smoke, Debounce: time.Second, Poll: 5 * time.Second}, ""},
		{Opts{Quantity: drivers.Door, Debounce: 5 * time.Second}, ""},
		{Opts{Quantity: drivers.Smoke, Debounce: time.Second + 1}, "debounce"},
		{Opts{Quantity: drivers.Door, Debounce: 5*time.Second + 1}, "debounce"},
		{Opts{Quantity: drivers.Door, Debounce: -1}, "debounce"},
		{Opts{Quantity: drivers.Door, Debounce: time.Microsecond}, "debounce"},
		{Opts{Quantity: drivers.Door, Poll: time.Second - 1}, "poll"},
		{Opts{Quantity: drivers.Door, Poll: 5*time.Second + 1}, "poll"},
		{Opts{Quantity: drivers.Level}, "quantity"},
		{Opts{}, "quantity"},
	} {
		c, err := New(l, tt.opts)
		switch {
		case tt.says == "" && (err != nil || !slices.Equal(c.Quantities(), []drivers.Quantity{tt.opts.Quantity})):
			t.Errorf("%+v: %v", tt.opts, err)
		case tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says) || drivers.ReasonOf(err) != drivers.BadWiring):
			t.Errorf("%+v: got %v, want bad wiring naming %s", tt.opts, err, tt.says)
		}
	}
	if _, err := New(nil, Opts{Quantity: drivers.Door}); err == nil {
		t.Error("New without a line: no error")
	}
	if len(l.answers) > 0 {
		t.Error("New touched the line")
	}
}
