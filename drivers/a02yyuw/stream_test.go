package a02yyuw

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
)

// hung is a sensor 2.5 m above the zero.
func hung() Opts { return Opts{Height: 2500 * physic.MilliMetre} }

func good(level string, mm int64) drivers.Reading {
	d, err := drivers.ParseDecimal(level)
	if err != nil {
		d = drivers.Int(-1) // equal to nothing expected
	}
	return drivers.NewGood(drivers.Level, d, drivers.Metre).WithRaw(drivers.Int(mm), drivers.Millimetre)
}

func none(why drivers.Reason, mm int64) drivers.Reading {
	return drivers.NewFault(drivers.Level, why).WithRaw(drivers.Int(mm), drivers.Millimetre)
}

func silent(why drivers.Reason) drivers.Reading { return drivers.NewFault(drivers.Level, why) }

// watchFor runs Watch for a time and returns what it said.
func watchFor(t *testing.T, p Listener, opts Opts, d time.Duration) ([]drivers.Reading, error) {
	t.Helper()
	s, err := NewStream(p, opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var got []drivers.Reading
	err = s.Watch(ctx, func(r drivers.Reading) { got = append(got, r) })
	return got, err
}

// One period of frames, 100 ms apart, and what is said of them.
func TestWatch(t *testing.T) {
	const none0 = noObject
	newer := hung()
	newer.Model = SEN0754
	jsn := hung()
	jsn.Model = JSNSR04T
	aj := Opts{Model: AJSR04M, Height: 9 * physic.Metre}
	own := hung()
	own.Blind, own.Range, own.Median = 500*physic.MilliMetre, 2*physic.Metre, 3
	for _, tt := range []struct {
		name   string
		opts   Opts
		script []chunk
		want   drivers.Reading
	}{
		{"maker's example", hung(), every(100*time.Millisecond, 50*time.Millisecond, 1953), good("0.547", 1953)},
		{"decimals stay", hung(), every(100*time.Millisecond, 0, 2010), good("0.490", 2010)},
		{"water below the zero", hung(), every(100*time.Millisecond, 0, 2600), good("-0.100", 2600)},
		{"median of the newest five", hung(), every(100*time.Millisecond, 0, 900, 900, 900, 2003, 2001, 31, 2000, 4500), good("0.499", 2001)},
		{"the lower of two", hung(), every(100*time.Millisecond, 0, 2001, 2002), good("0.499", 2001)},
		{"a frame in pieces", hung(), []chunk{{0, []byte{0xFF}}, {40 * time.Millisecond, []byte{0x07, 0xA1}}, {41 * time.Millisecond, []byte{0xA7}}}, good("0.547", 1953)},
		// FF 09 FF 07 would be 2559 mm.
		{"half a frame, a frame", hung(), []chunk{{0, []byte{0xFF, 0x09}}, {96 * time.Millisecond, frame(1953)}}, good("0.547", 1953)},
		{"half a frame, silence, a frame", hung(), []chunk{{0, []byte{0xFF, 0x09}}, {300 * time.Millisecond, frame(1953)}}, good("0.547", 1953)},
		{"a frame torn apart by silence", hung(), []chunk{{0, []byte{0xFF, 0x07}}, {300 * time.Millisecond, []byte{0xA1, 0xA7}}}, silent(drivers.BadAnswer)},
		{"two frames at once", hung(), []chunk{{0, append(frame(1000), frame(1000)...)}}, good("1.500", 1000)},
		{"nothing", hung(), nil, silent(drivers.NoAnswer)},
		{"garbage", hung(), []chunk{{0, []byte("\x80\x80\xf8\x00\x78\x80")}}, silent(drivers.BadAnswer)},
		{"half a frame", hung(), []chunk{{0, []byte{0xFF, 7}}}, silent(drivers.BadAnswer)},
		{"one frame in much garbage", hung(), []chunk{{0, append(frame(1000), 1, 2, 3, 4, 5)}}, silent(drivers.BadAnswer)},
		{"frames in some garbage", hung(), []chunk{{0, append(frame(1000), 1, 2, 3, 4)}}, good("1.500", 1000)},
		{"blind zone", hung(), every(100*time.Millisecond, 0, 30), none(drivers.BlindZone, 30)},
		{"just seen", hung(), every(100*time.Millisecond, 0, 31), good("2.469", 31)},
		{"zero", hung(), every(100*time.Millisecond, 0, 0), none(drivers.BlindZone, 0)},
		{"end of the range", hung(), every(100*time.Millisecond, 0, 4500), good("-2.000", 4500)},
		{"beyond the range", hung(), every(100*time.Millisecond, 0, 4501), none(drivers.NoEcho, 4501)},
		{"no object", newer, every(100*time.Millisecond, 0, none0), none(drivers.NoEcho, none0)},
		{"interference", newer, every(100*time.Millisecond, 0, coChannel), none(drivers.Interference, coChannel)},
		{"interference is not known to older ones", hung(), every(100*time.Millisecond, 0, coChannel), none(drivers.NoEcho, coChannel)},
		{"most see something", newer, every(100*time.Millisecond, 0, none0, 800, coChannel, 801, 802), good("1.699", 801)},
		{"most see nothing", newer, every(100*time.Millisecond, 0, none0, 800, coChannel, none0, 802), none(drivers.NoEcho, none0)},
		{"half see nothing", newer, every(100*time.Millisecond, 0, none0, 800), none(drivers.NoEcho, none0)},
		{"between extremes is nothing", hung(), every(100*time.Millisecond, 0, 10, 10, 2000, none0, none0), none(drivers.NoEcho, none0)},
		{"the newer of two faults", hung(), every(100*time.Millisecond, 0, none0, none0, 2000, 10, 11), none(drivers.BlindZone, 11)},
		{"jsn blind", jsn, every(100*time.Millisecond, 0, 250), none(drivers.BlindZone, 250)},
		{"jsn sees", jsn, every(100*time.Millisecond, 0, 251), good("2.249", 251)},
		{"aj blind", aj, every(100*time.Millisecond, 0, 200), none(drivers.BlindZone, 200)},
		{"aj sees", aj, every(100*time.Millisecond, 0, 201), good("8.799", 201)},
		{"own blind zone", own, every(100*time.Millisecond, 0, 500), none(drivers.BlindZone, 500)},
		{"own range", own, every(100*time.Millisecond, 0, 2001), none(drivers.NoEcho, 2001)},
		{"own median", own, every(100*time.Millisecond, 0, 600, 600, 600, 600, 700, 700, 1500), good("1.800", 700)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, err := watchFor(t, newPort(tt.script...), tt.opts, 1100*time.Millisecond)
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Watch: %v", err)
				}
				if diff := cmp.Diff([]drivers.Reading{tt.want}, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A reading each period, of that period alone; a sensor that falls silent is
// said to, and one that speaks again too.
func TestWatchTellsEachPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := slices.Concat(
			every(100*time.Millisecond, 50*time.Millisecond, slices.Repeat([]uint16{1000}, 10)...),
			every(100*time.Millisecond, 1050*time.Millisecond, slices.Repeat([]uint16{1200}, 10)...),
			every(300*time.Millisecond, 4250*time.Millisecond, 1300, 1300, 1300))
		got, err := watchFor(t, newPort(script...), hung(), 5200*time.Millisecond)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Watch: %v", err)
		}
		want := []drivers.Reading{good("1.500", 1000), good("1.300", 1200), silent(drivers.NoAnswer), silent(drivers.NoAnswer), good("1.200", 1300)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestWatchPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := hung()
		opts.Period = 5 * time.Second
		if got, _ := watchFor(t, newPort(), opts, 21*time.Second); len(got) != 4 {
			t.Errorf("told %d times in 21 s, every 5 s, want 4", len(got))
		}
	})
}

func TestWatchPortFails(t *testing.T) {
	gone := errors.New("gone")
	for name, tt := range map[string]struct {
		err error
		why drivers.Reason
	}{
		"plain":  {gone, drivers.BusDown},
		"reason": {drivers.Because(drivers.Missing, gone), drivers.Missing},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPort(every(100*time.Millisecond, 0, slices.Repeat([]uint16{1000}, 15)...)...)
			p.fails = tt.err
			got, err := watchFor(t, p, hung(), time.Minute)
			if !errors.Is(err, gone) || drivers.ReasonOf(err) != tt.why {
				t.Errorf("%s: %v, want %s", name, err, tt.why)
			}
			if diff := cmp.Diff([]drivers.Reading{good("1.500", 1000)}, got); diff != "" {
				t.Errorf("%s: a fault became a value (-want +got):\n%s", name, diff)
			}
		})
	}
}

