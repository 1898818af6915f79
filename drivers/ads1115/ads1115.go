package ads1115

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
)

// Addresses of the chip, by where ADDR is tied (datasheet, "I2C Address Selection").
const (
	AddrGND uint16 = 0x48
	AddrVDD uint16 = 0x49
	AddrSDA uint16 = 0x4A
	AddrSCL uint16 = 0x4B
)

const (
	// powerUp is what the chip takes to wake before it converts (datasheet,
	// "Single-Shot Mode": about 25 us).
	powerUp = 25 * time.Microsecond
	// settlePoll is the pause between looks at a chip in an unknown state.
	settlePoll = 5 * time.Millisecond
	// leastPoll keeps a fast rate from hogging the bus with looks.
	leastPoll = 200 * time.Microsecond
)

// Opts are the settings all inputs of one chip share. The zero value is
// 4.096 V at 128 samples per second.
type Opts struct {
	Gain Gain
	Rate Rate
}

// Dev is one ADS1115. It is safe for concurrent use; measurements wait for each
// other.
type Dev struct {
	bus  i2c.Bus
	addr uint16
	opts Opts

	turn    chan struct{} // holds one token: whose turn it is
	settled bool          // the chip was left idle, and by us; guarded by turn
}

// New describes a chip and checks the settings. It does not touch the bus.
func New(bus i2c.Bus, addr uint16, opts Opts) (*Dev, error) {
	if opts.Gain == 0 {
		opts.Gain = Gain4V096
	}
	if opts.Rate == 0 {
		opts.Rate = Rate128
	}
	var err error
	switch {
	case bus == nil:
		err = errors.New("no bus given")
	case addr < AddrGND || addr > AddrSCL:
		err = fmt.Errorf("address %#x: want 0x48 to 0x4b", addr)
	case opts.Gain.FullScale() == 0:
		err = fmt.Errorf("gain %d: want one of the six constants", opts.Gain)
	case opts.Rate.PerSecond() == 0:
		err = fmt.Errorf("rate %d: want one of the eight constants", opts.Rate)
	}
	if err != nil {
		return nil, drivers.Because(drivers.BadWiring, fmt.Errorf("set up ads1115: %w", err))
	}
	return &Dev{bus: bus, addr: addr, opts: opts, turn: make(chan struct{}, 1)}, nil
}

// String names the chip and where it is.
func (d *Dev) String() string { return fmt.Sprintf("ads1115 at %#x on %s", d.addr, d.bus) }

// FullScale is the largest voltage, plus and minus, that can be measured.
func (d *Dev) FullScale() physic.ElectricPotential { return d.opts.Gain.FullScale() }

// Input is one input of one chip: a voltmeter.
type Input struct {
	dev *Dev
	mux Mux
}

// Input is the voltmeter behind m.
func (d *Dev) Input(m Mux) Input { return Input{dev: d, mux: m} }

// Voltage measures the input once, as Dev.Voltage does.
func (in Input) Voltage(ctx context.Context) (physic.ElectricPotential, error) {
	return in.dev.Voltage(ctx, in.mux)
}

// Voltage makes one conversion of m and returns its value. It takes 1.1 times
// the nominal conversion time, and three times that time at the most beside what
// the bus takes; the first call, and one after an error, may take 0.4 s longer
// to bring the chip to rest.
//
// It returns an error, and no voltage, with the reason
//   - NoAnswer when the bus reports an error that has no reason of its own,
//   - NotReady when the conversion does not end in time,
//   - BadAnswer when the chip does not hold the settings it was given,
//   - OverRange or UnderRange when the value is clipped at an end of the scale,
//   - BadWiring when m is none of the inputs,
//
// or the context's error as it is. Nothing is read after the context ended.
func (d *Dev) Voltage(ctx context.Context, m Mux) (physic.ElectricPotential, error) {
	if !m.valid() {
		return 0, drivers.Because(drivers.BadWiring, fmt.Errorf("measure %s of %s: no such input", m, d))
	}
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return 0, fmt.Errorf("measure %s of %s: wait for its turn: %w", m, d, ctx.Err())
	}
	v, err := d.measure(ctx, m)
	if err != nil {
		return 0, fmt.Errorf("measure %s of %s: %w", m, d, err)
	}
	return v, nil
}

