package board_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"

	"watchpost/drivers"
	"watchpost/drivers/board"
	"watchpost/drivers/sim"
)

// echo answers every read with its value and counts.
type echo struct {
	value byte
	count atomic.Int64
}

func (e *echo) Tx(_, r []byte) error {
	e.count.Add(1)
	for i := range r {
		r[i] = e.value
	}
	return nil
}

// rig is a simulated board with an echo at 0x10 of two buses.
type rig struct {
	host    *sim.Board
	board   *board.Board
	a, b    *echo
	mu      sync.Mutex
	reports []string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{host: sim.NewBoard(), a: &echo{value: 0xA}, b: &echo{value: 0xB}}
	r.host.I2C("i2c-1").Attach(0x10, r.a)
	r.host.I2C("i2c-2").Attach(0x10, r.b)
	r.board = board.New(r.host, board.Options{
		Jitter: func() float64 { return 0 },
		Report: func(device string, err error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			word := device + " up"
			if err != nil {
				word = device + " " + string(drivers.ReasonOf(err))
			}
			r.reports = append(r.reports, word)
		},
	})
	return r
}

func (r *rig) close(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := r.board.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

func (r *rig) wantReports(t *testing.T, want ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.reports) != len(want) {
		t.Fatalf("reports %q, want %q", r.reports, want)
	}
	for i := range want {
		if r.reports[i] != want[i] {
			t.Fatalf("reports %q, want %q", r.reports, want)
		}
	}
}

// pass lets d of the bubble's own time go by.
func pass(d time.Duration) { <-time.After(d) }

func wantReason(t *testing.T, err error, want drivers.Reason) {
	t.Helper()
	if err == nil || drivers.ReasonOf(err) != want {
		t.Errorf("got error %v, want reason %s", err, want)
	}
}

func TestSharedAndLazy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		if r.board.I2C("/dev/i2c-1") != r.board.I2C("I2C1") {
			t.Error("two spellings of a bus are two buses")
		}
		in := make([]byte, 2)
		if err := r.board.I2C("1").Tx(0x10, []byte{0}, in); err != nil || in[0] != 0xA || in[1] != 0xA {
			t.Errorf("Tx read % x, %v; want 0a 0a", in, err)
		}
		r.wantReports(t)
	})
}

func TestStuckBusIsAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		bus := r.board.I2C("i2c-1")
		release := r.host.I2C("i2c-1").Hang()
		start := time.Now()

		waiting := make(chan error)
		go func() {
			pass(100 * time.Millisecond)
			waiting <- bus.Tx(0x10, nil, make([]byte, 1))
		}()
		wantReason(t, bus.Tx(0x10, nil, make([]byte, 1)), drivers.Stuck)
		if took := time.Since(start); took != time.Second {
			t.Errorf("the stuck call took %s, want 1s", took)
		}
		wantReason(t, <-waiting, drivers.BusDown)
		wantReason(t, bus.Tx(0x10, nil, make([]byte, 1)), drivers.BusDown)
		if took := time.Since(start); took != time.Second {
			t.Errorf("the others heard after %s, want 1s: at once", took)
		}

		pass(time.Hour) // it hangs on: nothing opens the bus a second time
		wantReason(t, bus.Tx(0x10, nil, make([]byte, 1)), drivers.BusDown)
		release()
		synctest.Wait()
		pass(990 * time.Millisecond)
		wantReason(t, bus.Tx(0x10, nil, make([]byte, 1)), drivers.BusDown)
		pass(20 * time.Millisecond)
		if err := bus.Tx(0x10, nil, make([]byte, 1)); err != nil {
			t.Errorf("after release and backoff: %v", err)
		}
		r.wantReports(t, "i2c-1 stuck", "i2c-1 up")
	})
}

