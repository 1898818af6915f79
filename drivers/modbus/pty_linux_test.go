package modbus_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"watchpost/drivers"
	"watchpost/drivers/board"
	"watchpost/drivers/board/ptytest"
	"watchpost/drivers/modbus"
	"watchpost/drivers/sim"
)

// 32 units behind a real terminal of the kernel, 31 of them silent, on a line
// that floats and echoes: the living one is read in each round.
func TestPseudoTerminal(t *testing.T) {
	pty, err := ptytest.Open()
	if err != nil {
		t.Fatal(err)
	}
	line := sim.NewModbus()
	line.Echo(true)
	line.Float(true)
	line.Unit(32).SetHolding(0, 31)
	served := make(chan error, 1)
	go func() { served <- line.Serve(context.Background(), pty.Master) }()
	b := board.New(board.Periph(slog.New(slog.DiscardHandler)), board.Options{})
	defer func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := pty.Close(); err != nil {
			t.Error(err)
		}
		<-served // a closed terminal reads as an error of its own
	}()
	mode := board.SerialMode{Baud: 115200, DataBits: 8, Parity: board.ParityNone, StopBits: 1}
	master, err := modbus.NewMaster(b.Serial(pty.Path, mode), mode.Baud)
	if err != nil {
		t.Fatal(err)
	}
	const timeout = 20 * time.Millisecond // 31 dead units are to be waited for in a test
	var meters []*modbus.Meter
	for unit := byte(1); unit <= 32; unit++ {
		m, err := modbus.NewMeter(master, modbus.Opts{Unit: unit, Function: modbus.ReadHoldingRegisters,
			Type: modbus.Uint16, RegisterUnit: modbus.Centimetre, Timeout: timeout})
		if err != nil {
			t.Fatal(err)
		}
		meters = append(meters, m)
	}
	for round := range 3 {
		start := time.Now()
		took := readAll(t, meters)
		t.Logf("round %d: %s, the living unit after %s", round+1, time.Since(start).Round(time.Millisecond), took.Round(100*time.Microsecond))
	}
}

// readAll reads all meters at once, the last of which must answer and no other,
// and gives the time that one took.
func readAll(t *testing.T, meters []*modbus.Meter) time.Duration {
	t.Helper()
	type result struct {
		unit int
		err  error
		took time.Duration
		got  []drivers.Reading
	}
	done := make(chan result)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	start := time.Now()
	for i, m := range meters {
		go func() {
			got, err := m.Sample(ctx)
			done <- result{i + 1, err, time.Since(start), got}
		}()
	}
	var living time.Duration
	for range meters {
		r := <-done
		want := []drivers.Reading{drivers.NewGood(drivers.Level, drivers.Decimal{Coefficient: 31, Scale: 2}, drivers.Metre).WithRaw(drivers.Int(31), drivers.Centimetre)}
		switch {
		case r.unit == len(meters) && (r.err != nil || !slices.Equal(r.got, want)):
			t.Errorf("the living unit: %v, %v", r.got, r.err)
		case r.unit == len(meters):
			living = r.took
		case drivers.ReasonOf(r.err) != drivers.NoAnswer:
			t.Errorf("unit %d: %v, %v", r.unit, r.got, r.err)
		}
	}
	return living
}
