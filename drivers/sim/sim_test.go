package sim_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
	"watchpost/drivers/ads1115"
	"watchpost/drivers/board"
	"watchpost/drivers/currentloop"
	"watchpost/drivers/sim"
)

// pit is the real driver on a simulated transmitter at 2.000 m of 5 m.
type pit struct {
	host  *sim.Board
	adc   *sim.ADS1115
	loop  *sim.CurrentLoop
	level physic.Distance
	board *board.Board
	meter *currentloop.Level
}

func newPit(t *testing.T) *pit {
	t.Helper()
	p := &pit{host: sim.NewBoard(), level: 2 * physic.Metre}
	p.loop = sim.NewCurrentLoop(150*physic.Ohm, 5*physic.Metre, 0, func() physic.Distance { return p.level })
	p.adc = sim.NewADS1115(func(channel int) physic.ElectricPotential {
		if channel == 0 {
			return p.loop.Voltage()
		}
		return 3 * physic.Volt // a neighbour whose value must never be seen
	})
	p.host.I2C("i2c-1").Attach(0x48, p.adc)
	p.board = board.New(p.host, board.Options{})
	chip, err := ads1115.New(p.board.I2C("i2c-1"), 0x48, ads1115.Opts{})
	if err != nil {
		t.Fatal(err)
	}
	p.meter, err = currentloop.New(chip.Input(ads1115.AIN0), currentloop.Opts{Shunt: 150 * physic.Ohm, Span: 5 * physic.Metre})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *pit) close(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := p.board.Close(ctx); err != nil {
		t.Error(err)
	}
}

// sample is the value, or the reason why there is none.
func (p *pit) sample() string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	readings, err := p.meter.Sample(ctx)
	switch {
	case err != nil:
		return string(drivers.ReasonOf(err))
	case len(readings) != 1:
		return "not one reading"
	case !readings[0].HasValue():
		return string(readings[0].Reason)
	}
	return readings[0].Value.String() + " " + readings[0].Quality.String()
}

func (p *pit) want(t *testing.T, when string, want string) {
	t.Helper()
	if got := p.sample(); got != want {
		t.Errorf("%s: got %s, want %s", when, got, want)
	}
}

func TestRealDriverReadsTheModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPit(t)
		defer p.close(t)
		var codes []int16
		p.adc.OnConversion(func(channel int, code int16) {
			if channel != 0 {
				t.Errorf("conversion of channel %d, want 0", channel)
			}
			codes = append(codes, code)
		})
		// 4 + 16 x 2/5 = 10.4 mA; x 150 ohm = 1.56 V; / 125 uV = 12480.
		p.want(t, "at 2 m", "2.000 good")
		if len(codes) != 1 || codes[0] != 12480 {
			t.Errorf("codes %d, want 12480", codes)
		}
		p.level = 5 * physic.Metre
		p.want(t, "full", "5.000 good")
		p.level = 6 * physic.Metre
		p.want(t, "over", "5.000 uncertain")
		p.level = -physic.Metre
		p.want(t, "under", "0.000 uncertain")
	})
}

func TestSlowClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPit(t)
		defer p.close(t)
		p.want(t, "nominal", "2.000 good")
		for _, factor := range []float64{0.9, 1.1, 1.5} {
			p.adc.SetClock(factor)
			p.level += 500 * physic.MilliMetre
			want := drivers.Metres(p.level, 3).String() + " good"
			p.want(t, "clock changed", want)
		}
	})
}

