package isolation

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"periph.io/x/conn/v3/physic"

	"watchpost/agent/sense"
	"watchpost/drivers"
	"watchpost/drivers/all"
	"watchpost/drivers/board"
	"watchpost/drivers/sim"
)

// living is the sensor that must not notice the others.
const living = "living"

// rig is a simulated board and the sensors on it.
type rig struct {
	host    *sim.Board
	board   *board.Board
	sensors []sense.Sensor
	release []func() // ends what hangs, as no kernel would
}

// transaction is what one transaction takes on a bus at 100 kHz: three bytes and
// their address.
const transaction = 400 * time.Microsecond

// wired is a chip at the end of a real bus: its transactions take time.
type wired struct{ chip sim.Chip }

func (w wired) Tx(out, in []byte) error {
	<-time.After(transaction)
	return w.chip.Tx(out, in)
}

// newRig makes a board with the living sensor; dead adds 31 others, or only
// those of them that are polled.
func newRig(t *testing.T, dead, watchers bool) *rig {
	t.Helper()
	r := &rig{host: sim.NewBoard()}
	r.board = board.New(r.host, board.Options{})
	r.chip("i2c-1", 0x48, sim.NoFault)
	r.level(t, living, "i2c-1", 0x48, 0)
	if !dead {
		return r
	}
	// On the same chip: wires that are broken.
	for input := 1; input <= 3; input++ {
		r.level(t, fmt.Sprintf("broken wire %d", input), "i2c-1", 0x48, input)
	}
	// On the same bus: no chip, garbage, and a conversion that never ends.
	r.chip("i2c-1", 0x4a, sim.FloatingHigh)
	r.chip("i2c-1", 0x4b, sim.NeverReady)
	// On other buses: one that hangs in the kernel, one that is not there and one
	// whose adapter times out.
	r.chip("i2c-2", 0x48, sim.NoFault)
	r.release = append(r.release, r.host.I2C("i2c-2").Hang())
	r.chip("i2c-4", 0x48, sim.NoFault)
	r.host.I2C("i2c-4").Fail(sim.ErrTimeout)
	for input := range 4 {
		r.level(t, fmt.Sprintf("absent %d", input), "i2c-1", 0x49, input)
		r.level(t, fmt.Sprintf("garbage %d", input), "i2c-1", 0x4a, input)
		r.level(t, fmt.Sprintf("never ready %d", input), "i2c-1", 0x4b, input)
		r.level(t, fmt.Sprintf("hanging bus %d", input), "i2c-2", 0x48, input)
		r.level(t, fmt.Sprintf("missing bus %d", input), "i2c-3", 0x48, input)
	}
	r.level(t, "timing out 0", "i2c-4", 0x48, 0)
	r.level(t, "timing out 1", "i2c-4", 0x48, 1)
	r.polled("panicking", func(context.Context) ([]drivers.Reading, error) { panic("index out of range") })
	stuck := make(chan struct{})
	r.release = append(r.release, func() { close(stuck) })
	r.polled("deaf", func(context.Context) ([]drivers.Reading, error) {
		<-stuck
		return nil, errors.New("let go")
	})
	if watchers {
		r.watchers(t)
	}
	return r
}

// watchers adds those that speak by themselves, or should.
func (r *rig) watchers(t *testing.T) {
	t.Helper()
	r.host.Line("gpiochip0:5").Fail(sim.ErrLine)
	r.contact(t, "failing line", "gpiochip0:5")
	r.contact(t, "missing line", "gpiochip9:1")
	r.watched("silent", func(ctx context.Context, _ func(drivers.Reading)) error {
		<-ctx.Done()
		return ctx.Err()
	})
	r.watched("babbling", func(ctx context.Context, emit func(drivers.Reading)) error {
		for ctx.Err() == nil {
			for range 10_000 { // as fast as it is let, then at a pace in order
				emit(drivers.NewFault(drivers.Door, drivers.Noise))
			}
			for i := 0; i < 300 && ctx.Err() == nil; i++ {
				emit(drivers.NewFault(drivers.Door, drivers.Noise))
				select {
				case <-ctx.Done():
				case <-time.After(time.Second):
				}
			}
		}
		return ctx.Err()
	})
}

// chip puts an ADS1115 whose input 0 sees 1.80 m, and whose others see nothing,
// on a bus.
func (r *rig) chip(bus string, address uint16, fault sim.Fault) {
	loop := sim.NewCurrentLoop(150*physic.Ohm, 5*physic.Metre, 0, func() physic.Distance { return 1800 * physic.MilliMetre })
	chip := sim.NewADS1115(func(channel int) physic.ElectricPotential {
		if channel == 0 {
			return loop.Voltage()
		}
		return 0
	})
	chip.Inject(fault)
	r.host.I2C(bus).Attach(address, wired{chip})
}

func (r *rig) level(t *testing.T, id, bus string, address uint16, input int) {
	t.Helper()
	r.build(t, id, "ads1115", &all.ADS1115Options{
		Bus: bus, Address: address, Input: all.Input(fmt.Sprintf("AIN%d", input)),
		Shunt: all.Resistance(150 * physic.Ohm), Span: all.Length(5 * physic.Metre),
	})
}

func (r *rig) contact(t *testing.T, id, line string) {
	t.Helper()
	r.build(t, id, "contact", &all.ContactOptions{Line: line, Measures: "door", Active: "closed", Pull: "up", Debounce: 50 * time.Millisecond})
}

func (r *rig) build(t *testing.T, id, driver string, options any) {
	t.Helper()
	d, ok := all.Lookup(driver)
	if !ok {
		t.Fatalf("no driver %s", driver)
	}
	built, err := d.Build(r.board, options, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	r.sensors = append(r.sensors, sense.Sensor{
		ID: id, Quantities: d.Quantities(options), Sampler: built.Sampler, Watcher: built.Watcher, Every: time.Second,
	})
}

type samplerFunc func(context.Context) ([]drivers.Reading, error)

func (f samplerFunc) Sample(ctx context.Context) ([]drivers.Reading, error) { return f(ctx) }
func (samplerFunc) Quantities() []drivers.Quantity                          { return []drivers.Quantity{drivers.Level} }

func (r *rig) polled(id string, f samplerFunc) {
	r.sensors = append(r.sensors, sense.Sensor{ID: id, Quantities: f.Quantities(), Sampler: f, Every: time.Second})
}

type watcherFunc func(context.Context, func(drivers.Reading)) error

func (f watcherFunc) Watch(ctx context.Context, emit func(drivers.Reading)) error {
	return f(ctx, emit)
}

func (r *rig) watched(id string, f watcherFunc) {
	r.sensors = append(r.sensors, sense.Sensor{ID: id, Quantities: []drivers.Quantity{drivers.Door}, Watcher: f, Every: time.Second})
}

// close lets go what hangs and closes the board.
func (r *rig) close(t *testing.T) {
	t.Helper()
	for _, release := range r.release {
		release()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.board.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}
