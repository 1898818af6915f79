package main

import (
	"sync/atomic"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
	"watchpost/drivers/sim"
)

// hardware is the simulated board of site.yaml: a pump pit and a tank on one
// converter, a water gauge in the street, a smoke detector, a door, a reader.
type hardware struct {
	board     *sim.Board
	pit, tank *sim.CurrentLoop
	smoke     *sim.Line
	door      *sim.Edges
	reader    *sim.Edges
	pitMM     atomic.Int64
	streetCM  atomic.Int32
}

// newHardware is all of it at rest.
func newHardware() *hardware {
	const span = 5 * physic.Metre
	h := &hardware{board: sim.NewBoard()}
	h.pitMM.Store(620)
	h.pit = sim.NewCurrentLoop(sim.DemoShunt, span, 0, func() physic.Distance {
		return physic.Distance(h.pitMM.Load()) * physic.MilliMetre
	})
	h.tank = sim.NewCurrentLoop(sim.DemoShunt, span, 0, func() physic.Distance { return 2310 * physic.MilliMetre })
	h.board.I2C(sim.DemoBus).Attach(sim.DemoAddress, sim.NewADS1115(func(channel int) physic.ElectricPotential {
		return []physic.ElectricPotential{h.pit.Voltage(), h.tank.Voltage(), 0, 0}[channel]
	}))
	line := sim.NewModbus()
	gauge := line.Unit(sim.DemoGauge)
	h.board.Serial(sim.DemoPort).Attach(func(question []byte) []sim.Piece {
		gauge.SetHolding(0, uint16(h.streetCM.Load()))
		return line.Answer(question)
	})
	h.smoke = h.board.Line(sim.DemoSmokeLine)
	h.smoke.Set(gpio.High)
	h.door = h.board.Edges(sim.DemoDoorLine, sim.DemoExitLine)
	h.door.SetLevel(0, gpio.Low)
	h.door.SetLevel(1, gpio.High)
	h.reader = h.board.Edges(sim.DemoReaderD0, sim.DemoReaderD1)
	return h
}

// leave is somebody who presses the exit button and opens the door.
func (h *hardware) leave() {
	h.move(1, gpio.Low)
	h.move(0, gpio.High)
}

func (h *hardware) move(line int, level gpio.Level) {
	h.door.SetLevel(line, level)
	h.door.Inject(drivers.Edge{Line: line, Rising: bool(level), At: h.door.Now()})
}
