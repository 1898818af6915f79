package board_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/drivers"
	"watchpost/drivers/board"
	"watchpost/drivers/sim"
)

// absentChip stands for a chip that is not there, behind an adapter that answers
// so with a timeout, after a while.
type absentChip struct{ after time.Duration }

func (a absentChip) Tx(_, _ []byte) error {
	pass(a.after)
	return sim.ErrTimeout
}

// Absent chips, however many and however often they are asked, take no bus down
// on which one lives, from the first moment on.
func TestAbsentChipsTakeNoBusDown(t *testing.T) {
	for _, absent := range []int{1, 31} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			defer r.close(t)
			ctx, stop := context.WithCancel(t.Context())
			var others sync.WaitGroup
			bus := r.board.I2C("i2c-1")
			ask := func(addr uint16) error { return bus.Tx(addr, nil, make([]byte, 1)) }
			// The living one is asked first or after any number of absent ones,
			// and then fifty times less often.
			asked := make(chan error, 1)
			for i := range absent {
				addr := uint16(0x20 + i)
				r.host.I2C("i2c-1").Attach(addr, absentChip{after: time.Millisecond})
				others.Go(func() {
					for ctx.Err() == nil {
						wantReason(t, ask(addr), drivers.Stuck)
						pass(100 * time.Millisecond)
					}
				})
			}
			for range 20 {
				go func() { asked <- ask(0x10) }()
				if err := <-asked; err != nil {
					t.Fatalf("beside %d absent chips: %v", absent, err)
				}
				pass(5 * time.Second)
			}
			stop()
			others.Wait()
			r.wantReports(t)
		})
	}
}

// A chip that answered and then is gone is one chip, too.
func TestChipThatLeavesTakesNoBusDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		bus, real := r.board.I2C("i2c-1"), r.host.I2C("i2c-1")
		ask := func(addr uint16) error { return bus.Tx(addr, nil, make([]byte, 1)) }
		real.Attach(0x20, &echo{value: 1})
		for _, addr := range []uint16{0x10, 0x20} {
			if err := ask(addr); err != nil {
				t.Fatal(err)
			}
		}
		real.Attach(0x20, absentChip{})
		for range 100 {
			wantReason(t, ask(0x20), drivers.Stuck)
		}
		if err := ask(0x10); err != nil {
			t.Errorf("one chip that left took its bus down: %v", err)
		}
		r.wantReports(t)
	})
}

// A bus that sticks goes down with the third timeout, whichever of its chips
// were asked and whether others are absent.
func TestStuckBusGoesDownAtTheThirdTimeout(t *testing.T) {
	for _, order := range [][]uint16{
		{0x10, 0x11, 0x10}, {0x10, 0x10, 0x11}, {0x10, 0x11, 0x12}, {0x10, 0x20, 0x11},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			defer r.close(t)
			bus, real := r.board.I2C("i2c-1"), r.host.I2C("i2c-1")
			ask := func(addr uint16) error { return bus.Tx(addr, nil, make([]byte, 1)) }
			real.Attach(0x20, absentChip{})
			for _, addr := range []uint16{0x11, 0x12, 0x13, 0x14} {
				real.Attach(addr, &echo{})
			}
			for _, addr := range []uint16{0x20, 0x10, 0x11, 0x12, 0x13, 0x14} {
				_ = ask(addr) // 0x20 is absent
			}
			real.Fail(sim.ErrTimeout)
			for i, addr := range order {
				if err := ask(addr); !errors.Is(err, sim.ErrTimeout) {
					t.Errorf("order % x: request %d gave %v, want a timeout", order, i, err)
				}
			}
			for _, addr := range []uint16{0x10, 0x14, 0x20} {
				wantReason(t, ask(addr), drivers.BusDown)
			}
			r.wantReports(t, "i2c-1 stuck")
		})
	}
}