func (d *Dev) measure(ctx context.Context, m Mux) (physic.ElectricPotential, error) {
	word := config(m, d.opts.Gain, d.opts.Rate)
	if !d.settled {
		if err := d.settle(ctx, word); err != nil {
			return 0, err
		}
	}
	d.settled = false // until the exchange is whole
	if err := d.write(ctx, word); err != nil {
		return 0, err
	}
	nominal := time.Second / time.Duration(d.opts.Rate.PerSecond())
	// The clock may be 10 % slow (datasheet, "Electrical Characteristics").
	err := d.await(ctx, word, nominal*11/10+powerUp, max(nominal/10, leastPoll), 3*nominal)
	if err != nil {
		return 0, err
	}
	raw, err := d.read(ctx, regConversion)
	if err != nil {
		return 0, err
	}
	// Looked at again: a chip that lost its power between ready and reading
	// has a cleared Conversion register, which is no measurement.
	idle, err := d.holds(ctx, word)
	if err != nil {
		return 0, err
	}
	if !idle {
		return 0, drivers.Because(drivers.BadAnswer, errors.New("a conversion nobody asked for is under way"))
	}
	d.settled = true
	return d.volts(int16(raw))
}

// settle ends what another program, or a call that was given up, may have left
// running: while a conversion is under way the start bit has no effect
// (datasheet, "Single-Shot Mode"), and the value that comes is that of the old
// input.
func (d *Dev) settle(ctx context.Context, word uint16) error {
	if err := d.write(ctx, word&^configOS); err != nil {
		return err
	}
	slowest := time.Second / time.Duration(Rate8.PerSecond())
	return d.await(ctx, word, 0, settlePoll, 3*slowest)
}

// await looks first after the pause first, then every interval, until the chip
// is idle. A look that began after limit is the last, so that a gateway too busy
// to look in time does not blame the chip.
func (d *Dev) await(ctx context.Context, word uint16, first, every, limit time.Duration) error {
	start := time.Now()
	for pause := first; ; pause = every {
		if err := drivers.Sleep(ctx, pause); err != nil {
			return err
		}
		last := time.Since(start) >= limit
		idle, err := d.holds(ctx, word)
		if err != nil || idle {
			return err
		}
		if last {
			return drivers.Because(drivers.NotReady, fmt.Errorf("conversion not ready after %s", limit))
		}
	}
}

// holds reports whether the chip is idle, or an error if it does not hold the
// settings in word.
func (d *Dev) holds(ctx context.Context, word uint16) (idle bool, err error) {
	got, err := d.read(ctx, regConfig)
	switch {
	case err != nil:
		return false, err
	case got == configAtPowerOn:
		return false, drivers.Because(drivers.BadAnswer,
			fmt.Errorf("read back settings %#04x instead of %#04x: the chip was reset, check its supply", got, word))
	case got|configOS != word|configOS:
		return false, drivers.Because(drivers.BadAnswer,
			fmt.Errorf("read back settings %#04x instead of %#04x: another program or another chip", got, word))
	}
	return got&configOS != 0, nil
}

func (d *Dev) volts(code int16) (physic.ElectricPotential, error) {
	full := d.opts.Gain.FullScale()
	switch code {
	case codePositiveLimit:
		return 0, drivers.Because(drivers.OverRange, fmt.Errorf("value clipped at +%s", full))
	case codeNegativeLimit:
		return 0, drivers.Because(drivers.UnderRange, fmt.Errorf("value clipped at -%s", full))
	}
	// At most 0x7FFF x 6.144e9 nV: far from the end of int64. Below a nanovolt
	// is cut; that matters at 256 mV only, where a step is 7812.5 nV.
	return physic.ElectricPotential(code) * full / 0x8000, nil
}

func (d *Dev) write(ctx context.Context, word uint16) error {
	buf := [3]byte{regConfig}
	binary.BigEndian.PutUint16(buf[1:], word)
	if err := d.tx(ctx, buf[:], nil); err != nil {
		return fmt.Errorf("write settings %#04x: %w", word, err)
	}
	return nil
}

func (d *Dev) read(ctx context.Context, register byte) (uint16, error) {
	var buf [2]byte
	if err := d.tx(ctx, []byte{register}, buf[:]); err != nil {
		return 0, fmt.Errorf("read register %#02x: %w", register, err)
	}
	return binary.BigEndian.Uint16(buf[:]), nil
}

func (d *Dev) tx(ctx context.Context, w, r []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return drivers.Because(drivers.NoAnswer, d.bus.Tx(d.addr, w, r))
}
