package forward

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"watchpost/agent/link"
	"watchpost/buffer"
)

// second is the way that carries the lanes while the first cannot. It runs
// beside the attempts on the first way, and has ended before the first way's
// lanes begin: one sender at a time moves the cursor.
//
// Its window is not handed over. What it had in flight gets the goodbye's time
// to be confirmed, and what is not is sent again by the first way: twice,
// perhaps, but each way sends a lane in order from the last confirmed record, so
// that what arrives first of each record arrives in order.
//
// The methods may be called on nil, which is no second way.
type second struct {
	f      *Forwarder
	since  time.Time // the first way has carried nothing since
	cancel context.CancelFunc
	all    sync.WaitGroup

	// most is how many records a message may have, per lane; 0: as many as fit.
	most [3]atomic.Int64
}

// begin says that the first way got through until now.
func (w *second) begin() {
	if w != nil {
		w.since = time.Now()
	}
}

// start begins the wait for the second way's turn; it does nothing when that is
// under way.
func (w *second) start(ctx context.Context) {
	if w == nil || w.cancel != nil {
		return
	}
	for lane := range w.most { // it may take more by now
		w.most[lane].Store(0)
	}
	ctx, w.cancel = context.WithCancel(ctx)
	due := w.since.Add(w.f.options.SecondAfter)
	w.all.Go(func() { w.run(ctx, due) })
}

// stop ends the second way and waits until it has ended.
func (w *second) stop() {
	if w == nil || w.cancel == nil {
		return
	}
	w.cancel()
	w.all.Wait()
	w.cancel = nil
	w.f.change(func(s *State) { s.Second, s.SecondError = false, "" })
}

// run waits for its turn, then connects and sends until ctx ends.
func (w *second) run(ctx context.Context, due time.Time) {
	if !pause(ctx, time.Until(due)) {
		return
	}
	w.f.log.Info("second way taken", "first_silent_for", w.f.options.SecondAfter)
	for attempts := 1; ; attempts++ {
		since := time.Now()
		carried, err := w.attempt(ctx)
		if ctx.Err() != nil || errors.Is(err, buffer.ErrClosed) { // the first way meets it too
			return
		}
		if carried && time.Since(since) > w.f.options.StableAfter || errors.Is(err, errHalved) {
			attempts = 1
		}
		wait := w.f.wait(err, attempts)
		was := w.f.now()
		w.f.change(func(s *State) { s.Second, s.SecondError = false, err.Error() })
		level := slog.LevelDebug
		if was.Second || was.SecondError != err.Error() {
			level = slog.LevelWarn
		}
		w.f.log.Log(ctx, level, "second way down", "error", err, "attempts", attempts, "next_try_in", wait.Round(time.Millisecond))
		if !pause(ctx, wait) {
			return
		}
	}
}

// errHalved is that the next message will be of half as many records.
var errHalved = errors.New("it is sent again in halves")

// halve is for a message of so many records that was too large for the far side.
// One record cannot be parted: it stays, and what follows in its lane, until the
// far side takes it or the first way is back.
func (w *second) halve(lane buffer.Lane, records int, err error) error {
	if records < 2 {
		return fmt.Errorf("%w; it is a single record, and stays here until the platform takes it or the first way is back", err)
	}
	w.most[lane].Store(int64(records / 2))
	return fmt.Errorf("%w; %w", err, errHalved)
}

// share is what of the entries may go into one message.
func (w *second) share(lane buffer.Lane, entries []buffer.Entry) []buffer.Entry {
	if most := int(w.most[lane].Load()); most > 0 && most < len(entries) {
		return entries[:most]
	}
	return entries
}

// attempt is one link of the second way from its making to its end. carried says
// that a message was confirmed over it.
func (w *second) attempt(ctx context.Context) (carried bool, err error) {
	s := newSession(w.f)
	s.second = true
	if s.link, err = w.f.options.Second.Dial(ctx, link.Opening{}); err != nil {
		return false, err
	}
	err = s.serve(ctx)
	return s.carried.Load(), err
}

// carriedOne notes that the far side confirmed a message of a lane.
func (s *session) carriedOne() {
	if s.carried.Swap(true) || !s.second {
		return
	}
	s.f.log.Info("second way carries")
	s.f.change(func(st *State) { st.Second, st.SecondError = true, "" })
}
