package forward

import (
	"fmt"
	"sync"
	"time"
)

// stallAfter is when a loop that should have moved counts as stalled. The longest
// orderly turn is a batch of the default 16 messages that a slow broker confirms
// one by one, each within its 20 s: over five minutes.
const stallAfter = 10 * time.Minute

// connecting names the loop that dials and waits; the others are the lanes.
const connecting = "connecting"

// loop is one goroutine that has to come round again and again.
type loop struct {
	name   string
	second bool // of the second way
}

// progress is by when each loop means to have moved. The zero value is ready.
type progress struct {
	mu  sync.Mutex
	due map[loop]time.Time
}

// moved says that a loop is alive, and comes round again after a wait of at most
// that long.
func (p *progress) moved(l loop, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.due == nil {
		p.due = map[loop]time.Time{}
	}
	p.due[l] = time.Now().Add(wait)
}

// rests says that a loop has ended, or waits for what has limits of its own.
func (p *progress) rests(l loop) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.due, l)
}

// Stalled is nil while every loop of the Forwarder comes round, with a connection
// or without: an absent platform, a refusal and a slow one are no stall. It may
// be called at any time and changes nothing.
func (f *Forwarder) Stalled() error {
	f.progress.mu.Lock()
	defer f.progress.mu.Unlock()
	for l, due := range f.progress.due {
		if late := time.Since(due); late > stallAfter {
			return fmt.Errorf("forwarding to %s: %s has not moved for %v", f.options.Platform, l.name, late.Round(time.Second))
		}
	}
	return nil
}
