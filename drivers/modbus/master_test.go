package modbus_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/drivers"
	"watchpost/drivers/board"
	"watchpost/drivers/modbus"
	"watchpost/drivers/sim"
)

const port = "ttyS1"

// bench is a board with one serial port and a master on it. It lives in a
// synctest bubble.
type bench struct {
	t      *testing.T
	serial *sim.Serial
	line   *sim.Modbus
	board  *board.Board
	master *modbus.Master
}

func newBench(t *testing.T) *bench {
	t.Helper()
	hardware := sim.NewBoard()
	b := &bench{t: t, serial: hardware.Serial(port), line: sim.NewModbus(), board: board.New(hardware, board.Options{})}
	b.serial.Attach(b.line.Answer)
	var err error
	b.master, err = modbus.NewMaster(b.board.Serial(port, board.SerialMode{Baud: 9600, DataBits: 8, Parity: board.ParityNone, StopBits: 1}), 9600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.board.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

func read(unit byte, register uint16) modbus.Request {
	return modbus.Request{Unit: unit, Function: modbus.ReadHoldingRegisters, Address: register, Count: 1}
}

// ask is the register's value, or the error.
func (b *bench) ask(ctx context.Context, r modbus.Request) (uint16, error) {
	data, err := b.master.Ask(ctx, r, 0)
	if err != nil {
		return 0, err
	}
	if len(data) != 2*int(r.Count) {
		b.t.Errorf("%d bytes to %+v", len(data), r)
	}
	return binary.BigEndian.Uint16(data), nil
}

func (b *bench) want(r modbus.Request, want uint16) {
	b.t.Helper()
	if got, err := b.ask(b.t.Context(), r); err != nil || got != want {
		b.t.Errorf("unit %d register %d is %d, %v; want %d", r.Unit, r.Address, got, err, want)
	}
}

func (b *bench) wantReason(r modbus.Request, want drivers.Reason, says string) {
	b.t.Helper()
	got, err := b.ask(b.t.Context(), r)
	if drivers.ReasonOf(err) != want || err == nil || !strings.Contains(err.Error(), says) {
		b.t.Errorf("unit %d register %d is %d, %v; want %s saying %q", r.Unit, r.Address, got, err, want, says)
	}
}

func (b *bench) asked() int { return len(b.serial.Written()) }

func bubble(t *testing.T, name string, f func(t *testing.T, b *bench)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { f(t, newBench(t)) })
	})
}

func TestAsk(t *testing.T) {
	bubble(t, "healthy", func(t *testing.T, b *bench) {
		b.line.Unit(1).SetHolding(4, 153)
		b.line.Unit(1).SetInput(4, 7)
		b.want(read(1, 4), 153)
		b.want(modbus.Request{Unit: 1, Function: modbus.ReadInputRegisters, Address: 4, Count: 1}, 7)
		if b.asked() != 2 {
			t.Errorf("%d questions for two answers", b.asked())
		}
	})
	bubble(t, "echo and floating line", func(t *testing.T, b *bench) {
		b.line.Unit(1).SetHolding(4, 153)
		b.line.Echo(true)
		b.line.Float(true)
		for range 20 {
			b.want(read(1, 4), 153)
		}
		if b.asked() != 20 {
			t.Errorf("%d questions for 20 answers", b.asked())
		}
	})
	bubble(t, "refused", func(t *testing.T, b *bench) {
		b.line.Unit(1).SetHolding(4, 153)
		b.wantReason(read(1, 5), drivers.Refused, "illegal data address")
		var code modbus.Exception
		if _, err := b.ask(t.Context(), read(1, 5)); !errors.As(err, &code) || code != 2 {
			t.Errorf("no exception in the chain of %v", err)
		}
		b.line.Unit(1).Refuse(6)
		b.wantReason(read(1, 4), drivers.Refused, "server device busy")
		if b.asked() != 3 {
			t.Errorf("%d questions, a refusal is repeated", b.asked())
		}
	})
}

