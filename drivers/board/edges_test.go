package board_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
	"watchpost/drivers/board"
	"watchpost/drivers/sim"
)

const d0, d1 = "gpiochip0:5", "gpiochip0:6"

func falling() board.EdgeOptions {
	return board.EdgeOptions{Pull: gpio.PullUp, FallingOnly: true}
}

// heard collects what Watch says until it ends.
type heard struct {
	edges []drivers.Edge
	ticks []time.Duration
	err   error
}

func watch(ctx context.Context, e *board.Edges) (h heard) {
	start := time.Now()
	h.err = e.Watch(ctx, func(edge drivers.Edge) {
		if edge.Line < 0 {
			h.ticks = append(h.ticks, time.Since(start))
			return
		}
		h.edges = append(h.edges, edge)
	})
	return h
}

func TestEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		real := r.host.Edges(d0, d1)
		edges := r.board.Edges([]string{"/dev/" + d0, d1}, falling())
		if edges != r.board.Edges([]string{d0, d1}, falling()) {
			t.Error("the same lines were made twice")
		}
		levels, err := edges.Levels(t.Context())
		if diff := cmp.Diff([]gpio.Level{gpio.High, gpio.High}, levels); diff != "" || err != nil {
			t.Errorf("levels %v, %v", levels, err)
		}
		go func() {
			pass(time.Second)
			real.Inject(drivers.Edge{Line: 0, At: 1}, drivers.Edge{Line: 0, Rising: true, At: 2}, drivers.Edge{Line: 1, At: 3})
			real.Lose(2)
			real.Inject(drivers.Edge{At: 4}, drivers.Edge{At: 5}, drivers.Edge{Line: 1, At: 6})
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		h := watch(ctx, edges)
		want := []drivers.Edge{{Line: 0, At: 1, Seqno: 1}, {Line: 1, At: 3, Seqno: 2}, {Line: 1, At: 6, Seqno: 5}}
		if diff := cmp.Diff(want, h.edges); diff != "" {
			t.Errorf("edges (-want +got):\n%s", diff)
		}
		if !errors.Is(h.err, context.DeadlineExceeded) {
			t.Errorf("watch ended with %v", h.err)
		}
		// 100 ms apart, and 50 ms for a while after the edges at 1 s.
		if n := len(h.ticks); n < 18 || n > 26 {
			t.Errorf("%d ticks in 2 s: %v", n, h.ticks)
		}
	})
}

// More edges at once than the kernel keeps: the oldest are lost, and the gap in
// the numbers tells. Half as many leave none.
func TestOverrunIsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		real, edges := r.host.Edges(d0, d1), r.board.Edges([]string{d0, d1}, falling())
		for _, tt := range []struct{ sent, want, gaps int }{
			{board.DefaultEdgeBuffer / 2, board.DefaultEdgeBuffer / 2, 0},
			{3 * board.DefaultEdgeBuffer, board.DefaultEdgeBuffer, 1},
		} {
			go func() {
				pass(500 * time.Millisecond)
				real.Inject(drivers.Edge{Line: 1}) // to count from
				pass(200 * time.Millisecond)
				real.Inject(make([]drivers.Edge, tt.sent)...)
			}()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			got := watch(ctx, edges).edges
			cancel()
			gaps := 0
			for i := 1; i < len(got); i++ {
				if got[i].Seqno != got[i-1].Seqno+1 {
					gaps++
				}
			}
			if len(got) != 1+tt.want || gaps != tt.gaps {
				t.Errorf("of %d edges at once %d were heard with %d gaps, want %d with %d", tt.sent, len(got)-1, gaps, tt.want, tt.gaps)
			}
		}
	})
}

// Edges of the time when nobody watched are old: a card of a minute ago opens no
// door.
func TestOldEdgesAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		real, edges := r.host.Edges(d0, d1), r.board.Edges([]string{d0, d1}, falling())
		if _, err := edges.Levels(t.Context()); err != nil { // opens the lines
			t.Fatal(err)
		}
		for i := range 500 {
			real.Inject(drivers.Edge{Line: 0, At: time.Duration(i)})
		}
		go func() {
			pass(time.Second)
			real.Inject(drivers.Edge{Line: 1, At: time.Hour})
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if h := watch(ctx, edges); len(h.edges) != 1 || h.edges[0].At != time.Hour {
			t.Errorf("heard %v, want the one edge of now", h.edges)
		}
	})
}

