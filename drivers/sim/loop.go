package sim

import (
	"sync"

	"periph.io/x/conn/v3/physic"
)

// Currents a transmitter holds to when the level leaves its range (NAMUR NE 43).
const (
	loopLowest  = 3800 * physic.MicroAmpere
	loopHighest = 20500 * physic.MicroAmpere
)

// CurrentLoop is a 4-20 mA level transmitter and the shunt it drives.
type CurrentLoop struct {
	shunt  physic.ElectricResistance
	span   physic.Distance
	offset physic.Distance
	level  func() physic.Distance

	// mu guards everything that follows.
	mu     sync.Mutex
	forced bool
	force  physic.ElectricCurrent
}

// NewCurrentLoop is a transmitter of the given span, whose 4 mA mean offset,
// over a shunt.
func NewCurrentLoop(shunt physic.ElectricResistance, span, offset physic.Distance, level func() physic.Distance) *CurrentLoop {
	return &CurrentLoop{shunt: shunt, span: span, offset: offset, level: level}
}

// Force lets i flow whatever the level: 0 is a broken wire.
func (c *CurrentLoop) Force(i physic.ElectricCurrent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forced, c.force = true, i
}

// BreakWire lets no current flow.
func (c *CurrentLoop) BreakWire() { c.Force(0) }

// Mend ends Force and BreakWire.
func (c *CurrentLoop) Mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forced = false
}

// Current is what flows now: 4 mA + 16 mA x (level - offset) / span, held
// between 3.8 and 20.5 mA.
func (c *CurrentLoop) Current() physic.ElectricCurrent {
	c.mu.Lock()
	forced, force := c.forced, c.force
	c.mu.Unlock()
	if forced {
		return force
	}
	part := float64(c.level()-c.offset) / float64(c.span)
	i := 4*physic.MilliAmpere + physic.ElectricCurrent(part*float64(16*physic.MilliAmpere))
	return min(max(i, loopLowest), loopHighest)
}

// Voltage is what that current makes across the shunt.
func (c *CurrentLoop) Voltage() physic.ElectricPotential {
	return physic.ElectricPotential(float64(c.Current()) * float64(c.shunt) / float64(physic.Ohm))
}
