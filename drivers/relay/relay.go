package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

var (
	// ErrNotRunning is the answer of On outside of Run: nobody would switch the
	// relay off again.
	ErrNotRunning = errors.New("relay is not running")
	// ErrCutOff is the answer of On to a relay that was on for as long as it may
	// be, until Off is called.
	ErrCutOff = errors.New("relay was on for as long as it may be; it must be switched off first")
)

// Output is the line. Set may block for seconds.
type Output interface {
	Set(on bool) error
}

// Options are a relay's settings. Zero values take the defaults named here.
type Options struct {
	// Longest is the longest time the relay stays on; 0 is without limit.
	Longest time.Duration
	// Refresh is how often the wanted state is set anew, 10 s by default.
	Refresh time.Duration
	// Retry is how soon after an error, 1 s by default.
	Retry time.Duration
}

// Relay is one relay. It is safe for concurrent use.
type Relay struct {
	out     Output
	opts    Options
	changed chan struct{} // room for one: Run has something to look at

	// mu guards everything that follows, and keeps settings in order: it is held
	// during Set.
	mu      sync.Mutex
	running bool
	on      bool      // what is wanted
	since   time.Time // on since
	cut     bool      // switched off by Longest, and Off was not called since
	err     error     // of the last Set
}

// New is a relay on out. Nothing is set before Run.
func New(out Output, opts Options) *Relay {
	if opts.Refresh <= 0 {
		opts.Refresh = 10 * time.Second
	}
	if opts.Retry <= 0 {
		opts.Retry = time.Second
	}
	return &Relay{out: out, opts: opts, changed: make(chan struct{}, 1)}
}

// On switches the relay on. With another error than ErrNotRunning and ErrCutOff
// the relay is wanted on all the same, and Run goes on trying. On while it is on
// sets it again and does not prolong its time.
func (r *Relay) On() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !r.running:
		return fmt.Errorf("switch relay on: %w", ErrNotRunning)
	case r.cut:
		return fmt.Errorf("switch relay on: %w", ErrCutOff)
	case !r.on:
		r.on, r.since = true, time.Now()
	}
	return r.set()
}

// Off switches the relay off. After an error Run goes on trying.
func (r *Relay) Off() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on, r.cut = false, false
	return r.set()
}

// Close switches the relay off for good: Run, if it runs, ends without an error,
// and On is refused.
func (r *Relay) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running, r.on = false, false
	return r.set()
}

// Wanted is the state the relay should have, and the error of the last setting:
// nil where it should have it.
func (r *Relay) Wanted() (on bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.on, r.err
}

// Run switches the relay off, keeps it as it is wanted until ctx ends or the
// relay is closed, and switches it off. It is called once at a time. The error
// is that of the last setting; an output that fails does not end it.
func (r *Relay) Run(ctx context.Context) error {
	r.mu.Lock()
	r.running, r.on, r.cut = true, false, false
	_ = r.set() // tried again below
	r.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		next, running := r.next()
		if !running {
			_, err := r.Wanted()
			return err
		}
		timer.Reset(next)
		select {
		case <-ctx.Done():
			return r.Close()
		case <-r.changed:
		case <-timer.C:
			r.refresh()
		}
	}
}

// set sets what is wanted; mu is held.
func (r *Relay) set() error {
	r.err = r.out.Set(r.on)
	select {
	case r.changed <- struct{}{}:
	default: // Run will look anyway
	}
	if r.err != nil {
		return fmt.Errorf("switch relay %s: %w", word(r.on), r.err)
	}
	return nil
}

// next is how long Run may leave the relay alone.
func (r *Relay) next() (wait time.Duration, running bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	wait = r.opts.Refresh
	if r.err != nil {
		wait = r.opts.Retry
	}
	if r.on && r.opts.Longest > 0 {
		wait = min(wait, r.opts.Longest-time.Since(r.since))
	}
	return max(wait, 0), r.running
}

// refresh sets what is wanted, after a look at how long it was.
func (r *Relay) refresh() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.running {
		return
	}
	if r.on && r.opts.Longest > 0 && time.Since(r.since) >= r.opts.Longest {
		r.on, r.cut = false, true
	}
	_ = r.set() // Wanted tells, and Run tries again
}

func word(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
