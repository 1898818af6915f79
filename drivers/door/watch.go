package door

import (
	"context"
	"errors"
	"fmt"
	"time"

	"watchpost/drivers"
)

// waiting is how many edges may wait for the judge before the lines do.
const waiting = 64

// Watch emits all quantities at the first stable state of the contact and after
// each look every Poll, and each of them that changes as soon as it does. It ends
// with ctx's error. Other errors have a reason: that of the lines, or BusDown,
// when they fail; BadWiring when the contact does not come to rest within the
// longer of one second and four times Debounce. Each call starts from an unknown
// state.
func (d *Door) Watch(ctx context.Context, emit func(drivers.Reading)) error {
	defer d.tell(nil)
	ctx, cancel := context.WithCancel(ctx)
	edges := make(chan drivers.Edge, waiting)
	ended := make(chan error, 1)
	go func() {
		ended <- d.lines.Watch(ctx, func(e drivers.Edge) {
			select {
			case edges <- e:
			case <-ctx.Done():
			}
		})
	}()
	w := &watch{door: d, judge: newJudge(d.opts), emit: emit, start: time.Now()}
	err := w.run(ctx, edges, ended)
	cancel()
	if !w.ended {
		if late := <-ended; err == nil { // as a rule what ended the watch is told already
			err = late
		}
	}
	return fmt.Errorf("watch door: %w", err)
}

// watch is one run of Watch.
type watch struct {
	door  *Door
	judge *judge
	emit  func(drivers.Reading)
	start time.Time
	ended bool // the lines came back

	// behind is the kernel's clock at start, as far as the edges tell: the least
	// delayed edge knows best, so now() is never ahead of the kernel.
	behind time.Duration
	synced bool

	polled time.Time
	told   []drivers.Reading
}

// now is the kernel's clock.
func (w *watch) now() time.Duration { return time.Since(w.start) + w.behind }

// run ends with an error only.
func (w *watch) run(ctx context.Context, edges <-chan drivers.Edge, ended <-chan error) error {
	if err := w.look(ctx); err != nil {
		return err
	}
	w.polled = time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(w.wait())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-ended:
			w.ended = true
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err == nil {
				err = errors.New("lines ended without an error")
			}
			return drivers.Because(drivers.BusDown, err)
		case e := <-edges:
			w.take(e)
		case <-timer.C:
		}
		// Whatever woke us, time has its say only after the edges that came.
		for range len(edges) {
			w.take(<-edges)
		}
		if err := w.step(ctx); err != nil {
			return err
		}
	}
}

// take hands an edge to the judge.
func (w *watch) take(e drivers.Edge) {
	if e.Line < 0 || e.Line >= len(w.door.low) {
		return
	}
	if behind := e.At - time.Since(w.start); !w.synced || behind > w.behind {
		if !w.synced {
			w.judge.shift(behind - w.behind)
		}
		w.behind, w.synced = behind, true
	}
	// What the edge led to is what it says, not what the level is by now. Time
	// that passed before the edge comes first.
	w.judge.advance(e.At)
	w.judge.edge(e.Line, e.Rising != w.door.low[e.Line], e.At)
}

// step looks where a look is due and tells what changed.
func (w *watch) step(ctx context.Context) error {
	now := w.now()
	settles, moving := w.judge.settles()
	poll := time.Since(w.polled) >= w.door.opts.Poll
	if poll || moving && now >= settles {
		if err := w.look(ctx); err != nil {
			return err
		}
	}
	if poll {
		w.polled = time.Now()
	}
	w.judge.advance(now)
	if w.judge.restless(now) > w.door.patience() {
		return w.door.restless()
	}
	w.tell(poll)
	return nil
}

func (w *watch) look(ctx context.Context) error {
	active, err := w.door.levels(ctx)
	if err == nil {
		w.judge.look(active, w.now())
	}
	return err
}

// wait is the time to the next look or judgement.
func (w *watch) wait() time.Duration {
	left := time.Until(w.polled.Add(w.door.opts.Poll))
	if next, ok := w.judge.next(); ok {
		left = min(left, next-w.now())
	}
	return max(left, 0)
}

// tell emits what changed, or all.
func (w *watch) tell(all bool) {
	j := w.judge
	if j.stable == unknown {
		return
	}
	first := w.told == nil
	now := w.door.readings(j.stable == open, j.forced, j.held)
	if j.brief {
		w.emit(drivers.NewContact(drivers.DoorForced, true))
		w.emit(drivers.NewContact(drivers.DoorForced, false))
		j.brief = false
	}
	before := w.told
	w.told = now
	w.door.tell(now)
	for i, r := range now {
		if all || first || r != before[i] {
			w.emit(r)
		}
	}
}
