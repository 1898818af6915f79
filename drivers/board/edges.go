package board

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
)

// DefaultEdgeBuffer is what EdgeOptions.Buffer takes for 0. The kernel's own
// choice is 16 for a line: 32 for a reader's two, less than one card's 37 bits.
const DefaultEdgeBuffer = 256

// EdgeOptions are the settings of lines whose edges are wanted one by one.
type EdgeOptions struct {
	// Pull is the pull of all lines.
	Pull gpio.Pull
	// FallingOnly leaves rising edges out.
	FallingOnly bool
	// Buffer is how many edges the kernel keeps for all lines together, 0 being
	// DefaultEdgeBuffer. The kernel may round it up, and keeps at most 16 for each
	// of 64 lines.
	Buffer int
}

// EdgesOpener opens lines whose edges are wanted one by one.
type EdgesOpener interface {
	// OpenEdges requests lines of one chip as inputs in one request, so that the
	// order of their edges is the kernel's. Names are those LineName gives.
	OpenEdges(lines []string, opts EdgeOptions) (HostEdges, error)
}

// HostEdges are lines in one request, used by one goroutine at a time.
type HostEdges interface {
	// Next waits at most timeout, which is over 0, for an edge and puts what there
	// is into edges, oldest first. Running out of time is 0 and no error; lines
	// that are gone are an error, sooner or later.
	Next(edges []drivers.Edge, timeout time.Duration) (int, error)
	// Levels are the levels of the lines now, in the order asked for.
	Levels() ([]gpio.Level, error)
	// Close gives the lines back to the kernel.
	Close() error
}

const (
	// edgesSlice is how long silence lasts before it is told.
	edgesSlice = 100 * time.Millisecond
	// Right after an edge it is told sooner, so that the end of a burst is seen
	// soon: every wakeSlice, for wakeTime.
	wakeSlice = edgesSlice / 2
	wakeTime  = 2 * edgesSlice
	// edgesBatch is how many edges are fetched in one go.
	edgesBatch = 64
)

// Edges are GPIO inputs of one chip whose edges are handed on one by one, with
// the kernel's stamps and in the kernel's order. Levels is safe for concurrent
// use; Watch is for one caller at a time.
type Edges struct {
	name     string
	opts     EdgeOptions
	limit    time.Duration
	refused  error
	owner    *owner[HostEdges]
	watching atomic.Bool
}

