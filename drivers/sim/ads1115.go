package sim

import (
	"encoding/binary"
	"sync"
	"time"

	"periph.io/x/conn/v3/physic"
)

// Fault is something wrong with a chip.
type Fault int

// Faults of a chip.
const (
	// NoFault is a healthy chip.
	NoFault Fault = iota
	// NoAnswer is a chip that does not acknowledge its address.
	NoAnswer
	// NAKMidway is a chip that takes its settings and then does not answer.
	NAKMidway
	// Stale is a bus that says all is well and hands back the bytes of the read
	// before.
	Stale
	// FloatingHigh reads ones only, as a data line without its chip does.
	FloatingHigh
	// HeldLow reads zeros only.
	HeldLow
	// StuckValue is a chip that seems to convert but never changes its value.
	StuckValue
	// Brownout loses its settings after each start of a conversion: what is read
	// then are the values of power-on.
	Brownout
	// NeverReady is a conversion that does not end.
	NeverReady
)

// Registers and fields of the ADS1115 (TI SBAS444E, section "Register Map").
const (
	adsConversion  = 0
	adsConfig      = 1
	adsLow         = 2
	adsHigh        = 3
	adsStart       = 0x8000
	adsSingle      = 0x0100
	adsPowerOn     = 0x8583
	adsLowPowerOn  = 0x8000
	adsHighPowerOn = 0x7FFF
)

// ADS1115 is a model of TI's 16-bit converter, from its datasheet and not from
// our driver: pointer register, settings, conversion time by data rate, the
// ready bit, single-shot and continuous mode, clamping at the ends of the scale.
// The input is asked for at the first transaction after a conversion's end.
type ADS1115 struct {
	input func(channel int) physic.ElectricPotential

	// mu guards everything that follows.
	mu        sync.Mutex
	observers []func(channel int, code int16)
	fault     Fault
	clock     float64 // a conversion takes this many times its nominal time
	pointer   byte
	registers [4]uint16
	busy      bool
	ends      time.Time
	running   uint16 // the settings of the conversion under way
	last      []byte // what was read last
}

// NewADS1115 is a chip just powered on. input is the voltage at inputs 0 to 3
// against ground.
func NewADS1115(input func(channel int) physic.ElectricPotential) *ADS1115 {
	a := &ADS1115{input: input, clock: 1}
	a.powerOn()
	return a
}

// Inject puts the chip in a fault; NoFault heals it.
func (a *ADS1115) Inject(f Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault = f
}

// SetClock makes conversions take factor times their nominal time: 1.1 is the
// slowest chip the datasheet allows.
func (a *ADS1115) SetClock(factor float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clock = factor
}

// Reset is a loss of power.
func (a *ADS1115) Reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.powerOn()
}

// OnConversion lets seen hear of each finished conversion: the channel (0 to 3
// against ground; 4 to 7 for the pairs 0-1, 0-3, 1-3 and 2-3) and the code. It
// is called with the chip locked and must not use it.
func (a *ADS1115) OnConversion(seen func(channel int, code int16)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.observers = append(a.observers, seen)
}

// Tx is one transaction.
func (a *ADS1115) Tx(w, r []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fault == NoAnswer || a.fault == NAKMidway && len(r) > 0 {
		return ErrNAK
	}
	a.advance(time.Now())
	if len(w) > 0 {
		a.pointer = w[0] & 3
	}
	if len(w) >= 3 {
		a.write(binary.BigEndian.Uint16(w[1:]))
	}
	if len(r) > 0 {
		a.read(r)
	}
	return nil
}

func (a *ADS1115) powerOn() {
	a.pointer, a.busy = 0, false
	a.registers = [4]uint16{adsConversion: 0, adsConfig: adsPowerOn &^ adsStart, adsLow: adsLowPowerOn, adsHigh: adsHighPowerOn}
}

func (a *ADS1115) write(v uint16) {
	switch a.pointer {
	case adsConversion: // read only
	case adsConfig:
		a.registers[adsConfig] = v &^ adsStart
		starts := v&adsStart != 0 || v&adsSingle == 0
		if !a.busy && starts {
			a.start(time.Now(), v)
		}
		if starts && a.fault == Brownout {
			a.powerOn()
		}
	default:
		a.registers[a.pointer] = v
	}
}

func (a *ADS1115) read(r []byte) {
	v := a.registers[a.pointer]
	if a.pointer == adsConfig && !a.busy {
		v |= adsStart
	}
	var bytes [2]byte
	binary.BigEndian.PutUint16(bytes[:], v)
	for i := range r {
		switch {
		case a.fault == Stale && i < len(a.last):
			r[i] = a.last[i]
		case a.fault == HeldLow:
			r[i] = 0
		case a.fault == FloatingHigh || i >= len(bytes):
			r[i] = 0xFF // nobody drives the line
		default:
			r[i] = bytes[i]
		}
	}
	a.last = append(a.last[:0], r...)
}

// start begins a conversion with the settings v, which it keeps to its end.
func (a *ADS1115) start(at time.Time, v uint16) {
	rates := [8]int{8, 16, 32, 64, 128, 250, 475, 860}
	nominal := time.Second / time.Duration(rates[v>>5&7])
	a.busy, a.running = true, v
	a.ends = at.Add(time.Duration(float64(nominal) * a.clock))
}

// advance ends the conversion whose time has come.
func (a *ADS1115) advance(now time.Time) {
	if !a.busy || now.Before(a.ends) || a.fault == NeverReady {
		return
	}
	a.busy = false
	channel, code := a.convert(a.running)
	if a.fault != StuckValue {
		a.registers[adsConversion] = uint16(code)
	}
	for _, seen := range a.observers {
		seen(channel, code)
	}
	if a.registers[adsConfig]&adsSingle == 0 {
		a.start(now, a.registers[adsConfig])
	}
}

func (a *ADS1115) convert(settings uint16) (channel int, code int16) {
	var v physic.ElectricPotential
	switch mux := int(settings >> 12 & 7); mux {
	case 0, 1, 2, 3:
		pair := [4][2]int{{0, 1}, {0, 3}, {1, 3}, {2, 3}}[mux]
		channel, v = 4+mux, a.input(pair[0])-a.input(pair[1])
	default:
		channel = mux - 4
		v = a.input(channel)
	}
	scales := [8]physic.ElectricPotential{6144, 4096, 2048, 1024, 512, 256, 256, 256}
	full := float64(scales[settings>>9&7] * physic.MilliVolt)
	steps := float64(v) * 0x8000 / full
	return channel, int16(min(max(steps, -0x8000), 0x7FFF))
}
