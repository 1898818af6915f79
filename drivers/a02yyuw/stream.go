package a02yyuw

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"watchpost/drivers"
)

// Listener is a serial port whose bytes nobody else takes. Listen hands on what
// arrives until ctx ends or the port fails; it calls heard(nil) about every
// 100 ms of silence.
type Listener interface {
	Listen(ctx context.Context, heard func([]byte)) error
}

// patience is how long Sample listens when Watch does not: five frames of the
// slowest model.
const patience = 1500 * time.Millisecond

// torn is the silence that ends a frame. Its bytes follow each other within
// milliseconds, and frames are 100 ms apart.
const torn = 50 * time.Millisecond

// stale is how many periods a reading of Watch stands for the present.
const stale = 3

// Stream is a sensor that sends by itself. Watch and Sample may run at the same
// time, but each in one goroutine only.
type Stream struct {
	port  Listener
	gauge gauge

	mu       sync.Mutex
	watching bool
	told     drivers.Reading // what Watch said last, if it said anything
	toldAt   time.Time
}

var (
	_ drivers.Sampler = (*Stream)(nil)
	_ drivers.Watcher = (*Stream)(nil)
)

// NewStream checks the description of a sensor that sends by itself. It does not
// touch the port.
func NewStream(port Listener, opts Opts) (*Stream, error) {
	g, err := newGauge(opts)
	if err == nil && port == nil {
		err = errNoPort
	}
	if err != nil {
		return nil, badWiring(err)
	}
	return &Stream{port: port, gauge: g}, nil
}

// Quantities is the level.
func (s *Stream) Quantities() []drivers.Quantity { return []drivers.Quantity{drivers.Level} }

// Watch emits one reading each period, in metres with three decimals, its Raw
// the distance in mm: the median of the newest frames of the period, or a fault.
// NoAnswer says that nothing came, BadAnswer that mostly no frames came, NoEcho,
// Interference and BlindZone what the sensor says. It returns the port's error,
// or ctx's when that ended.
func (s *Stream) Watch(ctx context.Context, emit func(drivers.Reading)) error {
	s.watch(true)
	defer s.watch(false)
	var t tally
	due := time.Now().Add(s.gauge.period)
	err := s.port.Listen(ctx, func(b []byte) {
		now := time.Now()
		t.take(b, now, s.gauge.median)
		if now.Before(due) {
			return
		}
		r := t.reading(&s.gauge)
		t.next()
		if due = due.Add(s.gauge.period); !due.After(now) {
			due = now.Add(s.gauge.period)
		}
		s.tell(r, now)
		emit(r)
	})
	return fmt.Errorf("watch ultrasonic sensor: %w", s.ended(ctx, err))
}

// Sample returns what Watch said last. While Watch is not running it listens
// itself, until there are frames enough, for 1.5 s at most. Its readings are
// those of Watch; the port's errors are returned.
func (s *Stream) Sample(ctx context.Context) ([]drivers.Reading, error) {
	r, err := s.sample(ctx)
	if err != nil {
		return nil, fmt.Errorf("sample ultrasonic sensor: %w", err)
	}
	return []drivers.Reading{r}, nil
}

func (s *Stream) sample(ctx context.Context) (drivers.Reading, error) {
	s.mu.Lock()
	watching, told, at := s.watching, s.told, s.toldAt
	s.mu.Unlock()
	switch {
	case watching && told.Quality == 0:
		return told, drivers.Because(drivers.NotReady, errors.New("nothing heard yet"))
	case watching && time.Since(at) > stale*s.gauge.period:
		return told, drivers.Because(drivers.Stuck, fmt.Errorf("last heard %s ago", time.Since(at)))
	case watching:
		return told, nil
	}
	listening, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var t tally
	err := s.port.Listen(listening, func(b []byte) {
		if t.take(b, time.Now(), s.gauge.median); t.n == s.gauge.median {
			cancel()
		}
	})
	if ctx.Err() != nil || listening.Err() == nil {
		return drivers.Reading{}, s.ended(ctx, err)
	}
	return t.reading(&s.gauge), nil
}

// ended is the error of a Listen that came back.
func (s *Stream) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		err = errors.New("port ended without an error")
	}
	return drivers.Because(drivers.BusDown, err)
}

func (s *Stream) watch(running bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watching, s.told = running, drivers.Reading{}
}

func (s *Stream) tell(r drivers.Reading, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told, s.toldAt = r, at
}

// tally is what came in one period.
type tally struct {
	parser  Parser
	frames  [MaxMedian]uint16 // the newest, in order
	n       int
	framed  int // bytes that were frames
	dropped int // bytes that were none
	heard   time.Time
}

// take keeps the newest frames of b, which came by now, keep of them. The rest
// of a frame that was torn apart will not come: its beginning and the next frame
// could make a frame that nobody sent.
func (t *tally) take(b []byte, now time.Time, keep int) {
	if now.Sub(t.heard) > torn {
		t.dropped += t.parser.Cut()
	}
	if len(b) > 0 {
		t.heard = now
	}
	for _, c := range b {
		distance, ok, dropped := t.parser.Push(c)
		t.dropped += dropped
		if !ok {
			continue
		}
		t.framed += frameSize
		if t.n == keep {
			copy(t.frames[:], t.frames[1:keep])
			t.n--
		}
		t.frames[t.n] = distance
		t.n++
	}
}

// reading is what the period says.
func (t *tally) reading(g *gauge) drivers.Reading {
	switch {
	case t.framed+t.dropped+t.parser.Held() == 0:
		return drivers.NewFault(drivers.Level, drivers.NoAnswer)
	case t.n == 0 || t.dropped > t.framed:
		return drivers.NewFault(drivers.Level, drivers.BadAnswer)
	}
	frames := t.frames // the order is kept for nobody, but the array is ours
	return g.reading(frames[:t.n])
}

// next begins a new period. A frame that is half there is kept.
func (t *tally) next() { *t = tally{parser: t.parser, heard: t.heard} }