// Edges are the inputs of those names, the same for every caller with the same
// list and options. It never fails: what is wrong comes from the methods.
// Answering drivers.BadWiring are: no line or a line twice, lines of two chips,
// and a line that is in use as a contact, as an output, or in another list.
// Lines known by their kernel names are found to be on two chips when they are
// opened.
func (b *Board) Edges(lines []string, opts EdgeOptions) *Edges {
	if opts.Buffer <= 0 {
		opts.Buffer = DefaultEdgeBuffer
	}
	lines = lineNames(lines)
	name := strings.Join(lines, "+")
	refuse := func(err error) *Edges {
		return &Edges{name: name, refused: drivers.Because(drivers.BadWiring, err)}
	}
	if err := oneChip(lines); err != nil {
		return refuse(fmt.Errorf("watch lines %s: %w", name, err))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, ok := b.edges[name]; ok {
		if known.opts != opts {
			return refuse(fmt.Errorf("watch lines %s with %+v: they are watched with %+v", name, opts, known.opts))
		}
		return known
	}
	use := "edges of " + name
	for _, line := range lines {
		if now, taken := b.claims[line]; taken && now != use {
			return refuse(fmt.Errorf("watch lines %s: %s is in use as %s", name, line, now))
		}
	}
	for _, line := range lines {
		b.claims[line] = use
	}
	open := func() (HostEdges, error) { return b.host.OpenEdges(lines, opts) }
	edges := &Edges{name: name, opts: opts, limit: b.opts.TxTimeout, owner: newOwner(name, open, lineVerdict, b.opts, b.stop)}
	b.edges[name] = edges
	b.ends = append(b.ends, edges.owner)
	return edges
}

func lineNames(lines []string) []string {
	var names []string
	for _, line := range lines {
		names = append(names, LineName(line))
	}
	return names
}

// oneChip says what is wrong with a list of lines as far as their names tell.
func oneChip(lines []string) error {
	if len(lines) == 0 {
		return errors.New("no line given")
	}
	seen := make(map[string]bool)
	var chip string
	for _, line := range lines {
		if line == "" {
			return errors.New("a line has no name")
		}
		if seen[line] {
			return fmt.Errorf("%s is given twice", line)
		}
		seen[line] = true
		on, _, ok := splitLine(line)
		switch {
		case !ok:
		case chip == "":
			chip = on
		case chip != on:
			return errTwoChips(chip, on)
		}
	}
	return nil
}

func errTwoChips(a, b string) error {
	return fmt.Errorf("one line is on %s, another on %s: the order of edges is kept on one chip only, so use two lines of the same chip", a, b)
}

// String is the lines' names.
func (e *Edges) String() string { return e.name }

// Watch hands on each edge from now on, in order, and an Edge with Line -1
// about every 100 ms without any, until ctx ends (it returns ctx's error within
// 100 ms) or the lines fail (an error with a drivers.Reason). Edges the process
// was too slow for are lost oldest first and show as a gap in Seqno, which
// starts anew when the lines had to be opened again, as Watch then is. emit may
// use the lines' Levels.
func (e *Edges) Watch(ctx context.Context, emit func(drivers.Edge)) error {
	if e.refused != nil {
		return e.refused
	}
	if !e.watching.CompareAndSwap(false, true) {
		return drivers.Because(drivers.BadWiring, fmt.Errorf("watch lines %s: they are watched already", e.name))
	}
	defer e.watching.Store(false)
	// The array is this call's own: an abandoned call may still write into it.
	edges := make([]drivers.Edge, edgesBatch)
	err := e.discard(ctx, edges)
	var heard time.Time
	for err == nil {
		slice := edgesSlice
		if time.Since(heard) < wakeTime {
			slice = wakeSlice
		}
		var n int
		if n, err = e.next(ctx, edges, slice); err != nil {
			break
		}
		if n == 0 {
			emit(drivers.Edge{Line: -1})
			continue
		}
		heard = time.Now()
		for _, edge := range edges[:n] {
			emit(edge)
		}
	}
	return drivers.Because(reasonOf(err), fmt.Errorf("watch lines %s: %w", e.name, err))
}

// discard drops what came while nobody watched: it is old.
func (e *Edges) discard(ctx context.Context, edges []drivers.Edge) error {
	for range maxQueuedEdges/edgesBatch + 1 {
		n, err := e.next(ctx, edges, time.Millisecond)
		if err != nil || n < len(edges) {
			return err
		}
	}
	return nil
}

func (e *Edges) next(ctx context.Context, edges []drivers.Edge, slice time.Duration) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	slice = min(slice, e.limit)
	answer := make(chan int, 1)
	err := e.owner.do(e.limit+slice, func(lines HostEdges) error {
		n, err := lines.Next(edges, slice)
		answer <- n
		return err
	})
	if err != nil {
		return 0, err
	}
	return <-answer, nil
}

// Levels are the levels of the lines now, in the order they were asked for.
// Errors carry a drivers.Reason.
func (e *Edges) Levels(ctx context.Context) ([]gpio.Level, error) {
	if e.refused != nil {
		return nil, e.refused
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read lines %s: %w", e.name, err)
	}
	answer := make(chan []gpio.Level, 1)
	err := e.owner.do(e.limit, func(lines HostEdges) error {
		levels, err := lines.Levels()
		answer <- levels
		return err
	})
	if err != nil {
		return nil, drivers.Because(reasonOf(err), fmt.Errorf("read lines %s: %w", e.name, err))
	}
	return <-answer, nil
}
