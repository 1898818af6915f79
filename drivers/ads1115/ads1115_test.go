package ads1115

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
)

func newDev(t *testing.T, c *chip, opts Opts) *Dev {
	t.Helper()
	d, err := New(c, AddrGND, opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func op(w string, r string) i2ctest.IO { return i2ctest.IO{Addr: AddrGND, W: []byte(w), R: []byte(r)} }

// The codes are those of 3.6, 4, 12, 20 and 21 mA through 150 ohm.
func TestPlayback(t *testing.T) {
	for _, tt := range []struct {
		code string
		want physic.ElectricPotential
	}{
		{"\x10\xE0", 540 * physic.MilliVolt},
		{"\x12\xC0", 600 * physic.MilliVolt},
		{"\x38\x40", 1800 * physic.MilliVolt},
		{"\x5D\xC0", 3000 * physic.MilliVolt},
		{"\x62\x70", 3150 * physic.MilliVolt},
		{"\x00\x00", 0},
		{"\xFF\xFF", -125 * physic.MicroVolt},
		{"\x7F\xFE", 4096*physic.MilliVolt - 250*physic.MicroVolt},
		{"\x80\x01", -4096*physic.MilliVolt + 125*physic.MicroVolt},
	} {
		synctest.Test(t, func(t *testing.T) {
			bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
				op("\x01\x43\x83", ""), op("\x01", "\xC3\x83"), // brought to rest
				op("\x01\xC3\x83", ""), op("\x01", "\x43\x83"), op("\x01", "\xC3\x83"), // busy, ready
				op("\x00", tt.code), op("\x01", "\xC3\x83"),
				op("\x01\xC3\x83", ""), op("\x01", "\xC3\x83"), op("\x00", tt.code), op("\x01", "\xC3\x83"),
			}}
			d, err := New(bus, AddrGND, Opts{})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				got, err := d.Input(AIN0).Voltage(t.Context())
				if err != nil || got != tt.want {
					t.Errorf("code %x: got %v, %v, want %v", tt.code, got, err, tt.want)
				}
			}
			if err := bus.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestConfigWord(t *testing.T) {
	for _, tt := range []struct {
		m    Mux
		g    Gain
		r    Rate
		want uint16
	}{
		{AIN0, Gain4V096, Rate128, 0xC383},
		{AIN0, Gain4V096, Rate8, 0xC303},
		{AIN3, Gain0V256, Rate860, 0xFBE3},
		{AIN0minusAIN1, Gain6V144, Rate128, 0x8183},
		// Spelled plainly this is 0x8583, the word of a chip just switched on.
		{AIN0minusAIN1, Gain2V048, Rate128, 0x858B},
	} {
		if got := config(tt.m, tt.g, tt.r); got != tt.want {
			t.Errorf("config(%s, %s, %d) = %#04x, want %#04x", tt.m, tt.g.FullScale(), tt.r.PerSecond(), got, tt.want)
		}
	}
	for m := AIN0minusAIN1; m <= AIN3; m++ {
		for g := Gain6V144; g <= Gain0V256; g++ {
			for r := Rate8; r <= Rate860; r++ {
				if config(m, g, r) == configAtPowerOn {
					t.Errorf("%s %s %d spells the power-on word", m, g.FullScale(), r.PerSecond())
				}
			}
		}
	}
}

func TestNewTouchesNothing(t *testing.T) {
	bus := &i2ctest.Playback{DontPanic: true}
	if _, err := New(bus, AddrSCL, Opts{Gain: Gain0V256, Rate: Rate860}); err != nil {
		t.Error(err)
	}
	for _, tt := range []struct {
		addr uint16
		opts Opts
		says string
	}{
		{0x47, Opts{}, "0x47"},
		{0x4C, Opts{}, "0x4c"},
		{AddrGND, Opts{Gain: Gain0V256 + 1}, "gain 7"},
		{AddrGND, Opts{Rate: Rate860 + 1}, "rate 9"},
	} {
		_, err := New(bus, tt.addr, tt.opts)
		if err == nil || !strings.Contains(err.Error(), tt.says) || drivers.ReasonOf(err) != drivers.BadWiring {
			t.Errorf("New(%#x, %+v): got %v, want bad wiring naming %q", tt.addr, tt.opts, err, tt.says)
		}
	}
	if _, err := New(nil, AddrGND, Opts{}); err == nil {
		t.Error("New without a bus: no error")
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}

// A clock 10 % slow must not make one input's value another's.
func TestSlowClock(t *testing.T) {
	for r := Rate8; r <= Rate860; r++ {
		for _, slow := range []time.Duration{90, 100, 110, 150} {
			synctest.Test(t, func(t *testing.T) {
				c := newChip()
				c.slow = slow
				c.inputs = map[Mux]int16{AIN0: 100, AIN1: 200}
				d := newDev(t, c, Opts{Rate: r})
				for i := range 4 {
					m, want := AIN0, 12500*physic.MicroVolt
					if i%2 == 1 {
						m, want = AIN1, 25*physic.MilliVolt
					}
					if got, err := d.Voltage(t.Context(), m); err != nil || got != want {
						t.Errorf("%d per second, clock at %d %%: %s is %v, %v, want %v", r.PerSecond(), slow, m, got, err, want)
					}
				}
			})
		}
	}
}

// The control to TestSlowClock: sleeping one nominal conversion and reading
// yields the other input's value on this model.
func TestModelCatchesReadingTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChip()
		c.slow = 110
		c.inputs = map[Mux]int16{AIN0: 100, AIN1: 200}
		d := newDev(t, c, Opts{})
		if _, err := d.Voltage(t.Context(), AIN0); err != nil {
			t.Fatal(err)
		}
		if err := d.write(t.Context(), config(AIN1, Gain4V096, Rate128)); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Second / 128)
		if raw, err := d.read(t.Context(), regConversion); err != nil || raw != 100 {
			t.Errorf("got %d, %v, want the stale 100", raw, err)
		}
	})
}

func TestTakesNoLongerThanNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDev(t, newChip(), Opts{Rate: Rate8})
		for i := range 2 {
			start := time.Now()
			if _, err := d.Voltage(t.Context(), AIN0); err != nil {
				t.Fatal(err)
			}
			if took, want := time.Since(start), 137500*time.Microsecond+powerUp; took != want {
				t.Errorf("call %d took %v, want %v", i, took, want)
			}
		}
	})
}

// A call given up leaves a conversion running, which would ignore the next
// start bit and deliver the old input under the new settings.
func TestAbandonedConversion(t *testing.T) {
	for _, tt := range []struct {
		name   string
		broken bool // the control: pretend that the chip is at rest
		want   physic.ElectricPotential
	}{
		{"brought to rest", false, 25 * physic.MilliVolt},
		{"control", true, 12500 * physic.MicroVolt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newChip()
				c.slow = 110
				c.inputs = map[Mux]int16{AIN0: 100, AIN1: 200}
				d := newDev(t, c, Opts{Rate: Rate8})
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				start := time.Now()
				_, err := d.Voltage(ctx, AIN0)
				if !errors.Is(err, context.DeadlineExceeded) || drivers.ReasonOf(err) != drivers.Stuck {
					t.Fatalf("got %v, want the deadline", err)
				}
				if took := time.Since(start); took != time.Millisecond {
					t.Errorf("returned %v after the call, want at the deadline", took)
				}
				if tt.broken {
					d.settled = true
				}
				if got, err := d.Voltage(t.Context(), AIN1); err != nil || got != tt.want {
					t.Errorf("got %v, %v, want %v", got, err, tt.want)
				}
			})
		})
	}
}

// However early or late in the exchange the chip loses its settings, no voltage
// comes out: neither 0 V from a cleared register nor an old value.
func TestResetAtEveryStep(t *testing.T) {
	for _, opts := range []Opts{{}, {Gain: Gain2V048}} {
		for _, m := range []Mux{AIN0, AIN0minusAIN1} {
			// Second call: 7 settings, 8 look, 9 value, 10 look.
			for step := 8; step <= 10; step++ {
				synctest.Test(t, func(t *testing.T) {
					c := newChip()
					c.inputs = map[Mux]int16{m: 100}
					c.before = func(n int) {
						if n == step {
							c.reset()
						}
					}
					d := newDev(t, c, opts)
					if _, err := d.Voltage(t.Context(), m); err != nil {
						t.Fatal(err)
					}
					if len(c.log) != 6 {
						t.Fatalf("first call made %d transactions, want 6: %v", len(c.log), c.log)
					}
					c.log = append(c.log, "call 2")
					v, err := d.Voltage(t.Context(), m)
					if drivers.ReasonOf(err) != drivers.BadAnswer || err == nil || v != 0 {
						t.Errorf("%s, reset before transaction %d: got %v, %v, want bad answer", m, step, v, err)
					}
					if _, err := d.Voltage(t.Context(), m); err != nil {
						t.Errorf("after the reset: %v", err)
					}
				})
			}
		}
	}
}

func TestClippedIsNoVoltage(t *testing.T) {
	for _, tt := range []struct {
		code int16
		why  drivers.Reason
	}{{0x7FFF, drivers.OverRange}, {-0x8000, drivers.UnderRange}} {
		synctest.Test(t, func(t *testing.T) {
			c := newChip()
			c.inputs = map[Mux]int16{AIN2: tt.code}
			v, err := newDev(t, c, Opts{}).Voltage(t.Context(), AIN2)
			if err == nil || v != 0 || drivers.ReasonOf(err) != tt.why {
				t.Errorf("code %#x: got %v, %v, want %s", tt.code, v, err, tt.why)
			}
		})
	}
}

func TestNeverReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChip()
		d := newDev(t, c, Opts{Rate: Rate8})
		if _, err := d.Voltage(t.Context(), AIN0); err != nil {
			t.Fatal(err)
		}
		c.frozen = true
		start := time.Now()
		_, err := d.Voltage(t.Context(), AIN0)
		if err == nil || drivers.ReasonOf(err) != drivers.NotReady {
			t.Errorf("got %v, want not ready", err)
		}
		if took := time.Since(start); took < 375*time.Millisecond || took > 400*time.Millisecond {
			t.Errorf("gave up after %v, want three conversions", took)
		}
	})
}

// A gateway too busy to look in time still takes a value that is ready.
func TestSlowBusDoesNotBlameTheChip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChip()
		c.cost = 50 * time.Millisecond
		c.inputs = map[Mux]int16{AIN0: 100}
		if _, err := newDev(t, c, Opts{Rate: Rate860}).Voltage(t.Context(), AIN0); err != nil {
			t.Error(err)
		}
	})
}

func TestBusErrors(t *testing.T) {
	for step := range 6 {
		synctest.Test(t, func(t *testing.T) {
			plain := errors.New("remote I/O error")
			c := newChip()
			c.fail = map[int]error{step: plain}
			v, err := newDev(t, c, Opts{}).Voltage(t.Context(), AIN0)
			if !errors.Is(err, plain) || drivers.ReasonOf(err) != drivers.NoAnswer || v != 0 {
				t.Errorf("transaction %d: got %v, %v, want no answer", step, v, err)
			}
			c = newChip()
			c.fail = map[int]error{step: drivers.Because(drivers.BusDown, plain)}
			_, err = newDev(t, c, Opts{}).Voltage(t.Context(), AIN0)
			if drivers.ReasonOf(err) != drivers.BusDown {
				t.Errorf("transaction %d: got %v, want the bus's own reason", step, err)
			}
		})
	}
}

func TestEndedContextReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		c := newChip()
		if _, err := newDev(t, c, Opts{}).Voltage(ctx, AIN0); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if len(c.log) != 0 {
			t.Errorf("transactions %v after the end", c.log)
		}
	})
}

func TestNoSuchInput(t *testing.T) {
	c := newChip()
	for _, m := range []Mux{0, AIN3 + 1} {
		if _, err := newDev(t, c, Opts{}).Voltage(t.Context(), m); err == nil || drivers.ReasonOf(err) != drivers.BadWiring {
			t.Errorf("%s: got %v", m, err)
		}
	}
}

func TestInputsShareOneChip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChip()
		c.inputs = map[Mux]int16{AIN0: 8, AIN1: 16, AIN2: 24, AIN3: 32}
		d := newDev(t, c, Opts{})
		var wg sync.WaitGroup
		for m := AIN0; m <= AIN3; m++ {
			wg.Go(func() {
				want := physic.ElectricPotential(m-AIN0+1) * physic.MilliVolt
				for range 10 {
					if got, err := d.Input(m).Voltage(t.Context()); err != nil || got != want {
						t.Errorf("%s: got %v, %v, want %v", m, got, err, want)
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestNames(t *testing.T) {
	var names []string
	for m := AIN0minusAIN1; m <= AIN3; m++ {
		names = append(names, m.String())
		if got, err := ParseMux(strings.ToUpper(m.String())); err != nil || got != m {
			t.Errorf("ParseMux(%s) = %v, %v", m, got, err)
		}
	}
	want := []string{"ain0-ain1", "ain0-ain3", "ain1-ain3", "ain2-ain3", "ain0", "ain1", "ain2", "ain3"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	if _, err := ParseMux("ain4"); err == nil {
		t.Error("ain4 is an input")
	}
	for g := Gain6V144; g <= Gain0V256; g++ {
		if got, err := GainOf(g.FullScale()); err != nil || got != g {
			t.Errorf("GainOf(%s) = %v, %v", g.FullScale(), got, err)
		}
	}
	if _, err := GainOf(4095 * physic.MilliVolt); err == nil {
		t.Error("4.095 V is a full scale")
	}
	for r := Rate8; r <= Rate860; r++ {
		if got, err := RateOf(r.PerSecond()); err != nil || got != r {
			t.Errorf("RateOf(%d) = %v, %v", r.PerSecond(), got, err)
		}
	}
	if _, err := RateOf(100); err == nil {
		t.Error("100 is a rate")
	}
	if Gain(0).FullScale() != 4096*physic.MilliVolt || Rate(0).PerSecond() != 128 {
		t.Error("zero values are not the documented defaults")
	}
}