// rate counts what one patient caller gets from bus b in 30 s.
func (r *rig) rate() int64 {
	bus := r.board.I2C("i2c-2")
	before := r.b.count.Load()
	for range 300 {
		_ = bus.Tx(0x10, []byte{0}, make([]byte, 1)) // the count tells
		pass(100 * time.Millisecond)
	}
	return r.b.count.Load() - before
}

func TestStuckBusCostsOthersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		healthy := r.rate()
		release := r.host.I2C("i2c-1").Hang()
		start := time.Now()
		stop := make(chan struct{})
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(50 * time.Millisecond):
						_ = r.board.I2C("i2c-1").Tx(0x10, nil, make([]byte, 1)) // fails by design
					}
				}
			})
		}
		if got := r.rate(); got != healthy {
			t.Errorf("beside a stuck bus %d transactions, alone %d", got, healthy)
		}
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("300 rounds beside a stuck bus took %s, want 30s", took)
		}
		close(stop)
		release()
		callers.Wait()
	})
}

func TestThreeTimeoutsMarkABusDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		bus, real := r.board.I2C("i2c-1"), r.host.I2C("i2c-1")
		tx := func() error { return bus.Tx(0x10, nil, make([]byte, 1)) }
		for range 5 { // never three in a row
			real.Fail(sim.ErrTimeout)
			wantReason(t, tx(), drivers.Stuck)
			wantReason(t, tx(), drivers.Stuck)
			real.Fail(nil)
			if err := tx(); err != nil {
				t.Fatalf("the bus went down after two timeouts: %v", err)
			}
		}
		real.Fail(sim.ErrTimeout)
		for range 3 {
			_ = tx() // the third marks it down
		}
		before := r.a.count.Load()
		real.Fail(nil)
		wantReason(t, tx(), drivers.BusDown)
		if r.a.count.Load() != before {
			t.Error("a transaction went out on a bus that is down")
		}
		// Backoff: 1 s, then one timeout is enough and it is 2 s, 4 s ...
		real.Fail(sim.ErrTimeout)
		for _, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			pass(wait*time.Second - time.Millisecond)
			wantReason(t, tx(), drivers.BusDown)
			pass(2 * time.Millisecond)
			if err := tx(); !errors.Is(err, sim.ErrTimeout) {
				t.Fatalf("after %d s: %v, want a try that times out", wait, err)
			}
		}
		real.Fail(nil)
		pass(time.Minute + time.Millisecond)
		if err := tx(); err != nil {
			t.Error(err)
		}
		r.wantReports(t, "i2c-1 stuck", "i2c-1 up")
	})
}

func TestNoAnswerLeavesTheBusAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		bus := r.board.I2C("i2c-1")
		for range 20 {
			wantReason(t, bus.Tx(0x22, nil, make([]byte, 1)), drivers.NoAnswer)
		}
		if err := bus.Tx(0x10, nil, make([]byte, 1)); err != nil {
			t.Errorf("a missing chip took its bus down: %v", err)
		}
		r.wantReports(t)
	})
}

// late writes into its buffer only when released.
type late struct{ release chan struct{} }

func (l late) Tx(w, r []byte) error {
	<-l.release
	for i := range r {
		r[i] = 0xEE
	}
	for i := range w {
		w[i] = 0xEE
	}
	return nil
}

func TestAbandonedBufferIsNotTouched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		chip := late{release: make(chan struct{})}
		r.host.I2C("i2c-1").Attach(0x20, chip)
		w, in := []byte{1, 2}, []byte{3, 4}
		wantReason(t, r.board.I2C("i2c-1").Tx(0x20, w, in), drivers.Stuck)
		close(chip.release)
		synctest.Wait()
		if w[0] != 1 || w[1] != 2 || in[0] != 3 || in[1] != 4 {
			t.Errorf("an abandoned call wrote into its caller's memory: % x, % x", w, in)
		}
	})
}

// absent is a host whose bus appears later.
type absent struct {
	*sim.Board
	there atomic.Bool
	opens atomic.Int64
}

