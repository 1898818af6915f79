package door

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
)

// Lines are the contact and the signals, in one request to the kernel.
type Lines interface {
	// Watch calls emit for each edge in the order of the kernel, until ctx ends or
	// the lines fail. An edge of line -1 is none.
	Watch(ctx context.Context, emit func(drivers.Edge)) error
	// Levels are the levels of all lines now. It may be called while Watch runs.
	Levels(ctx context.Context) ([]gpio.Level, error)
}

// Door is a door. Sample and Watch may run at the same time, but each in one
// goroutine only.
type Door struct {
	lines Lines
	opts  Opts
	low   []bool // lines that are active when low

	mu    sync.Mutex
	known []drivers.Reading // what Watch knows; empty while it knows nothing
}

var (
	_ drivers.Sampler = (*Door)(nil)
	_ drivers.Watcher = (*Door)(nil)
)

// New checks the description of a door. It does not touch the lines.
func New(lines Lines, opts Opts) (*Door, error) {
	opts, err := opts.withDefaults()
	if err == nil && lines == nil {
		err = errors.New("no lines given")
	}
	if err != nil {
		return nil, drivers.Because(drivers.BadWiring, fmt.Errorf("set up door: %w", err))
	}
	return &Door{lines: lines, opts: opts, low: opts.activeLow()}, nil
}

// Quantities is Door, DoorForced where it is judged, and DoorHeld.
func (d *Door) Quantities() []drivers.Quantity { return d.opts.Quantities() }

// Sample returns what a running Watch knows. Otherwise it looks at the contact
// until that held for Debounce and says what Watch says of the first state: open
// or closed, and neither forced nor held, which takes watching. Its errors are
// those of Watch.
func (d *Door) Sample(ctx context.Context) ([]drivers.Reading, error) {
	d.mu.Lock()
	known := append([]drivers.Reading(nil), d.known...)
	d.mu.Unlock()
	if len(known) > 0 {
		return known, nil
	}
	is, err := d.sample(ctx)
	if err != nil {
		return nil, fmt.Errorf("sample door: %w", err)
	}
	return d.readings(is, false, false), nil
}

// readings are those of Quantities, in their order.
func (d *Door) readings(isOpen, forced, held bool) []drivers.Reading {
	all := []drivers.Reading{drivers.NewContact(drivers.Door, isOpen)}
	if d.opts.Judged() {
		all = append(all, drivers.NewContact(drivers.DoorForced, forced))
	}
	return append(all, drivers.NewContact(drivers.DoorHeld, held))
}

func (d *Door) sample(ctx context.Context) (isOpen bool, err error) {
	start := time.Now()
	since := start
	first := true
	for {
		levels, err := d.levels(ctx)
		switch {
		case err != nil:
			return false, err
		case first || levels[0] != isOpen:
			isOpen, since, first = levels[0], time.Now(), false
		}
		left := d.opts.Debounce - time.Since(since)
		if left <= 0 {
			return isOpen, nil
		}
		if time.Since(start) >= d.patience() {
			return false, d.restless()
		}
		timer := time.NewTimer(min(left, max(d.opts.Debounce/5, time.Millisecond)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false, ctx.Err()
		}
	}
}

// levels tells which lines are active.
func (d *Door) levels(ctx context.Context) ([]bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	levels, err := d.lines.Levels(ctx)
	if err == nil && len(levels) != len(d.low) {
		err = fmt.Errorf("%d levels of %d lines", len(levels), len(d.low))
	}
	if err != nil {
		return nil, drivers.Because(drivers.BusDown, fmt.Errorf("read lines: %w", err))
	}
	active := make([]bool, len(levels))
	for i, l := range levels {
		active[i] = (l == gpio.Low) == d.low[i]
	}
	return active, nil
}

// patience is how long the contact may take to come to rest.
func (d *Door) patience() time.Duration { return max(time.Second, 4*d.opts.Debounce) }

func (d *Door) restless() error {
	return drivers.Because(drivers.BadWiring,
		fmt.Errorf("contact does not come to rest within %s: loose wire or interference", d.patience()))
}

func (d *Door) tell(known []drivers.Reading) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known = known
}