// Down while only one of two was asked is not known; as soon as the other is
// asked, it is. Opened again, the bus is judged again by both.
func TestStuckBusWithOneAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		bus, real := r.board.I2C("i2c-1"), r.host.I2C("i2c-1")
		ask := func(addr uint16) error { return bus.Tx(addr, nil, make([]byte, 1)) }
		real.Attach(0x11, &echo{})
		_, _ = ask(0x10), ask(0x11)
		real.Fail(sim.ErrTimeout)
		for range 5 {
			wantReason(t, ask(0x10), drivers.Stuck)
		}
		wantReason(t, ask(0x11), drivers.Stuck)
		wantReason(t, ask(0x10), drivers.BusDown)
		pass(time.Second + time.Millisecond)
		wantReason(t, ask(0x10), drivers.Stuck)
		real.Fail(nil)
		real.Attach(0x10, absentChip{}) // it is this one that is broken, then
		if err := ask(0x11); err != nil {
			t.Errorf("one absent chip kept a bus from coming back: %v", err)
		}
		r.wantReports(t, "i2c-1 stuck", "i2c-1 up")
	})
}

// 31 of 32 devices are absent, hang in the kernel, or speak garbage, on the same
// bus and on others, ports and lines: the one that lives gets every transaction,
// its first at once.
func TestOneLivingAmongMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		var releases []func()
		ctx, stop := context.WithCancel(t.Context())
		var others sync.WaitGroup
		again := func(ask func()) {
			others.Go(func() {
				for ctx.Err() == nil {
					ask()
					pass(50 * time.Millisecond)
				}
			})
		}
		bus := func(name string, addr uint16) func() {
			return func() { _ = r.board.I2C(name).Tx(addr, []byte{0}, make([]byte, 2)) } // fails by design
		}
		for i := range uint16(8) { // on its own bus: absent, both kinds, and garbage
			again(bus("i2c-2", 0x20+i))
			r.host.I2C("i2c-2").Attach(0x30+i, absentChip{after: time.Millisecond})
			again(bus("i2c-2", 0x30+i))
		}
		for i := range uint16(5) { // on another bus, which hangs
			again(bus("i2c-1", 0x20+i))
		}
		releases = append(releases, r.host.I2C("i2c-1").Hang(), r.host.SPI("spidev0.0").Hang())
		again(bus("i2c-9", 0x20)) // no such bus
		again(func() { _ = r.board.SPI("spidev0.0", 1e12, 0).Tx([]byte{1}, make([]byte, 1)) })
		again(func() { _ = r.board.SPI("spidev0.1", 1e12, 0).Tx([]byte{1}, make([]byte, 1)) })
		again(func() { _, _ = r.board.Line("gpiochip9:1", 0).Level() })
		again(func() { _ = r.board.Output("gpiochip9:2", false).Set(true) })
		r.host.Serial("ttyS1").Attach(func([]byte) []sim.Piece { return sim.Answer(make([]byte, 300)) })
		for _, port := range []string{"ttyS1", "ttyS2", "ttyS3", "ttyS4", "ttyS5"} {
			again(func() { _, _ = ask(t, r.board.Serial(port, line9600), 100*time.Millisecond, 0, "?", 400) })
		}

		start := time.Now()
		living := r.board.I2C("i2c-2")
		for i := range 300 {
			before := time.Now()
			in := make([]byte, 2)
			if err := living.Tx(0x10, []byte{0}, in); err != nil || in[0] != 0xB || in[1] != 0xB {
				t.Fatalf("transaction %d: % x, %v; want 0b 0b", i, in, err)
			}
			if took := time.Since(before); took > 17*time.Millisecond { // 8 absent ones of 1 ms, twice
				t.Fatalf("transaction %d took %s", i, took)
			}
			pass(100 * time.Millisecond)
		}
		t.Logf("300 transactions beside 31 bad devices took %s", time.Since(start))
		stop()
		for _, release := range releases {
			release()
		}
		others.Wait()
	})
}

var _ board.Host = (*sim.Board)(nil)

// Two chips that left together are absent once a third was answered after them.
func TestTwoChipsThatLeaveTakeNoBusDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		bus, real := r.board.I2C("i2c-1"), r.host.I2C("i2c-1")
		ask := func(addr uint16) error { return bus.Tx(addr, nil, make([]byte, 1)) }
		for _, addr := range []uint16{0x20, 0x21} {
			real.Attach(addr, &echo{})
			if err := ask(addr); err != nil {
				t.Fatal(err)
			}
			real.Attach(addr, absentChip{})
		}
		for range 10 {
			_, _ = ask(0x20), ask(0x21)
			if err := ask(0x10); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				wantReason(t, ask(0x20), drivers.Stuck)
				wantReason(t, ask(0x21), drivers.Stuck)
			}
		}
		r.wantReports(t)
	})
}
