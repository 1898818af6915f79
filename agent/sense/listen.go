package sense

import (
	"context"
	"errors"
	"fmt"
	"time"

	"watchpost/drivers"
)

// The pace of watchers. What comes faster than maxReadings a second, beyond a
// burst of as many, is folded into the newest reading of each quantity.
//
// Fast drivers are far below: a contact that bounces as often as its debounce
// lets it says 20 states a second, a card reader 5 to 10 cards.
const (
	maxReadings  = 100
	readingEvery = time.Second / maxReadings
	// maxFolded is how many readings are folded before the driver itself has to
	// wait: taking them in costs time too.
	maxFolded = 10
)

// listen runs a Watcher, again and again when it fails or falls silent, and says
// so. One that does not come back is abandoned, and nothing is started on top
// of it until it does.
func (w *watch) listen(ctx context.Context) {
	for {
		started := time.Now()
		ended, err := w.hear(ctx)
		w.cost = time.Since(started)
		for {
			if ctx.Err() != nil {
				return
			}
			w.fail(err)
			if !w.rest(ctx, ended) {
				return
			}
			if cameBack(ended) {
				break
			}
			err = drivers.Because(drivers.Stuck, fmt.Errorf("watch sensor %s: driver does not come back", w.ID))
		}
	}
}

// cameBack reports whether a watcher has ended; nil is one that had before.
func cameBack(ended <-chan error) bool {
	if ended == nil {
		return true
	}
	select {
	case err := <-ended:
		return err != nil // as it always is
	default:
		return false
	}
}

// rest waits until a watcher is started again. It is false when ctx ends; a
// driver that is still there then is given a moment to leave.
func (w *watch) rest(ctx context.Context, ended <-chan error) bool {
	timer := time.NewTimer(w.pause())
	defer timer.Stop()
	select {
	case <-ctx.Done():
		letGo(ended)
		return false
	case <-timer.C:
		return true
	}
}

// hear is one life of a Watcher, until it ends or falls silent. Where it has not
// come back by then, ended says when it does.
func (w *watch) hear(ctx context.Context) (ended chan error, err error) {
	ctx, cancel := context.WithCancel(ctx)
	heard := make(chan drivers.Reading)
	ended = make(chan error, 1)
	go func() {
		_, err := guard(func() ([]drivers.Reading, error) {
			return nil, w.Watcher.Watch(ctx, func(r drivers.Reading) {
				select {
				case heard <- r:
				case <-ctx.Done():
				}
			})
		})
		if err == nil {
			err = errors.New("driver stopped watching without an error")
		}
		ended <- err
	}()
	defer cancel()
	limit := time.NewTimer(w.deadline() * silence)
	defer limit.Stop()
	pace := newPace(w)
	defer pace.stop()
	for {
		select {
		case <-ctx.Done():
			cancel()
			letGo(ended)
			return nil, ctx.Err()
		case r := <-pace.open(heard):
			limit.Reset(w.deadline() * silence)
			w.succeed()
			pace.take(r)
		case <-pace.timer.C:
			pace.flush()
		case err := <-ended:
			pace.flush()
			return nil, err
		case <-limit.C:
			return ended, drivers.Because(drivers.Stuck, fmt.Errorf("watch sensor %s: silent for %v", w.ID, w.deadline()*silence))
		}
	}
}

// pace holds a watcher to a bearable number of readings.
type pace struct {
	watch   *watch
	start   time.Time
	spent   allowance
	waiting []drivers.Reading // the newest of each quantity, oldest first
	folded  int               // since the last flush
	timer   *time.Timer       // runs while readings wait
}

func newPace(w *watch) *pace {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &pace{watch: w, start: time.Now(), timer: timer}
}

func (p *pace) stop() { p.timer.Stop() }

// open is the channel to listen on: none while the driver has to wait.
func (p *pace) open(heard <-chan drivers.Reading) <-chan drivers.Reading {
	if p.folded >= maxFolded {
		return nil
	}
	return heard
}

// take hands a reading on, or keeps it for flush.
func (p *pace) take(r drivers.Reading) {
	now := time.Since(p.start)
	wait := p.spent.wait(now, readingEvery, maxReadings)
	if len(p.waiting) == 0 && wait <= 0 {
		p.spent.spend(now, readingEvery)
		p.watch.observe(r)
		return
	}
	if len(p.waiting) == 0 {
		p.timer.Reset(wait)
	}
	for i, old := range p.waiting {
		if old.Quantity == r.Quantity {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			p.folded++
			p.watch.folded++
			break
		}
	}
	p.waiting = append(p.waiting, r)
}

// flush hands on what waits.
func (p *pace) flush() {
	now := time.Since(p.start)
	for _, r := range p.waiting {
		p.spent.spend(now, readingEvery)
		p.watch.observe(r)
	}
	clear(p.waiting) // a card's number must not stay
	p.waiting, p.folded = p.waiting[:0], 0
}
