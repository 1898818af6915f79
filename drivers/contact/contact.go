package contact

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
)

// Defaults and limits of Opts.
const (
	DefaultDebounce = 50 * time.Millisecond
	// MaxSmokeDebounce bounds how long a smoke alarm may be held back.
	MaxSmokeDebounce = time.Second
	// MaxDebounce bounds the debounce of other contacts.
	MaxDebounce = 5 * time.Second
	minDebounce = time.Millisecond

	DefaultPoll = time.Second
	MinPoll     = time.Second
	MaxPoll     = 5 * time.Second
)

// Line is one GPIO input, already set up with its pull and for both edges. Level
// may be called while WaitForEdge waits.
type Line interface {
	// Level is the level now. On an error the level means nothing.
	Level() (gpio.Level, error)
	// WaitForEdge waits for an edge, for a positive timeout at most. false
	// without an error says that the timeout passed.
	WaitForEdge(timeout time.Duration) (edge bool, err error)
}

// Opts describe the contact.
type Opts struct {
	// Quantity is what the contact says: drivers.Smoke or drivers.Door.
	Quantity drivers.Quantity
	// ActiveLow makes the low level the active state: smoke, or door open.
	ActiveLow bool
	// Debounce is how long a state must hold; 0 means DefaultDebounce.
	Debounce time.Duration
	// Poll is how often the level is read without an edge; 0 means DefaultPoll.
	Poll time.Duration
}

// Contact is a contact on a line. Sample and Watch may run at the same time, but
// each in one goroutine only.
type Contact struct {
	line Line
	opts Opts

	mu    sync.Mutex
	known state // what Watch confirmed last; unknown while it is not running
}

// state of a contact; the zero value is the one before the first stable read.
type state uint8

const (
	unknown state = iota
	atRest
	active
)

var (
	_ drivers.Sampler = (*Contact)(nil)
	_ drivers.Watcher = (*Contact)(nil)
)

// New checks the description of a contact. It does not touch the line.
func New(line Line, opts Opts) (*Contact, error) {
	if opts.Debounce == 0 {
		opts.Debounce = DefaultDebounce
	}
	if opts.Poll == 0 {
		opts.Poll = DefaultPoll
	}
	longest := MaxDebounce
	if opts.Quantity == drivers.Smoke {
		longest = MaxSmokeDebounce
	}
	var err error
	switch {
	case line == nil:
		err = errors.New("no line given")
	case !opts.Quantity.Contact():
		err = fmt.Errorf("quantity %q: want %s or %s", opts.Quantity, drivers.Smoke, drivers.Door)
	case opts.Debounce < minDebounce || opts.Debounce > longest:
		err = fmt.Errorf("debounce %s of %s: want %s to %s", opts.Debounce, opts.Quantity, minDebounce, longest)
	case opts.Poll < MinPoll || opts.Poll > MaxPoll:
		err = fmt.Errorf("poll %s: want %s to %s", opts.Poll, MinPoll, MaxPoll)
	}
	if err != nil {
		return nil, drivers.Because(drivers.BadWiring, fmt.Errorf("set up contact: %w", err))
	}
	return &Contact{line: line, opts: opts}, nil
}

// Quantities is the one quantity reported.
func (c *Contact) Quantities() []drivers.Quantity { return []drivers.Quantity{c.opts.Quantity} }

// Sample returns the state of the contact now. If that is not what a running
// Watch confirmed last, it looks again until the state held for Debounce, so
// that a bounce between two samples is no event. It fails as Watch does.
func (c *Contact) Sample(ctx context.Context) ([]drivers.Reading, error) {
	s, err := c.sample(ctx)
	if err != nil {
		return nil, fmt.Errorf("sample %s contact: %w", c.opts.Quantity, err)
	}
	return []drivers.Reading{c.reading(s)}, nil
}

func (c *Contact) sample(ctx context.Context) (state, error) {
	seen, err := c.level(ctx)
	if err != nil || seen == c.confirmed() {
		return seen, err
	}
	start := time.Now()
	since := start
	for time.Since(since) < c.opts.Debounce {
		if time.Since(start) >= c.patience() {
			return unknown, errRestless(c.patience())
		}
		if err := drivers.Sleep(ctx, min(c.slice(), c.opts.Debounce-time.Since(since))); err != nil {
			return unknown, err
		}
		now, err := c.level(ctx)
		if err != nil {
			return unknown, err
		}
		if now != seen {
			seen, since = now, time.Now()
		}
	}
	return seen, nil
}

// level reads the line as a state; what went wrong has a reason.
func (c *Contact) level(ctx context.Context) (state, error) {
	if err := ctx.Err(); err != nil {
		return unknown, err
	}
	l, err := c.line.Level()
	if err != nil {
		return unknown, drivers.Because(drivers.BusDown, fmt.Errorf("read line: %w", err))
	}
	if (l == gpio.Low) == c.opts.ActiveLow {
		return active, nil
	}
	return atRest, nil
}

// reading is the contact's state, with the line's level as its raw value: 1
// high, 0 low.
func (c *Contact) reading(s state) drivers.Reading {
	high := int64(0)
	if (s == active) != c.opts.ActiveLow {
		high = 1
	}
	return drivers.NewContact(c.opts.Quantity, s == active).WithRaw(drivers.Int(high), drivers.Switch)
}

func (c *Contact) confirmed() state {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known
}

func (c *Contact) confirm(s state) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = s
}

// slice is the pause between looks at a state that is being confirmed.
func (c *Contact) slice() time.Duration { return max(c.opts.Debounce/5, minDebounce) }

// patience is how long a contact may take to come to rest.
func (c *Contact) patience() time.Duration { return max(time.Second, 4*c.opts.Debounce) }

func errRestless(after time.Duration) error {
	return drivers.Because(drivers.BadWiring,
		fmt.Errorf("contact does not come to rest within %s: loose wire or interference", after))
}
