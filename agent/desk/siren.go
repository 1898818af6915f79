package main

import (
	"watchpost/drivers/board"
	"watchpost/drivers/sim"
)

// audible is the simulated board with somebody who hears the siren.
type audible struct {
	*sim.Board
	heard func(on bool)
}

// OpenOutput opens an output whose changes are heard.
func (a audible) OpenOutput(name string, activeLow bool) (board.HostOutput, error) {
	output, err := a.Board.OpenOutput(name, activeLow)
	if err != nil || name != sim.DemoSirenLine {
		return output, err
	}
	return &heardOutput{HostOutput: output, heard: a.heard}, nil
}

// heardOutput is used by one goroutine at a time, as every output.
type heardOutput struct {
	board.HostOutput
	on    bool
	heard func(on bool)
}

// Set switches the output and tells of a change.
func (o *heardOutput) Set(on bool) error {
	err := o.HostOutput.Set(on)
	if err == nil && on != o.on {
		o.on = on
		o.heard(on)
	}
	return err
}
