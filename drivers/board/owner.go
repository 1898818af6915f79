package board

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"watchpost/drivers"
)

// queued is how many requests may wait for one device. A gateway has fewer
// sensors than that on a bus; beyond it a caller waits to queue, with its
// deadline running.
const queued = 32

// timeoutsToDown is how many adapter timeouts in a row mark a bus down; see
// standing.
const timeoutsToDown = 3

// missingBackoffMax is the longest wait before a device that could not be opened
// is looked for again. A USB adapter is pulled out and put back by somebody who
// then waits to see it work; and opening a path that is not there costs nothing,
// unlike asking a stuck bus.
const missingBackoffMax = 10 * time.Second

// verdict is what an error says of the device as a whole.
type verdict int

const (
	alive    verdict = iota // the device works; the error concerns this request
	timedOut                // suspicious: standing tells
	gone                    // the device must be opened anew
)

// owner runs requests on one device, one after the other, in one long-lived
// goroutine. It opens the device at the first request and again, with backoff,
// after it was marked down.
type owner[D io.Closer] struct {
	name  string
	open  func() (D, error)
	judge func(error) verdict
	opts  Options
	stop  <-chan struct{}

	requests chan *request[D]
	ended    chan struct{} // closed when the goroutine is gone

	// mu guards everything that follows.
	mu       sync.Mutex
	started  bool
	down     chan struct{} // closed while the device is down
	cause    error         // why it is down
	standing *standing     // what its addresses say of it
	unopened bool          // the cause is that it could not be opened
	reported bool          // the cause was reported
	failures int           // times marked down in a row
}

// request is one call on the device. Its results must not be read before done.
type request[D io.Closer] struct {
	call    func(D) error
	addr    uint16          // whom it is for, on a bus
	ctx     context.Context // ends when nobody waits for the request any more
	started chan struct{}
	done    chan error // room for one
}

func newOwner[D io.Closer](name string, open func() (D, error), judge func(error) verdict, opts Options, stop <-chan struct{}) *owner[D] {
	return &owner[D]{
		name: name, open: open, judge: judge, opts: opts, stop: stop,
		requests: make(chan *request[D], queued),
		ended:    make(chan struct{}),
		down:     make(chan struct{}),
		standing: newStanding(),
	}
}

// do runs call on the device, waiting at most limit for its turn (and for the
// device to open) and limit again for the call. A call that does not come back
// is left to itself: what it writes must belong to nobody else.
func (o *owner[D]) do(limit time.Duration, call func(D) error) error {
	return o.doFor(context.Background(), limit, limit, call)
}

// doFor is do with a limit of its own for the turn, which ctx ends too. A call
// that has begun minds ctx by itself.
func (o *owner[D]) doFor(ctx context.Context, turn, limit time.Duration, call func(D) error) error {
	return o.submit(ctx, turn, limit, &request[D]{call: call})
}

// submit does doFor's work for a request.
func (o *owner[D]) submit(ctx context.Context, turn, limit time.Duration, r *request[D]) error {
	down, err := o.ready(r.addr)
	if err != nil {
		return err
	}
	waiting, cancel := context.WithCancel(context.Background())
	defer cancel()
	r.ctx, r.started, r.done = waiting, make(chan struct{}), make(chan error, 1)
	timer := time.NewTimer(turn)
	defer timer.Stop()
	select {
	case o.requests <- r:
	case <-down:
		return o.downError()
	case <-o.stop:
		return drivers.Because(drivers.BusDown, ErrClosed)
	case <-ctx.Done():
		return noTurn(ctx.Err())
	case <-timer.C:
		return noTurn(fmt.Errorf("within %s", turn))
	}
	started, left := r.started, ctx.Done()
	for {
		select {
		case err := <-r.done:
			return err
		case <-started:
			started, left = nil, nil
			timer.Reset(limit)
		case <-down:
			if !r.begun() {
				return o.answerOr(r, o.downError())
			}
			down = nil // by this very call: its answer is on its way, and says why
		case <-o.stop:
			return o.answerOr(r, drivers.Because(drivers.BusDown, ErrClosed))
		case <-left:
			return o.answerOr(r, noTurn(ctx.Err()))
		case <-timer.C:
			if started != nil {
				return o.answerOr(r, noTurn(fmt.Errorf("within %s", turn)))
			}
			stuck := drivers.Because(drivers.Stuck, fmt.Errorf("no answer within %s", limit))
			o.markDown(down, stuck, false)
			return o.answerOr(r, stuck)
		}
	}
}

func noTurn(cause error) error {
	return drivers.Because(drivers.Stuck, fmt.Errorf("no turn: %w", cause))
}

// begun reports whether the device's goroutine has taken r up.
func (r *request[D]) begun() bool {
	select {
	case <-r.started:
		return true
	default:
		return false
	}
}

// answerOr prefers an answer that came in the same instant.
func (o *owner[D]) answerOr(r *request[D], otherwise error) error {
	select {
	case err := <-r.done:
		return err
	default:
		return otherwise
	}
}