func TestFaultsOfAUnit(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault sim.ModbusFault
		why   drivers.Reason
		says  string
	}{
		{"silent", sim.ModbusSilent, drivers.NoAnswer, "nothing"},
		{"wrong checksum", sim.ModbusWrongCRC, drivers.BadAnswer, "wrong checksum"},
		{"truncated", sim.ModbusTruncated, drivers.BadAnswer, "stray bytes"},
		{"other unit", sim.ModbusOtherUnit, drivers.NoAnswer, "frames of others"},
		{"other length", sim.ModbusOtherLength, drivers.BadAnswer, "another question"},
	} {
		bubble(t, tt.name, func(t *testing.T, b *bench) {
			b.line.Unit(1).SetHolding(4, 153)
			b.line.Unit(1).Inject(tt.fault)
			start := time.Now()
			b.wantReason(read(1, 4), tt.why, tt.says)
			if took := time.Since(start); took < 900*time.Millisecond || took > 1100*time.Millisecond || b.asked() != 3 {
				t.Errorf("gave up after %s and %d questions, want three of 300 ms", took, b.asked())
			}
			b.wantReason(read(1, 4), tt.why, tt.says)
			if b.asked() != 4 && tt.why == drivers.NoAnswer {
				t.Errorf("a silent unit is asked %d times more, want once", b.asked()-3)
			}
			b.line.Unit(1).Inject(sim.ModbusHealthy)
			b.want(read(1, 4), 153)
		})
	}
}

func TestPortFaults(t *testing.T) {
	bubble(t, "garbage", func(_ *testing.T, b *bench) {
		b.line.Unit(1).SetHolding(4, 153)
		b.serial.Inject(sim.Garbage)
		b.wantReason(read(1, 4), drivers.BadAnswer, "stray bytes")
	})
	bubble(t, "unplugged", func(t *testing.T, b *bench) {
		b.line.Unit(1).SetHolding(4, 153)
		b.want(read(1, 4), 153)
		b.serial.Unplug()
		b.wantReason(read(1, 4), drivers.BusDown, "")
		if b.asked() != 1 {
			t.Errorf("%d questions into a port that is gone", b.asked()-1)
		}
		b.serial.Plug()
		timer := time.NewTimer(time.Minute)
		<-timer.C
		b.want(read(1, 4), 153)
	})
	bubble(t, "one answer lost", func(t *testing.T, b *bench) {
		b.line.Unit(1).SetHolding(4, 153)
		b.serial.Inject(sim.Silence)
		timer := time.AfterFunc(350*time.Millisecond, func() { b.serial.Inject(sim.NoSerialFault) })
		defer timer.Stop()
		b.want(read(1, 4), 153)
		if b.asked() < 2 {
			t.Error("nothing was repeated: the test proves nothing")
		}
	})
}

func TestWhatCannotBeAsked(t *testing.T) {
	bubble(t, "", func(t *testing.T, b *bench) {
		b.wantReason(read(0, 4), drivers.BadWiring, "unit 0")
		b.wantReason(modbus.Request{Unit: 1, Function: modbus.WriteSingleRegister, Count: 1, Data: []byte{0, 1}}, drivers.BadWiring, "no read")
		if _, err := b.master.Ask(t.Context(), read(1, 4), time.Millisecond); drivers.ReasonOf(err) != drivers.BadWiring {
			t.Errorf("timeout of 1 ms: %v", err)
		}
		if b.asked() != 0 {
			t.Error("something was sent")
		}
		for _, baud := range []int{0, -1, 5_000_000} {
			if _, err := modbus.NewMaster(b.board.Serial(port, board.SerialMode{}), baud); drivers.ReasonOf(err) != drivers.BadWiring {
				t.Errorf("%d baud: %v", baud, err)
			}
		}
		if _, err := modbus.NewMaster(nil, 9600); drivers.ReasonOf(err) != drivers.BadWiring {
			t.Errorf("no port: %v", err)
		}
	})
}

func TestQuiet(t *testing.T) {
	for baud, want := range map[int]time.Duration{
		9600: 4010416, 19200: 2005208, 1200: 32083333, 38400: 1750 * time.Microsecond, 115200: 1750 * time.Microsecond,
	} {
		if got := modbus.Quiet(baud); got != want {
			t.Errorf("%d baud: %s, want %s", baud, got, want)
		}
	}
}

// Between a byte on the line and the next question there are 3.5 characters.
func TestQuietIsKept(t *testing.T) {
	bubble(t, "", func(t *testing.T, b *bench) {
		b.line.Unit(1).SetHolding(4, 153)
		b.line.Unit(1).Delay(0)
		var asked []time.Time
		b.serial.Attach(func(q []byte) []sim.Piece {
			asked = append(asked, time.Now())
			return b.line.Answer(q)
		})
		for range 5 {
			b.want(read(1, 4), 153)
		}
		for i := 1; i < len(asked); i++ {
			if gap := asked[i].Sub(asked[i-1]); gap < modbus.Quiet(9600) {
				t.Errorf("question %d came %s after an answer", i, gap)
			}
		}
	})
}

