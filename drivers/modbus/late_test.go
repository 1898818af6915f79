package modbus_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/drivers"
	"watchpost/drivers/board"
	"watchpost/drivers/modbus"
	"watchpost/drivers/sim"
)

// slow is a line of units that answer in order but late, or not at all. Each
// register holds its own unit and number, so that a swapped answer shows.
type slow struct {
	random *rand.Rand
	behaviour
	ready map[byte]time.Time
}

func (s *slow) answer(q []byte) []sim.Piece {
	if s.random.Float64() < s.lost {
		return nil
	}
	at := time.Now().Add(s.late(s.random))
	if last := s.ready[q[0]]; at.Before(last) {
		at = last.Add(time.Millisecond)
	}
	s.ready[q[0]] = at
	answer := []byte{q[0], q[1], 2, q[0], q[3]}
	if modbus.Function(q[1]) != modbus.ReadHoldingRegisters {
		answer = []byte{q[0], q[1] | 0x80, 1} // no such function
	}
	answer = binary.LittleEndian.AppendUint16(answer, modbus.CRC(answer))
	if s.random.Float64() < s.lost {
		answer[len(answer)-1] ^= 0x40
	}
	return []sim.Piece{{After: time.Until(at), Bytes: answer}}
}

// behaviour is how late a line's units are, and what share of questions and of
// answers is lost.
type behaviour struct {
	late func(*rand.Rand) time.Duration
	lost float64
}

var behaviours = map[string]behaviour{
	"a long cable": {func(*rand.Rand) time.Duration { return 10 * time.Millisecond }, 0.02},
	"now and then late": {func(r *rand.Rand) time.Duration {
		if r.IntN(100) == 0 {
			return time.Duration(r.IntN(1500)) * time.Millisecond
		}
		return 10 * time.Millisecond
	}, 0.005},
	"often late": {func(r *rand.Rand) time.Duration {
		if r.IntN(5) == 0 {
			return time.Duration(r.IntN(1500)) * time.Millisecond
		}
		return 10 * time.Millisecond
	}, 0.1},
	"around the timeout": {func(r *rand.Rand) time.Duration { return time.Duration(250+r.IntN(200)) * time.Millisecond }, 0.1},
	"radio bridge":       {func(r *rand.Rand) time.Duration { return time.Duration(1200+r.IntN(900)) * time.Millisecond }, 0.1},
	"far away":           {func(r *rand.Rand) time.Duration { return time.Duration(r.IntN(6000)) * time.Millisecond }, 0.1},
}

// asker is a way of asking.
type asker func(ctx context.Context, r modbus.Request) ([]byte, error)

// swapped asks four registers of two units at random for two minutes, and counts
// right answers and those of another register.
func swapped(t *testing.T, seed uint64, of behaviour, by func(*board.Serial) asker) (right, wrong int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		hardware := sim.NewBoard()
		s := &slow{random: rand.New(rand.NewPCG(seed, 1)), behaviour: of, ready: map[byte]time.Time{}}
		hardware.Serial(port).Attach(s.answer)
		b := board.New(hardware, board.Options{})
		defer func() {
			if err := b.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		ask := by(b.Serial(port, board.SerialMode{Baud: 9600, DataBits: 8, Parity: board.ParityNone, StopBits: 1}))
		random := rand.New(rand.NewPCG(seed, 2))
		for start := time.Now(); time.Since(start) < 2*time.Minute; {
			r := read(byte(1+random.IntN(2)), uint16(random.IntN(4)))
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			data, err := ask(ctx, r)
			cancel()
			switch {
			case err != nil:
			case data[0] == r.Unit && data[1] == byte(r.Address):
				right++
			default:
				wrong++
			}
			pause := time.NewTimer(time.Duration(random.IntN(200)) * time.Millisecond)
			<-pause.C
		}
	})
	return right, wrong
}

func TestLateAnswersAreNeverTakenForOthers(t *testing.T) {
	for name, of := range behaviours {
		t.Run(name, func(t *testing.T) {
			right, wrong, naive := 0, 0, 0
			for seed := range uint64(4) {
				n, _ := swapped(t, seed, of, careless)
				naive += n
				r, w := swapped(t, seed, of, func(p *board.Serial) asker {
					m, err := modbus.NewMaster(p, 9600)
					if err != nil {
						t.Fatal(err)
					}
					return func(ctx context.Context, r modbus.Request) ([]byte, error) { return m.Ask(ctx, r, 0) }
				})
				right, wrong = right+r, wrong+w
			}
			if wrong != 0 {
				t.Errorf("%d answers of another register among %d right ones", wrong, right)
			}
			if mild := of.lost < 0.1; mild && right < naive*8/10 {
				t.Errorf("%d right answers of %d: the doubt costs too much", right, naive)
			}
			t.Logf("%d right, %d swapped; %d right where nobody counts", right, wrong, naive)
		})
	}
}

