package contact

import (
	"context"
	"errors"
	"fmt"
	"time"

	"watchpost/drivers"
)

const (
	// longestWait bounds one wait for an edge, and so how late the end of the
	// context is noticed: a line cannot be relied on to be woken.
	longestWait = 500 * time.Millisecond
	// A wait that ends without an edge before tooEarly, and before half its
	// time, did not wait. So many of them in a row mean a dead line.
	tooEarly      = 50 * time.Millisecond
	deadLineWaits = 3
	// mostEdges bounds the edges of one restless time, whatever the clock says:
	// a line that reports edges without end must not spin.
	mostEdges = 10_000
)

// Watch emits the first stable state, then each stable state that differs from
// the one before as soon as it is one, and the same state again after each look,
// at least every Poll: a contact that says nothing is a contact nobody sees. It
// ends within 500 ms of ctx's end, with ctx's error.
// Other errors have a reason: that of the line, or BusDown, when the line fails
// or no longer waits; BadWiring when the contact does not come to rest within
// the longer of one second and four times Debounce. Each call starts from an
// unknown state.
func (c *Contact) Watch(ctx context.Context, emit func(drivers.Reading)) error {
	defer c.confirm(unknown)
	w := watch{contact: c}
	return fmt.Errorf("watch %s contact: %w", c.opts.Quantity, w.run(ctx, emit))
}

// watch is one run of Watch.
type watch struct {
	contact *Contact
	early   int // waits in a row that ended too early
}

// run ends with an error only.
func (w *watch) run(ctx context.Context, emit func(drivers.Reading)) error {
	last := unknown
	for {
		stable, err := w.settle(ctx)
		if err != nil {
			return err
		}
		if stable != last {
			last = stable
			w.contact.confirm(stable)
		}
		emit(w.contact.reading(stable))
		if err := w.rest(ctx, stable, emit); err != nil {
			return err
		}
	}
}

// settle returns the state that held for Debounce, without an edge and with
// every look the same.
func (w *watch) settle(ctx context.Context) (state, error) {
	c := w.contact
	seen, err := c.level(ctx)
	if err != nil {
		return unknown, err
	}
	start := time.Now()
	since := start
	edges := 0
	for {
		left := c.opts.Debounce - time.Since(since)
		if left <= 0 {
			return seen, nil
		}
		if time.Since(start) >= c.patience() || edges >= mostEdges {
			return unknown, errRestless(c.patience())
		}
		edge, err := w.wait(ctx, min(c.slice(), left))
		if err != nil {
			return unknown, err
		}
		now, err := c.level(ctx)
		if err != nil {
			return unknown, err
		}
		if edge || now != seen {
			seen, since = now, time.Now()
			edges++
		}
	}
}

// rest returns when the contact may have left the state it was in: after an
// edge, or when a look every Poll finds another one. A look that finds the same
// state is told.
func (w *watch) rest(ctx context.Context, was state, emit func(drivers.Reading)) error {
	c := w.contact
	looked := time.Now()
	for {
		edge, err := w.wait(ctx, min(longestWait, c.opts.Poll-time.Since(looked)))
		if err != nil || edge {
			return err
		}
		if time.Since(looked) < c.opts.Poll {
			continue
		}
		now, err := c.level(ctx)
		if err != nil || now != was {
			return err
		}
		looked = time.Now()
		emit(c.reading(now))
	}
}

// wait waits for an edge for a positive time, and finds out a line that does
// not wait.
func (w *watch) wait(ctx context.Context, timeout time.Duration) (edge bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	timeout = min(max(timeout, minDebounce), longestWait)
	start := time.Now()
	edge, err = w.contact.line.WaitForEdge(timeout)
	if err != nil {
		return false, drivers.Because(drivers.BusDown, fmt.Errorf("wait for edge: %w", err))
	}
	took := time.Since(start)
	if edge || took >= min(tooEarly, timeout/2) {
		w.early = 0
		return edge, nil
	}
	w.early++
	if w.early >= deadLineWaits {
		return false, drivers.Because(drivers.BusDown,
			errors.New("line no longer waits for edges: its GPIO chip may be gone"))
	}
	return false, nil
}
