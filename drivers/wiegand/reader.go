package wiegand

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
	// DefaultGap lies above the longest bit period a reader can be set to, 20 ms,
	// and far below the pause between two cards.
	DefaultGap = 30 * time.Millisecond
	MinGap     = 5 * time.Millisecond
	MaxGap     = 250 * time.Millisecond

	DefaultEntry = 5 * time.Second
	MinEntry     = time.Second
	MaxEntry     = time.Minute

	// MaxRepeat bounds how long the same card can be taken for one presentation.
	MaxRepeat = time.Minute

	DefaultPoll = time.Second
	MinPoll     = 100 * time.Millisecond
	MaxPoll     = 5 * time.Second
)

const (
	// calm is how long a reader must make no mistake to be trusted again.
	calm = time.Minute
	// stuckAfter is how long a line must rest low, without an edge, to be stuck:
	// 37 bits at the longest period, 20 ms, take 740 ms.
	stuckAfter = time.Second
	// swappedRow is how many frames in a row must be complements once cards have
	// been read: before that, one is enough.
	swappedRow = 3
	// longestCode is how many keys a code may have.
	longestCode = 16
)

// Edges are the two data lines, D0 first, set up for falling edges.
type Edges interface {
	// Watch calls emit for each edge, in order, and with Line -1 when none came
	// for a while (some ten to 100 ms), until ctx ends or the lines fail.
	Watch(ctx context.Context, emit func(drivers.Edge)) error
	// Levels are the levels of the lines now. Watch's emit may call it.
	Levels(ctx context.Context) ([]gpio.Level, error)
}

// Opts describe the reader. Zero values take the defaults.
type Opts struct {
	// Formats is what the reader may send; it has no default.
	Formats Formats
	// Reversed says that the reader sends the UID of a 34-bit frame with its
	// last byte first.
	Reversed bool
	// Gap is the silence that ends a frame.
	Gap time.Duration
	// Repeat folds the same card, read again within that time since it was last
	// read, into one presentation. 0, the default, folds nothing: whether a card
	// was held or shown twice is not the driver's to guess.
	Repeat time.Duration
	// Entry is how long a keypad may be silent before the code typed so far is
	// taken as it is.
	Entry time.Duration
	// Poll is how often a reader is told of that has nothing to say.
	Poll time.Duration
}

// Reader is a card reader or keypad. Sample and Watch may run at the same time,
// but each in one goroutine only.
type Reader struct {
	edges Edges
	opts  Opts

	// mu guards everything that follows.
	mu      sync.Mutex
	read    int64 // cards and codes
	refused int64 // frames and codes
	trouble drivers.Reason
	length  int  // bits of the last refused frame
	stuck   bool // a line rests low
}

var (
	_ drivers.Sampler = (*Reader)(nil)
	_ drivers.Watcher = (*Reader)(nil)
)

// New checks the description of a reader. It does not touch the lines.
func New(edges Edges, opts Opts) (*Reader, error) {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{{&opts.Gap, DefaultGap}, {&opts.Entry, DefaultEntry}, {&opts.Poll, DefaultPoll}} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	err := opts.Formats.check()
	switch {
	case edges == nil:
		err = errors.New("no lines given")
	case err != nil:
	case opts.Gap < MinGap || opts.Gap > MaxGap:
		err = fmt.Errorf("gap %s: want %s to %s", opts.Gap, MinGap, MaxGap)
	case opts.Repeat < 0 || opts.Repeat > MaxRepeat:
		err = fmt.Errorf("repeat %s: want 0 to %s", opts.Repeat, MaxRepeat)
	case opts.Entry < MinEntry || opts.Entry > MaxEntry:
		err = fmt.Errorf("entry %s: want %s to %s", opts.Entry, MinEntry, MaxEntry)
	case opts.Poll < MinPoll || opts.Poll > MaxPoll:
		err = fmt.Errorf("poll %s: want %s to %s", opts.Poll, MinPoll, MaxPoll)
	}
	if err != nil {
		return nil, drivers.Because(drivers.BadWiring, fmt.Errorf("set up wiegand reader: %w", err))
	}
	return &Reader{edges: edges, opts: opts}, nil
}

// Quantities are Card and Misread.
func (r *Reader) Quantities() []drivers.Quantity {
	return []drivers.Quantity{drivers.Card, drivers.Misread}
}

// Sample returns the counts and looks at the lines; the counts stand still
// unless Watch runs. Errors are those of the lines.
func (r *Reader) Sample(ctx context.Context) ([]drivers.Reading, error) {
	low := [2]bool{true, true}
	// A line that is low may be in the middle of a pulse: look three times.
	for look := range 3 {
		if look > 0 {
			if err := drivers.Sleep(ctx, 5*time.Millisecond); err != nil {
				return nil, fmt.Errorf("sample wiegand reader: %w", err)
			}
		}
		now, err := r.levels(ctx)
		if err != nil {
			return nil, fmt.Errorf("sample wiegand reader: %w", err)
		}
		low[0], low[1] = low[0] && now[0], low[1] && now[1]
		if !low[0] && !low[1] {
			break
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stuck = low[0] || low[1]
	card, misread := r.readings()
	return []drivers.Reading{card, misread}, nil
}

// levels says which of the two lines is low.
func (r *Reader) levels(ctx context.Context) (low [2]bool, err error) {
	levels, err := r.edges.Levels(ctx)
	switch {
	case err != nil:
		return low, drivers.Because(drivers.BusDown, fmt.Errorf("read lines: %w", err))
	case len(levels) != 2:
		return low, drivers.Because(drivers.BadWiring, fmt.Errorf("read lines: got %d levels, want 2", len(levels)))
	}
	return [2]bool{levels[0] == gpio.Low, levels[1] == gpio.Low}, nil
}

// readings are the two counts with what is wrong; r.mu is held.
func (r *Reader) readings() (card, misread drivers.Reading) {
	misread = drivers.NewGood(drivers.Misread, drivers.Int(r.refused), drivers.Count)
	switch {
	case r.stuck:
		card = drivers.NewFault(drivers.Card, drivers.LineStuck)
	case r.trouble != "":
		card = drivers.NewUncertain(drivers.Card, drivers.Int(r.read), drivers.Count, r.trouble)
	default:
		card = drivers.NewGood(drivers.Card, drivers.Int(r.read), drivers.Count)
	}
	if r.trouble != "" && r.length > 0 {
		bits := drivers.Int(int64(r.length))
		card = card.WithRaw(bits, drivers.Count)
		misread = misread.WithRaw(bits, drivers.Count)
	}
	return card, misread
}
