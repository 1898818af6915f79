package sim

import (
	"context"
	_ "embed" // the street's flood is part of the program
	"fmt"
	"strings"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
)

// The hardware of the demonstration.
const (
	// DemoBus has the converter of the pump pit at DemoAddress; its input 0 sees
	// DemoShunt, driven by a transmitter of DemoSpan whose 4 mA mean 0 m.
	DemoBus     = "i2c-1"
	DemoAddress = 0x48
	DemoShunt   = 150 * physic.Ohm
	DemoSpan    = 5 * physic.Metre
	// DemoPort has the electronic water gauge of the street as unit DemoGauge; its
	// holding register 0 is the level in centimetres.
	DemoPort  = "ttyS1"
	DemoGauge = 2
	// DemoSmokeLine is a smoke detector's relay, closed (low, against a pull-up)
	// in alarm.
	DemoSmokeLine = "gpiochip0:17"
	// DemoDoorLine is a door contact, closed (low) while the door is closed: the
	// contact is active when it is open. DemoExitLine is the button inside that
	// requests to exit and DemoUnlockLine the access controller's relay; both are
	// closed (low) while active.
	DemoDoorLine   = "gpiochip0:27"
	DemoExitLine   = "gpiochip0:23"
	DemoUnlockLine = "gpiochip0:24"
	// DemoReaderD0 and DemoReaderD1 are a Wiegand reader at that door, which sends
	// 26 bits, one each DemoBit.
	DemoReaderD0 = "gpiochip0:5"
	DemoReaderD1 = "gpiochip0:6"
	DemoBit      = 2 * time.Millisecond
	// DemoSirenLine switches the siren.
	DemoSirenLine = "gpiochip0:22"
)

// Lines of Demo.Door, in the order in which the driver asks for them.
const (
	demoContact = iota
	demoExit
	demoUnlock
)

//go:embed testdata/street-carroll-st-2022-09-13.csv
var streetFlood string

// Demo is the demonstration's hardware: a pump pit, the street outside, a smoke
// detector, a door with its reader, a siren.
type Demo struct {
	Board  *Board
	ADC    *ADS1115
	Loop   *CurrentLoop
	Gauge  *ModbusUnit
	Smoke  *Line
	Door   *Edges // contact, request to exit, unlock
	Reader *Edges
	Siren  *Output

	pit, street *Recording

	// mu guards everything that follows.
	mu       sync.Mutex
	from, to time.Time // the piece of the pit's recording that passes
	started  time.Time
	takes    time.Duration
	lines    [3]gpio.Level // of Door
}

// NewDemo is that hardware at rest: calm water, a dry street, no smoke, the door
// closed and nothing asking to open it.
func NewDemo() (*Demo, error) {
	pit, err := FlashFlood()
	if err != nil {
		return nil, err
	}
	street, err := ReadRecording(strings.NewReader(streetFlood))
	if err != nil {
		return nil, fmt.Errorf("read recording street-carroll-st-2022-09-13.csv: %w", err)
	}
	d := &Demo{Board: NewBoard(), pit: pit, street: street, lines: [3]gpio.Level{gpio.High, gpio.High, gpio.High}}
	d.Loop = NewCurrentLoop(DemoShunt, DemoSpan, 0, d.Level)
	d.ADC = NewADS1115(func(channel int) physic.ElectricPotential {
		if channel == 0 {
			return d.Loop.Voltage()
		}
		return 0
	})
	d.Board.I2C(DemoBus).Attach(DemoAddress, d.ADC)
	rs485 := NewModbus()
	d.Gauge = rs485.Unit(DemoGauge)
	d.Board.Serial(DemoPort).Attach(func(question []byte) []Piece {
		const cm = 10 * physic.MilliMetre
		d.Gauge.SetHolding(0, uint16((d.Street()+cm/2)/cm))
		return rs485.Answer(question)
	})
	d.Smoke = d.Board.Line(DemoSmokeLine)
	d.Door = d.Board.Edges(DemoDoorLine, DemoExitLine, DemoUnlockLine)
	d.Reader = d.Board.Edges(DemoReaderD0, DemoReaderD1)
	d.Siren = d.Board.Output(DemoSirenLine)
	d.rest()
	return d, nil
}

// Level is the water in the pump pit now.
func (d *Demo) Level() physic.Distance { return d.pit.At(d.now()) }

// Street is the water on the street now: its whole flood passes while the pump
// pit's does.
func (d *Demo) Street() physic.Distance {
	from, to := demoFlood()
	part := float64(d.now().Sub(from)) / float64(to.Sub(from))
	samples := d.street.Samples()
	first, last := samples[0].At, samples[len(samples)-1].At
	return d.street.At(first.Add(time.Duration(part * float64(last.Sub(first)))))
}

// now is the moment of the pit's recording that passes.
func (d *Demo) now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := d.from
	if d.takes > 0 {
		part := min(float64(time.Since(d.started))/float64(d.takes), 1)
		at = at.Add(time.Duration(part * float64(d.to.Sub(d.from))))
	}
	return at
}

func (d *Demo) rest() {
	d.pass(demoCalm(), demoCalm(), 0)
	d.smoke(false)
	d.exit(false)
	d.unlock(false)
	d.door(false)
}

// pass lets the pit's recording from from to to pass in the given time.
func (d *Demo) pass(from, to time.Time, takes time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.from, d.to, d.started, d.takes = from, to, time.Now(), takes
}

func (d *Demo) smoke(alarm bool) { d.Smoke.Set(gpio.Level(!alarm)) }

func (d *Demo) door(open bool) { d.drive(demoContact, gpio.Level(open)) }

func (d *Demo) exit(pressed bool) { d.drive(demoExit, gpio.Level(!pressed)) }

func (d *Demo) unlock(on bool) { d.drive(demoUnlock, gpio.Level(!on)) }

// drive sets one of the door's lines. A change is an edge.
func (d *Demo) drive(line int, level gpio.Level) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lines[line] == level {
		return
	}
	d.lines[line] = level
	d.Door.SetLevel(line, level)
	d.Door.Inject(drivers.Edge{Line: line, Rising: bool(level), At: d.Door.Now()})
}

// present holds a card to the reader, which sends its number; it takes as long as
// that does, or until ctx ends.
func (d *Demo) present(ctx context.Context, facility byte, number uint16) {
	// The story ends with ctx too, and says so.
	_ = d.Reader.Send(ctx, h10301(facility, number), DemoBit)
}

// h10301 is a card's 26 bits: facility and number between an even parity over the
// first half and an odd one over the second. It is written apart from the driver,
// so that one checks the other.
func h10301(facility byte, number uint16) string {
	data := fmt.Sprintf("%08b%016b", facility, number)
	ones := func(half string) int { return strings.Count(half, "1") }
	return fmt.Sprintf("%d%s%d", ones(data[:12])%2, data, 1-ones(data[12:])%2)
}
