package wiegand

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"watchpost/drivers"
)

// decoded are the secrets of the frames that are cards.
func decoded(f Formats, frames []frame) (list []string) {
	for _, fr := range frames {
		if fr.flaw != sound {
			continue
		}
		if c, v := f.decode(fr.bits, fr.length); v == isCard {
			list = append(list, c.token(false).Secret())
		}
	}
	return list
}

// Any frame, as edges of any period and jitter, comes back as itself; so it does
// with its lines exchanged, as no card.
func TestEdgesComeBack(t *testing.T) {
	for _, f := range cards() {
		rapid.Check(t, func(t *rapid.T) {
			data := drawData(t, f)
			b, n := encode(f, data)
			period := time.Duration(rapid.IntRange(200, 20_000).Draw(t, "period")) * time.Microsecond
			at := time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "start"))
			var edges []drivers.Edge
			for i, bit := range sendable(b, n) {
				jitter := time.Duration(rapid.IntRange(0, int(period)/4).Draw(t, "jitter"))
				edges = append(edges, drivers.Edge{Line: int(bit & 1), At: at + time.Duration(i)*period + jitter, Seqno: uint32(i + 1)})
			}
			if got := decoded(f, assemble(DefaultGap, edges)); !slices.Equal(got, []string{number(f, data)}) {
				t.Fatalf("%s %x every %s: %q", f, data, period, got)
			}
			if got := decoded(f, assemble(DefaultGap, exchanged(edges))); len(got) != 0 {
				t.Fatalf("%s %x exchanged: %q", f, data, got)
			}
		})
	}
}

// lose takes edges out that the kernel counted.
func lose(edges []drivers.Edge, gone func(i int) bool) (left []drivers.Edge) {
	for i, e := range edges {
		if !gone(i) {
			left = append(left, e)
		}
	}
	return left
}

// Three cards with any run of edges lost anywhere but at the very end: what is
// read is among what was sent, whatever lengths are allowed. A buffer that loses
// the oldest never loses the end.
func TestLostEdgesGiveNoWrongCard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var parts [][]drivers.Edge
		var sent []string
		at := time.Second
		for range 3 {
			f := rapid.SampledFrom([]Formats{H10301, UID34, H10304}).Draw(t, "format")
			data := drawData(t, f)
			b, n := encode(f, data)
			parts = append(parts, train(at, 2*ms, sendable(b, n)))
			sent = append(sent, number(f, data))
			at += time.Duration(n)*2*ms + time.Duration(rapid.IntRange(31, 500).Draw(t, "pause"))*ms
		}
		edges := numbered(parts...)
		from := rapid.IntRange(0, len(edges)-2).Draw(t, "from")
		to := rapid.IntRange(from+1, len(edges)-1).Draw(t, "to")
		if from == 0 {
			// The kernel numbers from 1, but nobody knows what was before the first.
			from = 1
			to = max(to, 2)
		}
		left := lose(edges, func(i int) bool { return i >= from && i < to })
		for _, got := range decoded(everything, assemble(DefaultGap, left)) {
			if !slices.Contains(sent, got) {
				t.Fatalf("edges %d to %d of %d lost: read %s, sent %q", from, to, len(edges), got, sent)
			}
		}
	})
}

// Without sequence numbers the same loss does give wrong cards: the property
// above is not empty.
func TestLostEdgesWithoutNumbersGiveWrongCards(t *testing.T) {
	wrong := 0
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		b, n := encode(UID34, random.Uint64()>>32)
		edges := numbered(train(time.Second, 2*ms, sendable(b, n)))
		from := 1 + random.IntN(25)
		edges = lose(edges, func(i int) bool { return i >= from && i < from+8 })
		if got := decoded(everything, assemble(DefaultGap, edges)); len(got) != 0 {
			t.Fatalf("8 edges from %d on lost: read %q", from, got)
		}
		for i := range edges {
			edges[i].Seqno = uint32(i + 1)
		}
		wrong += len(decoded(everything, assemble(DefaultGap, edges)))
	}
	if wrong == 0 {
		t.Error("no wrong card without numbers: the loss was not one that matters")
	}
	t.Logf("34 bits less 8, taken for 26: %d of 2000 pass without sequence numbers, 0 with", wrong)
}