// TestControlWhoDoesNotCountIsDeceived is the negative control: checking unit,
// function, count and checksum, and discarding what was received before, is not
// enough.
func TestControlWhoDoesNotCountIsDeceived(t *testing.T) {
	for name, of := range behaviours {
		right, wrong := 0, 0
		for seed := range uint64(4) {
			r, w := swapped(t, seed, of, careless)
			right, wrong = right+r, wrong+w
		}
		t.Logf("%s: %d right, %d swapped", name, right, wrong)
		if wrong == 0 && name != "a long cable" {
			t.Errorf("%s: nobody is deceived: the test above proves nothing", name)
		}
	}
}

// careless asks up to three times and believes the first answer that looks
// right.
func careless(p *board.Serial) asker {
	return func(ctx context.Context, r modbus.Request) (data []byte, err error) {
		for range 3 {
			limit, cancel := context.WithTimeout(ctx, modbus.DefaultTimeout)
			var b []byte
			b, err = p.Transact(limit, modbus.Quiet(9600), r.Append(nil), func(b []byte) (bool, error) {
				n := len(b)
				return n >= 7 && b[n-7] == r.Unit && b[n-6] == byte(r.Function) && b[n-5] == 2 &&
					binary.LittleEndian.Uint16(b[n-2:]) == modbus.CRC(b[n-7:n-2]), nil
			})
			cancel()
			if err == nil {
				return b[len(b)-4 : len(b)-2], nil
			}
		}
		return nil, err
	}
}

// The plain case, step by step: register 1 is asked and answers after the
// timeout, just when register 2 is asked.
func TestLateAnswerMeetsTheNextQuestion(t *testing.T) {
	bubble(t, "same unit", func(t *testing.T, b *bench) {
		b.line.Unit(1).SetHolding(1, 111, 222)
		b.line.Unit(1).Delay(320 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 310*time.Millisecond)
		_, err := b.ask(ctx, read(1, 1))
		cancel()
		if drivers.ReasonOf(err) != drivers.NoAnswer {
			t.Fatalf("register 1 answers in time: %v", err)
		}
		b.line.Unit(1).Delay(50 * time.Millisecond)
		before := b.asked()
		b.want(read(1, 2), 222)
		if b.asked()-before != 2 {
			t.Errorf("believed after %d questions, want the second", b.asked()-before)
		}
		b.want(read(1, 2), 222)
		b.want(read(1, 2), 222)
		if b.asked()-before != 4 {
			t.Errorf("%d questions for two answers on a quiet line", b.asked()-before-2)
		}
	})
	bubble(t, "other unit", func(t *testing.T, b *bench) {
		b.line.Unit(1).SetHolding(1, 111)
		b.line.Unit(2).SetHolding(1, 222)
		b.line.Unit(1).Delay(320 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 310*time.Millisecond)
		_, err := b.ask(ctx, read(1, 1))
		cancel()
		if drivers.ReasonOf(err) != drivers.NoAnswer {
			t.Fatalf("unit 1 answers in time: %v", err)
		}
		b.line.Unit(2).Delay(50 * time.Millisecond)
		before := b.asked()
		b.want(read(2, 1), 222)
		if b.asked()-before != 1 {
			t.Errorf("%d questions: a late answer of another unit fails the exchange", b.asked()-before)
		}
	})
	bubble(t, "same question", func(t *testing.T, b *bench) {
		b.line.Unit(1).SetHolding(1, 111)
		b.line.Unit(1).Delay(320 * time.Millisecond)
		b.want(read(1, 1), 111)
	})
	bubble(t, "forgotten in time", func(t *testing.T, b *bench) {
		b.line.Unit(1).SetHolding(1, 111, 222)
		b.line.Unit(1).Inject(sim.ModbusSilent)
		b.wantReason(read(1, 1), drivers.NoAnswer, "")
		b.line.Unit(1).Inject(sim.ModbusHealthy)
		timer := time.NewTimer(11 * time.Second)
		<-timer.C
		before := b.asked()
		b.want(read(1, 2), 222)
		if b.asked()-before != 1 {
			t.Errorf("%d questions: what is long over still counts", b.asked()-before)
		}
	})
}
