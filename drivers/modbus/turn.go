package modbus

import (
	"context"
	"sync"
)

// rank orders those who wait for the line: a lower one goes first.
type rank int

const (
	answering rank = iota // answered last time
	unasked               // never asked: whoever lives is to be found soon
	unknown               // missed an answer or two
	silent                // missed several in a row
	ranks
)

// fairness is how often units that answer may go before one that does not and
// that waits longer. Without it a line that is busy all the time would never
// find out that a dead unit came back.
const fairness = 8

// turns lets one at a time onto the line: the best rank first, within a rank
// in the order of asking. The zero value is ready.
type turns struct {
	// mu guards everything that follows.
	mu       sync.Mutex
	busy     bool
	waiting  [ranks][]chan struct{}
	overtook int // turns since one of those that had to stand back was let on
}

// take waits for the line until ctx ends.
func (t *turns) take(ctx context.Context, r rank) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.mu.Lock()
	if !t.busy {
		t.busy = true
		t.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	t.waiting[r] = append(t.waiting[r], turn)
	t.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	if !t.leave(r, turn) {
		t.give() // the turn came in the same instant
	}
	return ctx.Err()
}

// leave takes one out of the queue; false when it is not there any more.
func (t *turns) leave(r rank, turn chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, w := range t.waiting[r] {
		if w == turn {
			t.waiting[r] = append(t.waiting[r][:i], t.waiting[r][i+1:]...)
			return true
		}
	}
	return false
}

// give hands the line on.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	best, last := ranks, ranks
	for r, queue := range t.waiting {
		if len(queue) == 0 {
			continue
		}
		if best == ranks {
			best = rank(r)
		}
		last = rank(r)
	}
	switch {
	case best == ranks:
		t.busy, t.overtook = false, 0
		return
	case best == last:
		t.overtook = 0
	case t.overtook >= fairness:
		best, t.overtook = last, 0
	default:
		t.overtook++
	}
	close(t.waiting[best][0])
	t.waiting[best] = t.waiting[best][1:]
}
