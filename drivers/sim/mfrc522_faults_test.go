package sim_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/drivers/sim"
)

// Every fault ends in its reason and in time, presents nobody, and its end lets
// the card be read.
func TestReaderFaults(t *testing.T) {
	inject := func(f sim.ReaderFault) func(*gate) func() {
		return func(g *gate) func() {
			g.chip.Inject(f)
			return func() { g.chip.Inject(sim.ReaderHealthy) }
		}
	}
	version := func(v byte) func(*gate) func() {
		return func(g *gate) func() {
			g.chip.SetVersion(v)
			return func() { g.chip.SetVersion(0x92) }
		}
	}
	answers := func(change func(frame, answer []byte) []byte) func(*gate) func() {
		return func(g *gate) func() {
			g.chip.OnAnswer(change)
			return func() { g.chip.OnAnswer(nil) }
		}
	}
	flip := func(size, at int) func(*gate) func() {
		return answers(func(_, answer []byte) []byte {
			if len(answer) == size {
				answer[at] ^= 0x10
			}
			return answer
		})
	}
	for name, tt := range map[string]struct {
		inject func(*gate) (heal func())
		want   string // of the first poll, and the fifth
		later  string
	}{
		"zeros":        {inject(sim.ReaderZeros), "no_answer", "no_answer"},
		"ones":         {inject(sim.ReaderOnes), "no_answer", "no_answer"},
		"echo":         {inject(sim.ReaderEcho), "bad_answer", "bad_answer"},
		"no IRQ":       {inject(sim.ReaderNoIRQ), "not_ready", "not_ready"},
		"no wake-up":   {func(g *gate) func() { g.chip.PowerDip(); return inject(sim.ReaderNoWake)(g) }, "not_ready", "not_ready"},
		"forgets":      {func(g *gate) func() { g.chip.PowerDip(); return inject(sim.ReaderForgets)(g) }, "bad_answer", "bad_answer"},
		"deaf":         {inject(sim.ReaderDeaf), "-", "-"},
		"other chip":   {version(0x42), "bad_answer", "bad_answer"},
		"bit in UID":   {flip(5, 2), "-", "bad_answer"},
		"bit in BCC":   {flip(5, 4), "-", "bad_answer"},
		"bit in SAK":   {flip(3, 0), "-", "bad_answer"},
		"bit in CRC":   {flip(3, 1), "-", "bad_answer"},
		"short answer": {answers(func(_, a []byte) []byte { return a[:max(len(a)-1, 0)] }), "-", "bad_answer"},
		"long answer":  {answers(func(_, a []byte) []byte { return append(a, 0) }), "-", "bad_answer"},
		"full FIFO":    {answers(func(_, _ []byte) []byte { return make([]byte, 64) }), "-", "bad_answer"},
		"garbage on MISO": {func(g *gate) func() {
			rng := rand.New(rand.NewPCG(1, 2))
			g.chip.OnRead(func(r []byte) {
				for i := range r {
					r[i] = byte(rng.Uint32() | 1)
				}
				r[1] = 0x40 // what may pass for a version would make it a matter of luck
			})
			return func() { g.chip.OnRead(nil) }
		}, "bad_answer", "bad_answer"},
		"second card": {func(g *gate) func() {
			other := sim.NewCard(0x3D, 0x99, 0xC7, 0x24)
			g.chip.Present(other)
			return func() { g.chip.Remove(other) }
		}, "-", "interference"},
		"second card of another size": {func(g *gate) func() {
			other := sim.NewCard(sevenBytes...)
			g.chip.Present(other)
			return func() { g.chip.Remove(other) }
		}, "-", "interference"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(t)
				g.want("before", "-")
				heal := tt.inject(g)
				g.chip.Present(sim.NewCard(fourBytes...))
				g.want("in fault", tt.want)
				for range 3 {
					g.poll()
				}
				g.want("still in fault", tt.later)
				// A deadline shorter than the wait is kept as well.
				for _, within := range []time.Duration{500 * time.Microsecond, 3 * time.Millisecond, 20 * time.Millisecond} {
					ctx, cancel := context.WithTimeout(t.Context(), within)
					start := time.Now()
					readings, _ := g.reader.Sample(ctx)
					cancel()
					if took := time.Since(start); took > within {
						t.Errorf("took %s of %s", took, within)
					}
					if len(readings) > 0 && !readings[0].Token.IsZero() {
						t.Errorf("token in fault")
					}
				}
				heal()
				<-time.After(pollEvery)
				// A call given up may have left the card awake: one poll to rest.
				if got := g.poll(); got == "-" {
					g.want("healed", "uid:3d99c723")
				} else if got != "uid:3d99c723" {
					t.Errorf("healed: %s", got)
				}
				g.want("healed", "-", "-")
			})
		})
	}
}