// A process held up in the middle of a frame cuts it in two by its own clock;
// neither part is a card.
func TestLateProcess(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	passed := 0
	for range 2000 {
		b, n := encode(UID34, random.Uint64()>>32)
		edges := numbered(train(time.Second, 2*ms, sendable(b, n)))
		a := assembler{gap: DefaultGap, quiet: true}
		var frames []frame
		add := func(f frame, ok bool) {
			if ok {
				frames = append(frames, f)
			}
		}
		cut := 8 + random.IntN(20)
		if cut == 26 {
			cut++ // 26 bits of 34 may be a card of their own: only the second tick guards that
		}
		for i, e := range edges {
			if i == cut {
				for range 3 {
					add(a.tick(time.Time{}.Add(time.Hour)))
				}
			}
			add(a.edge(e, time.Time{}.Add(e.At)))
		}
		add(a.tick(time.Time{}.Add(2 * time.Hour)))
		add(a.tick(time.Time{}.Add(2 * time.Hour)))
		for _, f := range frames[1:] {
			if f.flaw != overrun {
				t.Fatalf("the rest after %d bits has flaw %d, want overrun", cut, f.flaw)
			}
		}
		passed += len(decoded(everything, frames))
	}
	if passed != 0 {
		t.Errorf("%d cards of cut frames", passed)
	}
}

// Random pulses give a token only where the parity happens to be right: one
// frame of the right length in four.
func TestNoiseRate(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var edges []drivers.Edge
	at := time.Second
	for range 400_000 {
		pause := time.Duration(random.IntN(8000)+100) * time.Microsecond
		if random.IntN(30) == 0 {
			pause += 40 * ms
		}
		at += pause
		edges = append(edges, drivers.Edge{Line: random.IntN(2), At: at})
	}
	frames := assemble(DefaultGap, numbered(edges))
	length, passed := 0, 0
	for _, f := range frames {
		if f.flaw != sound || f.length != 26 && f.length != 34 {
			continue
		}
		length++
		if _, v := (H10301 | UID34).decode(f.bits, f.length); v == isCard {
			passed++
			if !halves(H10301).right(f.bits) && !halves(UID34).right(f.bits) {
				t.Errorf("%s passed with wrong parity", sendable(f.bits, f.length))
			}
		}
	}
	if share := float64(passed) / float64(length); length < 100 || share < 0.15 || share > 0.35 {
		t.Errorf("%d of %d frames of 26 or 34 random bits passed, want about a quarter", passed, length)
	}
	t.Logf("%d pulses, %d frames, %d of 26 or 34 bits, %d with right parity", len(edges), len(frames), length, passed)
}

func TestAssemblerAllocatesNothing(t *testing.T) {
	edges := numbered(train(time.Second, 2*ms, card99))
	a := assembler{gap: DefaultGap, quiet: true}
	cards := 0
	if got := testing.AllocsPerRun(100, func() {
		now := time.Time{}
		for i := range edges {
			edges[i].At += time.Second
			edges[i].Seqno += uint32(len(edges))
			if f, ok := a.edge(edges[i], now); ok && f.flaw == sound {
				if _, v := H10301.decode(f.bits, f.length); v == isCard {
					cards++
				}
			}
		}
	}); got != 0 {
		t.Errorf("%v allocations per frame", got)
	}
	if cards < 99 {
		t.Errorf("%d cards", cards)
	}
}

// BenchmarkReading is one card from its 26 edges to the reading with its token.
func BenchmarkReading(b *testing.B) {
	b.ReportAllocs()
	r, err := New(newLines(), Opts{Formats: H10301})
	if err != nil {
		b.Fatal(err)
	}
	got := 0
	w := &watch{reader: r, opts: r.opts, ctx: b.Context(), fail: func(error) {}, assembler: assembler{gap: r.opts.Gap, quiet: true},
		emit: func(reading drivers.Reading) {
			if !reading.Token.IsZero() {
				got++
			}
		}}
	edges := numbered(train(time.Second, 2*ms, card99))
	for b.Loop() {
		for i := range edges {
			edges[i].At += time.Second
			edges[i].Seqno += uint32(len(edges))
			w.hear(edges[i])
		}
	}
	if got == 0 {
		b.Error("no card")
	}
}