// Every fault ends in a fault, and its end in the right value again.
func TestFaultIsNeverAValue(t *testing.T) {
	chip := func(f sim.Fault) func(*pit) func() {
		return func(p *pit) func() {
			p.adc.Inject(f)
			return func() { p.adc.Inject(sim.NoFault) }
		}
	}
	for name, tt := range map[string]struct {
		inject func(*pit) (heal func())
		want   drivers.Reason
	}{
		"no answer":  {chip(sim.NoAnswer), drivers.NoAnswer},
		"NAK midway": {chip(sim.NAKMidway), drivers.NoAnswer},
		// The bytes of the read before are the settings, and as a value they are
		// far below zero.
		"stale":         {chip(sim.Stale), drivers.BrokenWire},
		"floating high": {chip(sim.FloatingHigh), drivers.BadAnswer},
		"held low":      {chip(sim.HeldLow), drivers.BadAnswer},
		"brownout":      {chip(sim.Brownout), drivers.BadAnswer},
		"never ready":   {chip(sim.NeverReady), drivers.NotReady},
		"chip gone": {func(p *pit) func() {
			p.host.I2C("i2c-1").Attach(0x48, nil)
			return func() { p.host.I2C("i2c-1").Attach(0x48, p.adc) }
		}, drivers.NoAnswer},
		"bus hangs": {func(p *pit) func() { return p.host.I2C("i2c-1").Hang() }, drivers.Stuck},
		"bus times out": {func(p *pit) func() {
			p.host.I2C("i2c-1").Fail(sim.ErrTimeout)
			return func() { p.host.I2C("i2c-1").Fail(nil) }
		}, drivers.Stuck},
		"broken wire": {func(p *pit) func() {
			p.loop.BreakWire()
			return p.loop.Mend
		}, drivers.BrokenWire},
		"short": {func(p *pit) func() {
			p.loop.Force(24 * physic.MilliAmpere)
			return p.loop.Mend
		}, drivers.LoopOvercurrent},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPit(t)
				defer p.close(t)
				p.want(t, "before", "2.000 good")
				heal := tt.inject(p)
				p.want(t, "in fault", string(tt.want))
				heal()
				<-time.After(2 * time.Minute) // longer than any backoff
				p.level = 3 * physic.Metre
				p.want(t, "healed", "3.000 good")
			})
		})
	}
}

// A value that sticks cannot be told by one look; the model's ledger can.
func TestStuckValueShowsInTheLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPit(t)
		defer p.close(t)
		var last int16
		p.adc.OnConversion(func(_ int, code int16) { last = code })
		p.want(t, "before", "2.000 good")
		p.adc.Inject(sim.StuckValue)
		p.level = 4 * physic.Metre
		p.want(t, "stuck", "2.000 good")
		if last != 20160 { // 16.8 mA
			t.Errorf("the ledger says %d, want 20160", last)
		}
	})
}

func TestPowerOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		adc := sim.NewADS1115(func(int) physic.ElectricPotential { return physic.Volt })
		read := func(register byte) uint16 {
			var r [2]byte
			if err := adc.Tx([]byte{register}, r[:]); err != nil {
				t.Fatal(err)
			}
			return uint16(r[0])<<8 | uint16(r[1])
		}
		for register, want := range []uint16{0, 0x8583, 0x8000, 0x7FFF} {
			if got := read(byte(register)); got != want {
				t.Errorf("register %d is %#04x at power-on, want %#04x", register, got, want)
			}
		}
		write := func(config uint16) {
			if err := adc.Tx([]byte{1, byte(config >> 8), byte(config)}, nil); err != nil {
				t.Fatal(err)
			}
		}
		write(0xC383)
		if got := read(1); got != 0x4383 {
			t.Errorf("settings while converting are %#04x, want 0x4383", got)
		}
		write(0xD383) // ignored: a conversion is under way
		<-time.After(time.Second / 128)
		if got := read(0); got != 8000 || read(1) != 0xD383 {
			t.Errorf("conversion %d, settings %#04x; want 8000, 0xd383", got, read(1))
		}
		adc.Reset()
		if got := read(1); got != 0x8583 {
			t.Errorf("settings after a reset are %#04x", got)
		}
	})
}

func TestLineKeepsSixteenEdges(t *testing.T) {
	host := sim.NewBoard()
	line := host.Line("gpiochip0:1")
	line.Set(gpio.Low)
	open, err := host.OpenLine("gpiochip0:1", gpio.PullUp)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := host.OpenLine("gpiochip0:1", gpio.PullUp); err == nil {
		t.Error("a line was opened twice")
	}
	if _, err := open.WaitForEdge(0); err == nil {
		t.Error("a wait without end was accepted")
	}
	for i := range 20 {
		line.Set(gpio.Level(i%2 == 0))
		line.Set(gpio.Level(i%2 == 0)) // no change, no edge
	}
	edges := 0
	for {
		edge, err := open.WaitForEdge(time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if !edge {
			break
		}
		edges++
	}
	if edges != 16 {
		t.Errorf("%d edges, want the kernel's 16", edges)
	}
	line.Fail(sim.ErrLine)
	if _, err := open.Level(); !errors.Is(err, sim.ErrLine) {
		t.Errorf("level of a broken line: %v", err)
	}
	line.Fail(nil)
	line.Release()
	if level, err := open.Level(); level != gpio.High || err != nil {
		t.Errorf("released, pulled up: %s, %v; want High", level, err)
	}
}
