package wiegand

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
)

// lines plays a list of edges on the clock of the synctest bubble, with a tick
// after each 50 ms of silence.
type lines struct {
	script []drivers.Edge
	ended  error // how Watch ends after the script; nil waits for ctx

	mu     sync.Mutex
	levels []gpio.Level
	fail   error
	looks  int
}

func newLines(script ...drivers.Edge) *lines {
	return &lines{script: script, levels: []gpio.Level{gpio.High, gpio.High}}
}

func (l *lines) set(line int, level gpio.Level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.levels[line] = level
}

func (l *lines) Levels(context.Context) ([]gpio.Level, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looks++
	return slices.Clone(l.levels), l.fail
}

func (l *lines) Watch(ctx context.Context, emit func(drivers.Edge)) error {
	start := time.Now()
	for _, e := range l.script {
		for {
			left := time.Until(start.Add(e.At))
			if left <= 0 {
				break
			}
			if err := drivers.Sleep(ctx, min(left, 50*time.Millisecond)); err != nil {
				return err
			}
			if left > 50*time.Millisecond {
				emit(drivers.Edge{Line: -1})
			}
		}
		emit(e)
	}
	for l.ended == nil {
		if err := drivers.Sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
		emit(drivers.Edge{Line: -1})
	}
	return l.ended
}

// train is a frame as edges, a bit every period from at on.
func train(at, period time.Duration, frame string) []drivers.Edge {
	var edges []drivers.Edge
	for i, bit := range frame {
		edges = append(edges, drivers.Edge{Line: int(bit & 1), At: at + time.Duration(i)*period})
	}
	return edges
}

// exchanged is what D0 and D1 say when each is where the other belongs.
func exchanged(edges []drivers.Edge) []drivers.Edge {
	edges = slices.Clone(edges)
	for i := range edges {
		edges[i].Line = 1 - edges[i].Line
	}
	return edges
}

// numbered puts edges in order and numbers them as the kernel does.
func numbered(parts ...[]drivers.Edge) []drivers.Edge {
	edges := slices.Concat(parts...)
	slices.SortStableFunc(edges, func(a, b drivers.Edge) int { return cmp.Compare(a.At, b.At) })
	for i := range edges {
		edges[i].Seqno = uint32(i + 1)
	}
	return edges
}

// told is one reading emitted.
type told struct {
	At      time.Duration
	Reading drivers.Reading
}

// run watches l in a bubble for a time and returns what was emitted.
func run(t *testing.T, l *lines, opts Opts, d time.Duration) (out []told, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { out, err = watchFor(t, l, opts, d) })
	return out, err
}

func watchFor(t *testing.T, l *lines, opts Opts, d time.Duration) (out []told, err error) {
	t.Helper()
	r, err := New(l, opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	start := time.Now()
	err = r.Watch(ctx, func(reading drivers.Reading) { out = append(out, told{time.Since(start), reading}) })
	return out, err
}

// tokens are the cards and codes of what was emitted, with their numbers.
func tokens(out []told) (list []string) {
	for _, o := range out {
		if !o.Reading.Token.IsZero() {
			list = append(list, o.Reading.Token.Secret())
		}
	}
	return list
}

// last is the last reading of a quantity.
func last(out []told, q drivers.Quantity) (r drivers.Reading) {
	for _, o := range out {
		if o.Reading.Quantity == q {
			r = o.Reading
		}
	}
	return r
}

// assemble drives the assembler alone, without a clock.
func assemble(gap time.Duration, edges []drivers.Edge) (frames []frame) {
	a := assembler{gap: gap, quiet: true}
	now := time.Time{}
	for _, e := range edges {
		if f, ok := a.edge(e, now.Add(e.At)); ok {
			frames = append(frames, f)
		}
	}
	end := a.heard.Add(time.Hour)
	for range endTicks {
		if f, ok := a.tick(end); ok {
			frames = append(frames, f)
		}
	}
	return frames
}