func TestEdgesBadWiring(t *testing.T) {
	r := newRig(t)
	defer r.close(t)
	r.board.Line("gpiochip0:1", gpio.PullUp)
	r.board.Output("gpiochip0:2", false)
	r.board.Edges([]string{d0, d1}, falling())
	for _, tt := range []struct {
		lines []string
		opts  board.EdgeOptions
		words string
	}{
		{nil, falling(), "no line given"},
		{[]string{d0, ""}, falling(), "no name"},
		{[]string{"gpiochip0:7", "/dev/gpiochip0:7"}, falling(), "given twice"},
		{[]string{"gpiochip0:7", "gpiochip1:8"}, falling(), "use two lines of the same chip"},
		{[]string{"gpiochip0:1", "gpiochip0:8"}, falling(), "in use as an input"},
		{[]string{"gpiochip0:8", "gpiochip0:2"}, falling(), "in use as an output"},
		{[]string{d1, "gpiochip0:8"}, falling(), "in use as edges of gpiochip0:5+gpiochip0:6"},
		{[]string{d1, d0}, falling(), "in use as edges"},
		{[]string{d0, d1}, board.EdgeOptions{}, "they are watched with"},
	} {
		err := r.board.Edges(tt.lines, tt.opts).Watch(t.Context(), func(drivers.Edge) {})
		wantReason(t, err, drivers.BadWiring)
		if err != nil && !strings.Contains(err.Error(), tt.words) {
			t.Errorf("%q: %v, want words %q", tt.lines, err, tt.words)
		}
		_, err = r.board.Edges(tt.lines, tt.opts).Levels(t.Context())
		wantReason(t, err, drivers.BadWiring)
	}
	// And the other way round; a list that was refused claims nothing.
	_, err := r.board.Line(d0, gpio.PullUp).Level()
	wantReason(t, err, drivers.BadWiring)
	wantReason(t, r.board.Output(d1, false).Set(true), drivers.BadWiring)
	r.host.Line("gpiochip0:8")
	if _, err := r.board.Line("gpiochip0:8", gpio.PullUp).Level(); err != nil {
		t.Errorf("a line of a refused list: %v", err)
	}
}

func TestOneWatchAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		r.host.Edges(d0, d1)
		edges := r.board.Edges([]string{d0, d1}, falling())
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan heard)
		go func() { first <- watch(ctx, edges) }()
		synctest.Wait()
		wantReason(t, edges.Watch(t.Context(), func(drivers.Edge) {}), drivers.BadWiring)
		cancelled := time.Now()
		cancel()
		if h := <-first; !errors.Is(h.err, context.Canceled) || time.Since(cancelled) > 100*time.Millisecond {
			t.Errorf("first watch: %v after %s", h.err, time.Since(cancelled))
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if h := watch(ctx, edges); !errors.Is(h.err, context.DeadlineExceeded) || len(h.ticks) == 0 {
			t.Errorf("after the first: %+v", h)
		}
	})
}

// emit may look at the levels: the board's goroutine is free meanwhile.
func TestLevelsWithinWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		r.host.Edges(d0, d1).SetLevel(1, gpio.Low)
		edges := r.board.Edges([]string{d0, d1}, falling())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		looks := 0
		err := edges.Watch(ctx, func(drivers.Edge) {
			levels, err := edges.Levels(ctx)
			if err == nil && len(levels) == 2 && levels[0] == gpio.High && levels[1] == gpio.Low {
				looks++
			}
		})
		if looks < 9 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d looks, %v", looks, err)
		}
	})
}

func TestEdgesUnplugged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		real, edges := r.host.Edges(d0, d1), r.board.Edges([]string{d0, d1}, falling())
		go func() {
			pass(time.Second)
			real.Unplug(true)
		}()
		start := time.Now()
		h := watch(t.Context(), edges)
		wantReason(t, h.err, drivers.BusDown)
		if took := time.Since(start); took > 1200*time.Millisecond {
			t.Errorf("noticed after %s", took)
		}
		wantReason(t, edges.Watch(t.Context(), func(drivers.Edge) {}), drivers.BusDown)
		pass(1100 * time.Millisecond) // the backoff
		wantReason(t, edges.Watch(t.Context(), func(drivers.Edge) {}), drivers.Missing)
		real.Unplug(false)
		pass(time.Minute)
		go func() {
			pass(500 * time.Millisecond)
			real.Inject(drivers.Edge{Line: 1, At: 9})
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if h := watch(ctx, edges); len(h.edges) != 1 || h.edges[0].Seqno != 1 {
			t.Errorf("plugged in again: %+v", h)
		}
		r.wantReports(t, "gpiochip0:5+gpiochip0:6 bus_down", "gpiochip0:5+gpiochip0:6 up")
	})
}

// hanging lines never come back from the kernel until released.
type hanging struct {
	*sim.Board
	release chan struct{}
}

func (h hanging) OpenEdges([]string, board.EdgeOptions) (board.HostEdges, error) {
	return hangingEdges{h.release}, nil
}

type hangingEdges struct{ release chan struct{} }

func (h hangingEdges) Next(edges []drivers.Edge, _ time.Duration) (int, error) {
	<-h.release
	edges[0] = drivers.Edge{Line: 7}
	return 1, nil
}

func (h hangingEdges) Levels() ([]gpio.Level, error) { <-h.release; return nil, nil }

func (h hangingEdges) Close() error { return nil }

func TestStuckEdgesAreAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := hanging{sim.NewBoard(), make(chan struct{})}
		b := board.New(host, board.Options{})
		edges := b.Edges([]string{d0, d1}, falling())
		start := time.Now()
		h := watch(t.Context(), edges)
		wantReason(t, h.err, drivers.Stuck)
		if took := time.Since(start); took > 2*time.Second || len(h.edges) != 0 {
			t.Errorf("abandoned after %s, heard %v", took, h.edges)
		}
		_, err := edges.Levels(t.Context())
		wantReason(t, err, drivers.BusDown)
		close(host.release)
		if err := b.Close(t.Context()); err != nil {
			t.Error(err)
		}
		wantReason(t, edges.Watch(t.Context(), func(drivers.Edge) {}), drivers.BusDown)
	})
}
