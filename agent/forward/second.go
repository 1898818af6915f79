package forward

import (
	"context"
	"errors"
	"log/slog"
	"sync"
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
		if carried && time.Since(since) > w.f.options.StableAfter {
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