// A card that leaves, or a supply that dips, at any moment of the exchange.
func TestReaderDisturbedMidway(t *testing.T) {
	for name, disturb := range map[string]func(*gate, *sim.Card){
		"card leaves":  func(g *gate, c *sim.Card) { g.chip.Remove(c) },
		"supply dips":  func(g *gate, _ *sim.Card) { g.chip.PowerDip() },
		"another card": func(g *gate, _ *sim.Card) { g.chip.Present(sim.NewCard(fourBytes...)) },
	} {
		presented, none := 0, 0
		for at := 1; at < 90; at++ {
			synctest.Test(t, func(t *testing.T) {
				chip := sim.NewMFRC522()
				card := sim.NewCard(sevenBytes...)
				g := &gate{t: t, chip: chip}
				n := 0
				g.reader = newReader(t, connFunc(func(w, r []byte) error {
					if n++; n == at {
						disturb(g, card)
					}
					return chip.Tx(w, r)
				}))
				chip.Present(card)
				switch got := g.poll(); got {
				case "uid:02a20071c84f90":
					presented++
				case "-", "bad_answer", "not_ready":
					none++
				case "uid:3d99c723":
					if name != "another card" {
						t.Errorf("%s at transfer %d: read %s", name, at, got)
					}
				default:
					t.Errorf("%s at transfer %d: read %s", name, at, got)
				}
				if name != "supply dips" {
					return
				}
				// The card stayed: it is presented once in all.
				times := 0
				for range 8 {
					if g.poll() == "uid:02a20071c84f90" {
						times++
					}
				}
				if times > 1 {
					t.Errorf("%s at transfer %d: presented %d times more", name, at, times)
				}
			})
		}
		t.Logf("%s: presented in %d of 89 cases, in %d not", name, presented, none)
		if presented == 0 || none == 0 {
			t.Errorf("%s: presented %d, not %d; want both to happen", name, presented, none)
		}
	}
}

type connFunc func(w, r []byte) error

func (f connFunc) Tx(w, r []byte) error { return f(w, r) }

// A dip of the supply between polls costs nothing, and a card that stays is not
// presented again. A supply that dips all the time is told.
func TestReaderSetUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t)
		g.chip.Present(sim.NewCard(fourBytes...))
		g.want("before", "uid:3d99c723", "-")
		g.chip.PowerDip()
		g.want("after a dip", "-", "-", "-", "-", "-", "-")
		for i := range 6 {
			g.chip.PowerDip()
			want := "-"
			if i >= 3 {
				want = "bad_answer"
			}
			g.want("dip after dip", want)
		}
		g.want("at rest", "-")
		if n := g.misread(); n != 0 {
			t.Errorf("%d misread, want 0", n)
		}
	})
}

// Where two cards differ the chip says so, and what came after is dropped if it
// was told to.
func TestCollision(t *testing.T) {
	for _, tt := range []struct {
		keep byte
		want []byte // error, CollReg, FIFO
	}{
		// 23 and 27 differ in their third bit, the 27th of the answer.
		{0x80, []byte{0x08, 0x80 | 27, 0x3D, 0x99, 0xC7, 0x27}},
		{0x00, []byte{0x08, 27, 0x3D, 0x99, 0xC7, 0x03}},
	} {
		synctest.Test(t, func(t *testing.T) {
			chip := sim.NewMFRC522()
			chip.Present(sim.NewCard(0x3D, 0x99, 0xC7, 0x23))
			chip.Present(sim.NewCard(0x3D, 0x99, 0xC7, 0x27))
			write := func(register, v byte) {
				if err := chip.Tx([]byte{register << 1, v}, nil); err != nil {
					t.Fatal(err)
				}
			}
			read := func(register byte) byte {
				var r [2]byte
				if err := chip.Tx([]byte{register<<1 | 0x80, 0}, r[:]); err != nil {
					t.Fatal(err)
				}
				return r[1]
			}
			send := func(lastBits byte, frame ...byte) {
				write(0x01, 0x00)
				write(0x0A, 0x80)
				for _, b := range frame {
					write(0x09, b)
				}
				write(0x01, 0x0C)
				write(0x0D, 0x80|lastBits)
				<-time.After(2 * time.Millisecond)
			}
			write(0x14, 0x83)
			write(0x0E, tt.keep)
			<-time.After(6 * time.Millisecond)
			send(7, 0x26)
			if got := []byte{read(0x09), read(0x09)}; got[0] != 0x02 || got[1] != 0 {
				t.Fatalf("ATQA %x, want 0200", got)
			}
			send(0, 0x93, 0x20)
			got := []byte{read(0x06), read(0x0E), read(0x09), read(0x09), read(0x09), read(0x09)}
			if string(got) != string(tt.want) {
				t.Errorf("error, CollReg and FIFO are %x, want %x", got, tt.want)
			}
		})
	}
}
