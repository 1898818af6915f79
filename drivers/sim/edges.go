package sim

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
	"watchpost/drivers/board"
)

// Edges are simulated lines in one request. They rest high. Edges come only
// from Inject, Send and Play; level and edges are apart, so that either can be
// wrong.
type Edges struct {
	names []string

	// mu guards everything that follows.
	mu        sync.Mutex
	arrived   chan struct{} // closed and made anew when edges came
	levels    []gpio.Level
	waiting   []drivers.Edge
	buffer    int
	seqno     uint32
	falling   bool
	opened    bool
	unplugged bool
	fail      error
	lose      int
	start     time.Time
}

// Edges are the lines of those names in one request, made at the first call.
func (b *Board) Edges(names ...string) *Edges {
	var list []string
	for _, name := range names {
		list = append(list, board.LineName(name))
	}
	key := strings.Join(list, "+")
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.edges[key]
	if !ok {
		e = &Edges{names: list, arrived: make(chan struct{}), levels: make([]gpio.Level, len(list)), start: time.Now()}
		for i := range e.levels {
			e.levels[i] = gpio.High
		}
		b.edges[key] = e
	}
	return e
}

// OpenEdges opens lines that Edges made; there are no others.
func (b *Board) OpenEdges(lines []string, opts board.EdgeOptions) (board.HostEdges, error) {
	b.mu.Lock()
	e, ok := b.edges[strings.Join(lines, "+")]
	b.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("open lines %s: no such line", strings.Join(lines, ", "))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.unplugged:
		return nil, fmt.Errorf("open lines %s: no such file or directory", strings.Join(lines, ", "))
	case e.opened:
		return nil, fmt.Errorf("open lines %s: device or resource busy", strings.Join(lines, ", "))
	}
	e.opened, e.falling = true, opts.FallingOnly
	e.buffer = max(opts.Buffer, edgeBuffer*len(lines))
	e.seqno, e.waiting = 0, nil
	return &openEdges{edges: e}, nil
}

// Now is the simulated kernel's clock, for the stamps of edges.
func (e *Edges) Now() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Since(e.start)
}

// Inject delivers edges at once, with the stamps given and the sequence numbers
// the kernel would give them. A full buffer loses the oldest, as the kernel's.
func (e *Edges) Inject(edges ...drivers.Edge) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, edge := range edges {
		if !e.opened || e.unplugged || edge.Rising && e.falling {
			continue
		}
		e.seqno++
		if e.lose > 0 {
			e.lose--
			continue
		}
		edge.Seqno = e.seqno
		if len(e.waiting) >= e.buffer {
			e.waiting = e.waiting[1:]
		}
		e.waiting = append(e.waiting, edge)
	}
	close(e.arrived)
	e.arrived = make(chan struct{})
}

// Lose lets the next n edges vanish: they are counted and not delivered.
func (e *Edges) Lose(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lose = n
}

// SetLevel sets the level Levels answers for a line, without an edge.
func (e *Edges) SetLevel(line int, level gpio.Level) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.levels[line] = level
}

// Fail lets every call on the lines end with err; nil ends the fault.
func (e *Edges) Fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fail = err
	close(e.arrived)
	e.arrived = make(chan struct{})
}

// Unplug takes the lines' chip away, with what it had to deliver, or brings it
// back.
func (e *Edges) Unplug(gone bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unplugged, e.waiting = gone, nil
	close(e.arrived)
	e.arrived = make(chan struct{})
}

// Send is a Wiegand reader sending a frame on lines 0 and 1 now, written as
// zeros and ones, one bit every period, delivered bit by bit.
func (e *Edges) Send(ctx context.Context, frame string, period time.Duration) error {
	for _, bit := range frame {
		at := e.Now()
		line := int(bit & 1)
		e.Inject(drivers.Edge{Line: line, At: at}, drivers.Edge{Line: line, Rising: true, At: at + 50*time.Microsecond})
		if err := waitUntil(ctx, time.Now().Add(period)); err != nil {
			return err
		}
	}
	return nil
}

