// Package sim is simulated hardware at the level of the bus: chips that answer
// transactions and lines that change, so that the real drivers run on it, from
// the first byte to the last. It links into the desk program and tests, never
// into the gateway's.
//
// Board is a board.Host. Chips are attached to its buses; faults are switched
// on and off at the chip, the bus or the line while everything runs:
//
//	b := sim.NewBoard()
//	adc := sim.NewADS1115(func(channel int) physic.ElectricPotential { return physic.Volt })
//	b.I2C("i2c-1").Attach(0x48, adc)
//	adc.Inject(sim.NeverReady)
//
// Time is the process's own time, so a test in a synctest bubble plays days in
// milliseconds. Everything here is safe for concurrent use.
//
// NewDemo is the board of the demonstration and PlayDemo its story.
package sim