func TestStreamSample(t *testing.T) {
	gone := errors.New("gone")
	for _, tt := range []struct {
		name   string
		script []chunk
		fails  error
		want   drivers.Reading
		took   time.Duration
	}{
		{"frames enough", every(100*time.Millisecond, 20*time.Millisecond, 1000, 1001, 1002, 1003, 1004, 2000), nil, good("1.498", 1002), 420 * time.Millisecond},
		{"a slow model", every(300*time.Millisecond, 310*time.Millisecond, 1000, 1001, 1002, 1003, 1004), nil, good("1.499", 1001), patience},
		{"nothing", nil, nil, silent(drivers.NoAnswer), patience},
		{"garbage", []chunk{{0, []byte("garbage")}}, nil, silent(drivers.BadAnswer), patience},
		{"port fails", every(100*time.Millisecond, 20*time.Millisecond, 1000), gone, drivers.Reading{}, 20 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPort(tt.script...)
				p.fails = tt.fails
				s, err := NewStream(p, hung())
				if err != nil {
					t.Fatal(err)
				}
				got, err := s.Sample(t.Context())
				if took := time.Since(p.start); took != tt.took {
					t.Errorf("took %s, want %s", took, tt.took)
				}
				if tt.fails != nil {
					if got != nil || !errors.Is(err, tt.fails) || drivers.ReasonOf(err) != drivers.BusDown {
						t.Errorf("got %v, %v", got, err)
					}
					return
				}
				if diff := cmp.Diff([]drivers.Reading{tt.want}, got); err != nil || diff != "" {
					t.Errorf("error %v (-want +got):\n%s", err, diff)
				}
			})
		})
	}
}

func TestStreamSampleDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := NewStream(newPort(), hung())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got, err := s.Sample(ctx); got != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// Beside Watch a sample takes no time and nothing from the port; it does not
// stand for a present that is long past, nor for the time after Watch.
func TestSampleBesideWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPort(every(100*time.Millisecond, 50*time.Millisecond, slices.Repeat([]uint16{1000}, 21)...)...)
		p.deaf = true
		s, err := NewStream(p, hung())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- s.Watch(ctx, func(drivers.Reading) {}) }()
		look := func(at time.Duration, want drivers.Reason) {
			t.Helper()
			<-time.After(time.Until(p.start.Add(at)))
			got, err := s.Sample(t.Context())
			if time.Since(p.start) != at {
				t.Errorf("after %s: took %s", at, time.Since(p.start)-at)
			}
			if want != "" {
				if err == nil || drivers.ReasonOf(err) != want {
					t.Errorf("after %s: got %v, %v, want %s", at, got, err, want)
				}
				return
			}
			if diff := cmp.Diff([]drivers.Reading{good("1.500", 1000)}, got); err != nil || diff != "" {
				t.Errorf("after %s: error %v (-want +got):\n%s", at, err, diff)
			}
		}
		look(500*time.Millisecond, drivers.NotReady)
		look(1500*time.Millisecond, "")
		look(4900*time.Millisecond, "")
		look(5200*time.Millisecond, drivers.Stuck)
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		p.deaf = false
		if got, err := s.Sample(t.Context()); err != nil || got[0].Reason != drivers.NoAnswer {
			t.Errorf("after Watch ended: got %v, %v", got, err)
		}
	})
}