// Play delivers a captured list of edges at its own pace, its time 0 being now.
func (e *Edges) Play(ctx context.Context, edges []drivers.Edge) error {
	start, base := time.Now(), e.Now()
	for _, edge := range edges {
		if err := waitUntil(ctx, start.Add(edge.At)); err != nil {
			return err
		}
		edge.At += base
		e.Inject(edge)
	}
	return nil
}

// errGone is what the kernel answers for a chip that is gone.
var errGone = errors.New("no such device")

// edgesHeader is the line above the values of a capture.
const edgesHeader = "time_ns,line,level"

// ReadEdges reads a capture: lines of a time in nanoseconds, one of names and
// the level, below lines that begin with # and the header time_ns,line,level.
// Line numbers are the places in names. The first row of each line is its level
// at the start and no edge. It refuses the whole on the first line that is
// anything else, goes back in time or repeats a level, and names that line.
func ReadEdges(from io.Reader, names ...string) ([]drivers.Edge, error) {
	lines := bufio.NewScanner(from)
	levels := make(map[int]string)
	var edges []drivers.Edge
	var last time.Duration
	header := false
	for number := 1; lines.Scan(); number++ {
		text := lines.Text()
		switch {
		case !header && strings.HasPrefix(text, "#"):
			continue
		case !header && text == edgesHeader:
			header = true
			continue
		case !header:
			return nil, fmt.Errorf("line %d: got %q, want %q", number, text, edgesHeader)
		}
		edge, level, err := parseEdge(text, names)
		before, known := levels[edge.Line]
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", number, err)
		case edge.At < last:
			return nil, fmt.Errorf("line %d: time %s is before %s", number, edge.At, last)
		case known && before == level:
			return nil, fmt.Errorf("line %d: level %s again", number, level)
		}
		last = edge.At
		levels[edge.Line] = level
		if known {
			edge.Seqno = uint32(len(edges) + 1)
			edges = append(edges, edge)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(edges) == 0 {
		return nil, errors.New("no edges")
	}
	return edges, nil
}

func parseEdge(text string, names []string) (edge drivers.Edge, level string, err error) {
	fields := strings.Split(text, ",")
	if len(fields) != 3 || fields[2] != "0" && fields[2] != "1" {
		return edge, "", fmt.Errorf("got %q, want a time, a line and 0 or 1", text)
	}
	at, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil || at < 0 {
		return edge, "", fmt.Errorf("got time %q, want nanoseconds", fields[0])
	}
	for i, name := range names {
		if name == fields[1] {
			return drivers.Edge{Line: i, Rising: fields[2] == "1", At: time.Duration(at)}, fields[2], nil
		}
	}
	return edge, "", fmt.Errorf("got line %q, want one of %q", fields[1], names)
}

// openEdges is one request of lines.
type openEdges struct{ edges *Edges }

// state is what a call may go on with; e.mu is held.
func (o *openEdges) state() error {
	switch {
	case !o.edges.opened:
		return os.ErrClosed
	case o.edges.unplugged:
		return errGone
	}
	return o.edges.fail
}

func (o *openEdges) Next(into []drivers.Edge, timeout time.Duration) (int, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		n, arrived, err := o.take(into)
		if n > 0 || err != nil {
			return n, err
		}
		select {
		case <-arrived:
		case <-timer.C:
			n, _, err := o.take(into)
			return n, err
		}
	}
}

func (o *openEdges) take(into []drivers.Edge) (int, <-chan struct{}, error) {
	e := o.edges
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := o.state(); err != nil {
		return 0, nil, err
	}
	n := copy(into, e.waiting)
	e.waiting = e.waiting[n:]
	return n, e.arrived, nil
}

func (o *openEdges) Levels() ([]gpio.Level, error) {
	e := o.edges
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := o.state(); err != nil {
		return nil, err
	}
	return append([]gpio.Level(nil), e.levels...), nil
}

func (o *openEdges) Close() error {
	o.edges.mu.Lock()
	defer o.edges.mu.Unlock()
	o.edges.opened = false
	return nil
}
