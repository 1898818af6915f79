package sim_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/drivers"
	"watchpost/drivers/mfrc522"
	"watchpost/drivers/sim"
)

// storm is a reader's port, chip and field with random faults in each poll.
type storm struct {
	chip  *sim.MFRC522
	rng   *rand.Rand
	cards []*sim.Card
	on    map[*sim.Card]bool

	// of the present poll
	lines int // what is wrong with MISO
	from  int // and from which transfer on
	until int
	dip   int // the transfer before which the supply dips, the card leaves,
	leave int
	fail  int // and the port fails
	n     int
	hits  int // faults that came to pass
}

var errPort = errors.New("sysfs-spi: input/output error")

// next chooses the cards in the field and the faults of a poll; nearly half of
// the polls have none.
func (s *storm) next() {
	for _, c := range s.cards {
		s.chip.Remove(c)
		s.on[c] = false
	}
	cards := s.rng.IntN(10)
	for i := range 3 {
		if i == 0 && cards > 0 || i == 1 && cards == 9 || i == 2 && cards == 8 {
			c := s.cards[s.rng.IntN(len(s.cards))]
			s.chip.Present(c)
			s.on[c] = true
		}
	}
	s.n, s.lines, s.dip, s.leave, s.fail = 0, 0, -1, -1, -1
	s.chip.OnAnswer(nil)
	s.chip.Inject(sim.ReaderHealthy)
	at := s.rng.IntN(80)
	switch s.rng.IntN(16) {
	case 0:
		s.dip = at
	case 1:
		s.leave = at
	case 2:
		s.fail = at
	case 3, 4, 5, 6:
		s.lines, s.from, s.until = 1+s.rng.IntN(4), at, at+1+s.rng.IntN(20)
	case 7:
		s.chip.Inject(sim.ReaderNoIRQ)
		s.hits++
	case 8, 9:
		s.disturbAir()
	}
}

// disturbAir spoils one answer: a bit, its length, all of it.
func (s *storm) disturbAir() {
	which, how := s.rng.IntN(8), s.rng.IntN(4)
	s.chip.OnAnswer(func(_, answer []byte) []byte {
		if which--; which != -1 || len(answer) == 0 {
			return answer
		}
		s.hits++
		switch how {
		case 0:
			answer[s.rng.IntN(len(answer))] ^= 1 << s.rng.IntN(8)
			return answer
		case 1:
			return answer[:s.rng.IntN(len(answer))]
		case 2:
			return append(answer, byte(s.rng.Uint32()))
		}
		for i := range answer {
			answer[i] = byte(s.rng.Uint32())
		}
		return answer
	})
}

func (s *storm) Tx(w, r []byte) error {
	switch s.n++; s.n - 1 {
	case s.dip:
		s.hits++
		s.chip.PowerDip()
	case s.leave:
		s.hits++
		for _, c := range s.cards {
			s.chip.Remove(c)
		}
	case s.fail:
		s.hits++
		return errPort
	}
	err := s.chip.Tx(w, r)
	if s.lines == 0 || s.n <= s.from || s.n > s.until || len(r) == 0 {
		return err
	}
	s.hits++
	switch s.lines {
	case 1:
		r[s.rng.IntN(len(r))] ^= 1 << s.rng.IntN(8)
	case 2:
		clear(r)
	case 3:
		for i := range r {
			r[i] = 0xFF
		}
	case 4:
		for i := range r {
			r[i] = byte(s.rng.Uint32())
		}
	}
	return err
}

// run polls so many times and counts tokens, those of cards that were not in the
// field, and the other ends of polls.
func (s *storm) run(t *testing.T, polls int) (tokens, wrong int, ends map[string]int) {
	t.Helper()
	reader, err := mfrc522.New(s, mfrc522.Opts{Gone: 1})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]*sim.Card{
		"uid:3d99c723": s.cards[0], "uid:3d99c733": s.cards[1], "uid:02a20071c84f90": s.cards[2], "uid:04010203040506070809": s.cards[3],
	}
	ends = map[string]int{}
	for range polls {
		s.next()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		start := time.Now()
		readings, err := reader.Sample(ctx)
		cancel()
		if took := time.Since(start); took > 400*time.Millisecond {
			t.Errorf("a poll took %s", took)
		}
		switch {
		case err != nil:
			ends[string(drivers.ReasonOf(err))]++
		case !readings[0].Token.IsZero():
			tokens++
			if card := names[readings[0].Token.Secret()]; card == nil || !s.on[card] {
				wrong++
			}
		default:
			ends["no token"]++
		}
		<-time.After(10 * time.Millisecond)
	}
	return tokens, wrong, ends
}

func newStorm(seed uint64, cards ...*sim.Card) *storm {
	return &storm{chip: sim.NewMFRC522(), rng: rand.New(rand.NewPCG(seed, 522)), cards: cards, on: map[*sim.Card]bool{}}
}

// Ten thousand polls with random faults of card, air, supply and port: no token
// but that of a card in the field.
func TestReaderInAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorm(1, sim.NewCard(fourBytes...), sim.NewCard(0x3D, 0x99, 0xC7, 0x33), sim.NewCard(sevenBytes...), sim.NewCard(tenBytes...))
		tokens, wrong, ends := s.run(t, 10_000)
		t.Logf("10000 polls, %d faults: %d tokens, %d of them wrong; others %v", s.hits, tokens, wrong, ends)
		if wrong != 0 {
			t.Errorf("%d wrong tokens", wrong)
		}
		if tokens < 1000 || s.hits < 5000 {
			t.Errorf("%d tokens and %d faults: too few to prove anything", tokens, s.hits)
		}
	})
}

// The control: a card with another number than the test knows is counted as
// wrong.
func TestTheStormCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorm(1, sim.NewCard(0x3D, 0x99, 0xC7, 0x22), sim.NewCard(0x3D, 0x99, 0xC7, 0x33), sim.NewCard(sevenBytes...), sim.NewCard(tenBytes...))
		if _, wrong, _ := s.run(t, 200); wrong == 0 {
			t.Error("a card with one bit changed was not counted as wrong")
		}
	})
}