func (a *absent) OpenI2C(name string) (i2c.BusCloser, error) {
	a.opens.Add(1)
	if !a.there.Load() {
		return nil, errors.New("open /dev/i2c-1: no such file or directory")
	}
	return a.Board.OpenI2C(name)
}

func TestMissingBusIsTriedWithBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		host := &absent{Board: r.host}
		b := board.New(host, board.Options{Jitter: func() float64 { return 0 }})
		defer func() {
			if err := b.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		bus := b.I2C("i2c-1")
		for range 600 {
			wantReason(t, bus.Tx(0x10, nil, make([]byte, 1)), drivers.Missing)
			pass(time.Second)
		}
		// 1, 2, 4 and 8 s, then every 10 s: whoever plugs it in waits to see it work.
		if got := host.opens.Load(); got < 55 || got > 65 {
			t.Errorf("a missing bus was opened %d times in 10 minutes, want about 60", got)
		}
		host.there.Store(true)
		pass(11 * time.Second)
		if err := bus.Tx(0x10, nil, make([]byte, 1)); err != nil {
			t.Errorf("the bus came and was not found: %v", err)
		}
	})
}

func TestLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		real := r.host.Line("gpiochip0:17")
		line := r.board.Line("gpiochip0:17", gpio.PullUp)
		if r.board.Line("/dev/gpiochip0:17", gpio.PullUp) != line {
			t.Error("one line was made twice")
		}
		if level, err := line.Level(); level != gpio.High || err != nil {
			t.Errorf("level = %s, %v; want High by its pull", level, err)
		}
		if edge, err := line.WaitForEdge(50 * time.Millisecond); edge || err != nil {
			t.Errorf("wait = %t, %v; want false, nil", edge, err)
		}
		real.Set(gpio.Low)
		if edge, err := line.WaitForEdge(time.Second); !edge || err != nil {
			t.Errorf("wait = %t, %v; want an edge", edge, err)
		}
		if level, err := line.Level(); level != gpio.Low || err != nil {
			t.Errorf("level = %s, %v; want Low", level, err)
		}
		_, err := line.WaitForEdge(0)
		wantReason(t, err, drivers.BadWiring)
		_, err = r.board.Line("gpiochip0:17", gpio.PullDown).Level()
		wantReason(t, err, drivers.BadWiring)

		real.Fail(sim.ErrLine)
		_, err = line.Level()
		wantReason(t, err, drivers.Broken)
		real.Fail(nil)
		_, err = line.Level()
		wantReason(t, err, drivers.BusDown)
		pass(time.Second + time.Millisecond)
		if level, err := line.Level(); level != gpio.Low || err != nil {
			t.Errorf("after a fresh request: %s, %v; want Low", level, err)
		}
		r.wantReports(t, "gpiochip0:17 broken", "gpiochip0:17 up")
	})
}

// The call that takes a device down is told why, and only those after it that it
// is down.
func TestWhoTakesItDownHearsWhy(t *testing.T) {
	for range 20000 {
		b := sim.NewBoard()
		r := board.New(b, board.Options{Report: func(string, error) {
			for range 20 {
				runtime.Gosched() // whoever waits is woken before the answer is there
			}
		}})
		b.Line("gpiochip0:17").Fail(sim.ErrLine)
		_, err := r.Line("gpiochip0:17", gpio.PullUp).Level()
		wantReason(t, err, drivers.Broken)
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCloseNamesWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		release := r.host.I2C("i2c-1").Hang()
		wantReason(t, r.board.I2C("i2c-1").Tx(0x10, nil, make([]byte, 1)), drivers.Stuck)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantReason(t, r.board.Close(ctx), drivers.Stuck)
		wantReason(t, r.board.I2C("i2c-2").Tx(0x10, nil, nil), drivers.BusDown)
		release()
		if err := r.board.Close(t.Context()); err != nil {
			t.Errorf("close after release: %v", err)
		}
		// The bubble fails the test if a goroutine is left.
	})
}