// ready starts the goroutine at first use and gives the channel that closes
// when the device goes down, or the error of a device that is.
func (o *owner[D]) ready(addr uint16) (down chan struct{}, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.standing.ask(addr)
	select {
	case <-o.stop:
		return nil, drivers.Because(drivers.BusDown, ErrClosed)
	default:
	}
	if o.cause != nil {
		return nil, o.downErrorLocked()
	}
	if !o.started {
		o.started = true
		go o.run()
	}
	return o.down, nil
}

func (o *owner[D]) downError() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.downErrorLocked()
}

// downErrorLocked is what others hear of a device that is down: why it could not
// be opened, or else that it is down.
func (o *owner[D]) downErrorLocked() error {
	if o.cause != nil && o.unopened {
		return o.cause
	}
	if o.cause == nil { // came back in the meantime; this request is lost all the same
		return &drivers.Error{Reason: drivers.BusDown, Err: errors.New("went down")}
	}
	return &drivers.Error{Reason: drivers.BusDown, Err: fmt.Errorf("down since: %w", o.cause)}
}

// markDown ends the generation whose channel is down. A later generation is
// left alone.
func (o *owner[D]) markDown(down chan struct{}, cause error, unopened bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down != down || o.cause != nil {
		return
	}
	o.cause, o.unopened = cause, unopened
	o.failures++
	close(o.down)
	if !o.reported {
		o.reported = true
		o.opts.Report(o.name, cause)
	}
}

// settle counts what a call's result says of the device and reports whether the
// device must be opened anew.
func (o *owner[D]) settle(down chan struct{}, addr uint16, err error) (reopen bool) {
	o.mu.Lock()
	if o.down != down || o.cause != nil { // marked down while the call hung
		o.mu.Unlock()
		return true
	}
	verdict := alive
	if err != nil {
		verdict = o.judge(err)
	}
	if verdict == alive {
		o.standing.proved(addr, err == nil)
		o.failures = 0
		if o.reported {
			o.reported = false
			o.opts.Report(o.name, nil)
		}
		o.mu.Unlock()
		return false
	}
	patient := verdict == timedOut && !o.standing.timedOut(addr)
	o.mu.Unlock()
	if patient {
		return false
	}
	o.markDown(down, drivers.Because(reasonOf(err), err), false)
	return true
}

// run owns the device until the board closes.
func (o *owner[D]) run() {
	defer close(o.ended)
	for {
		o.generation()
		if !o.pause() {
			return
		}
	}
}

// generation opens the device at its first request and serves it until it is
// marked down or the board closes.
func (o *owner[D]) generation() {
	o.mu.Lock()
	down := o.down
	o.mu.Unlock()
	var device D
	opened := false
	defer func() {
		if opened {
			// Nobody is left to tell, and the device is given up either way.
			_ = device.Close()
		}
	}()
	for {
		select {
		case <-o.stop:
			return
		case <-down:
			return
		default:
		}
		select {
		case <-o.stop:
			return
		case <-down:
			return
		case r := <-o.requests:
			if r.ctx.Err() != nil {
				continue
			}
			close(r.started)
			if !opened {
				if err := guard(func() (err error) { device, err = o.open(); return err }); err != nil {
					err = drivers.Because(drivers.Missing, err)
					o.markDown(down, err, true)
					r.done <- err
					return
				}
				opened = true
			}
			err := guard(func() error { return r.call(device) })
			reopen := o.settle(down, r.addr, err)
			r.done <- err
			if reopen {
				return
			}
		}
	}
}

// guard turns a panic into an error: what a driver or a library does in this
// goroutine must not take the other sensors with it.
func guard(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = drivers.Because(drivers.Broken, fmt.Errorf("call panicked: %v", p))
		}
	}()
	return call()
}

// pause waits out the backoff of a device that is down and begins a new
// generation. It is false when the board closes.
func (o *owner[D]) pause() bool {
	o.mu.Lock()
	wait := o.backoff()
	o.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-o.stop:
		return false
	case <-timer.C:
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = make(chan struct{})
	o.cause = nil
	o.standing.reopened()
	return true
}

// backoff doubles from BackoffMin to BackoffMax and takes off up to a quarter
// at random, so that gateways that lost power together do not act together.
func (o *owner[D]) backoff() time.Duration {
	wait, most := o.opts.BackoffMin, o.opts.BackoffMax
	if o.unopened {
		most = min(most, max(missingBackoffMax, o.opts.BackoffMin))
	}
	for i := 1; i < o.failures && wait < most; i++ {
		wait *= 2
	}
	wait = min(wait, most)
	return wait - time.Duration(o.opts.Jitter()*float64(wait)/4)
}

// end waits until the goroutine is gone; the board's stop is closed already.
func (o *owner[D]) end(ctx context.Context) error {
	o.mu.Lock()
	started := o.started
	o.mu.Unlock()
	if !started {
		return nil
	}
	select {
	case <-o.ended:
		return nil
	default:
	}
	select {
	case <-o.ended:
		return nil
	case <-ctx.Done():
		return drivers.Because(drivers.Stuck, fmt.Errorf("close %s: a call hangs in the kernel: %w", o.name, ctx.Err()))
	}
}

func randomJitter() float64 { return rand.Float64() }
