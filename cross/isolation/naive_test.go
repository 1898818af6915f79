package isolation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"watchpost/agent/sense"
	"watchpost/drivers"
)

// flaws are the ways in which the small supervisor below is wrong. It knows
// polled sensors only.
type flaws struct {
	sharedLock  bool // every call under one lock
	noDeadline  bool // calls are waited for until they come back
	startInTurn bool // each sensor is asked once before the next one starts
	askOnTop    bool // a stuck call does not keep the next one from being made
}

// answer is what one call gave.
type answer struct {
	readings []drivers.Reading
	err      error
}

// naive is one run of the small supervisor.
type naive struct {
	flaws
	lock chan struct{} // room for one; a bubble's time stands still at a sync.Mutex
	sink func(string, drivers.Reading)
}

func (f flaws) supervise(ctx context.Context, sensors []sense.Sensor, sink func(string, drivers.Reading)) {
	n := &naive{flaws: f, lock: make(chan struct{}, 1), sink: sink}
	var all sync.WaitGroup
	// The last sensor started is the one that would have waited for all others.
	for i := len(sensors) - 1; i >= 0; i-- {
		if n.startInTurn {
			n.tell(sensors[i], n.await(ctx, n.ask(ctx, sensors[i])))
		}
		all.Go(func() { n.poll(ctx, sensors[i]) })
	}
	all.Wait()
}

// poll asks a sensor every period.
func (n *naive) poll(ctx context.Context, s sense.Sensor) {
	var pending chan answer
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		next := time.Now().Add(s.Every)
		if pending == nil || n.askOnTop {
			pending = n.ask(ctx, s)
		}
		a := n.await(ctx, pending)
		if !errors.Is(a.err, errLate) {
			pending = nil
		}
		n.tell(s, a)
		timer.Reset(max(0, time.Until(next)))
	}
}

// ask makes one call.
func (n *naive) ask(ctx context.Context, s sense.Sensor) chan answer {
	done := make(chan answer, 1)
	go func() {
		if n.sharedLock {
			n.lock <- struct{}{}
			defer func() { <-n.lock }()
		}
		defer func() {
			if p := recover(); p != nil {
				done <- answer{err: fmt.Errorf("panicked: %v", p)}
			}
		}()
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		readings, err := s.Sampler.Sample(ctx)
		done <- answer{readings, err}
	}()
	return done
}

var errLate = drivers.Because(drivers.Stuck, errors.New("late"))

func (n *naive) await(ctx context.Context, pending chan answer) answer {
	limit := time.NewTimer(2500 * time.Millisecond)
	defer limit.Stop()
	late := limit.C
	if n.noDeadline {
		late = nil
	}
	select {
	case a := <-pending:
		return a
	case <-late:
		return answer{err: errLate}
	case <-ctx.Done():
		return answer{err: ctx.Err()}
	}
}

func (n *naive) tell(s sense.Sensor, a answer) {
	if a.err != nil {
		a.readings = []drivers.Reading{drivers.NewFault(drivers.Level, drivers.ReasonOf(a.err))}
	}
	for _, r := range a.readings {
		n.sink(s.ID, r)
	}
}