func TestContextEnds(t *testing.T) {
	bubble(t, "", func(t *testing.T, b *bench) {
		ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := b.ask(ctx, read(9, 4))
		if took := time.Since(start); drivers.ReasonOf(err) != drivers.NoAnswer || took > 700*time.Millisecond {
			t.Errorf("%v after %s", err, took)
		}
		if b.asked() != 2 {
			t.Errorf("%d questions in 700 ms, want two whole ones", b.asked())
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.ask(gone, read(8, 4)); drivers.ReasonOf(err) != drivers.Stuck || b.asked() != 2 {
			t.Errorf("%v, %d questions", err, b.asked())
		}
	})
}

// 32 units on one line, 31 of them dead: the living one is read each second.
func TestDeadUnitsDoNotStarveTheLine(t *testing.T) {
	bubble(t, "", func(t *testing.T, b *bench) {
		b.line.Unit(32).SetHolding(0, 31)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		done := make(chan int)
		for unit := byte(1); unit < 32; unit++ {
			go func() { done <- b.poll(ctx, read(unit, 0), nil) }()
		}
		synctest.Wait() // the living one comes last
		var longest time.Duration
		start, first := time.Now(), time.Duration(0)
		missed := 0
		good := b.poll(ctx, read(32, 0), func(took time.Duration, err error) {
			switch {
			case ctx.Err() != nil:
			case err != nil:
				missed++
			case first == 0:
				first = time.Since(start)
			default:
				longest = max(longest, took)
			}
		})
		for range 31 {
			if n := <-done; n != 0 {
				t.Errorf("%d answers of a dead unit", n)
			}
		}
		t.Logf("first answer after %s, %d good, %d missed before it, longest %s, %d questions", first, good, missed, longest, b.asked())
		if good < 100 || longest > time.Second {
			t.Errorf("the living unit was read %d times, the longest wait %s", good, longest)
		}
		// One question to each of the others, at 300 ms, and a turn in nine for
		// those that were asked before.
		if first > 12*time.Second {
			t.Errorf("the living unit was first read after %s, want one round of questions", first)
		}
	})
}

// poll asks once a second as a supervisor does, and counts the answers.
func (b *bench) poll(ctx context.Context, r modbus.Request, told func(time.Duration, error)) (good int) {
	// No ticker: many goroutines of a bubble that take from one that is due crash
	// Go 1.26's race detector.
	for next := time.Now().Add(time.Second); ctx.Err() == nil; next = next.Add(time.Second) {
		limit, cancel := context.WithTimeout(ctx, 2*time.Second)
		start := time.Now()
		_, err := b.ask(limit, r)
		cancel()
		if err == nil {
			good++
		}
		if told != nil {
			told(time.Since(start), err)
		}
		_ = drivers.Sleep(ctx, time.Until(next)) // the loop looks at ctx
	}
	return good
}

// A unit that comes back is found, though others keep the line busy.
func TestDeadUnitComesBackOnABusyLine(t *testing.T) {
	bubble(t, "", func(t *testing.T, b *bench) {
		b.line.Unit(1).SetHolding(0, 1)
		b.line.Unit(1).Inject(sim.ModbusSilent)
		b.wantReason(read(1, 0), drivers.NoAnswer, "")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		for unit := byte(2); unit < 6; unit++ {
			b.line.Unit(unit).SetHolding(0, uint16(unit))
			b.want(read(unit, 0), uint16(unit))
			go func() {
				for ctx.Err() == nil {
					_, err := b.ask(ctx, read(unit, 0))
					if err != nil && ctx.Err() == nil {
						t.Errorf("unit %d: %v", unit, err)
					}
				}
				done <- struct{}{}
			}()
		}
		b.line.Unit(1).Inject(sim.ModbusHealthy)
		limit, stop := context.WithTimeout(t.Context(), 2*time.Second)
		start := time.Now()
		got, err := b.ask(limit, read(1, 0))
		t.Logf("back after %s among four that never rest", time.Since(start))
		if err != nil || got != 1 {
			t.Errorf("%d, %v", got, err)
		}
		stop()
		cancel()
		for range 4 {
			<-done
		}
	})
}

func ExampleMaster_Ask() {
	hardware := sim.NewBoard()
	line := sim.NewModbus()
	line.Unit(1).SetHolding(4, 153)
	hardware.Serial("ttyS1").Attach(line.Answer)
	b := board.New(hardware, board.Options{})
	defer func() { _ = b.Close(context.Background()) }()
	mode := board.SerialMode{Baud: 9600, DataBits: 8, Parity: board.ParityNone, StopBits: 1}
	master, err := modbus.NewMaster(b.Serial("ttyS1", mode), mode.Baud)
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := master.Ask(context.Background(), modbus.Request{Unit: 1, Function: modbus.ReadHoldingRegisters, Address: 4, Count: 1}, 0)
	fmt.Println(data, err)
	// Output: [0 153] <nil>
}
