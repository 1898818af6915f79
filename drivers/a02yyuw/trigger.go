package a02yyuw

import (
	"context"
	"errors"
	"fmt"
	"time"

	"watchpost/drivers"
)

// Asker is a serial port that carries one request and its answer at a time.
// Transact keeps quiet of silence, sends request and reads until complete, which
// is given all bytes so far, says so or fails. Without a complete answer before
// ctx's deadline it fails with the reason NoAnswer or BadAnswer.
type Asker interface {
	Transact(ctx context.Context, quiet time.Duration, request []byte, complete func(answer []byte) (bool, error)) ([]byte, error)
}

const (
	// cycle is the shortest time between two measurements
	// (https://wiki.dfrobot.com/sen0207/docs/20989).
	cycle = 60 * time.Millisecond
	// answerWithin is the flight to 8 m and back, the frame at 9600 baud and
	// three times as much for a slow gateway.
	answerWithin = 200 * time.Millisecond
	// longestAnswer bounds the noise one exchange listens to.
	longestAnswer = 64
)

// Triggered is a sensor that measures when it is asked. It is as safe for
// concurrent use as its port.
type Triggered struct {
	port    Asker
	gauge   gauge
	request []byte
}

var _ drivers.Sampler = (*Triggered)(nil)

// NewTriggered checks the description of a sensor that is asked. It does not
// touch the port.
func NewTriggered(port Asker, opts Opts) (*Triggered, error) {
	g, err := newGauge(opts)
	switch {
	case err != nil:
	case port == nil:
		err = errNoPort
	case !g.model.CanTrigger():
		err = fmt.Errorf("model %s: sends by itself only", g.model)
	}
	if err != nil {
		return nil, badWiring(err)
	}
	return &Triggered{port: port, gauge: g, request: []byte{g.model.limits().trigger}}, nil
}

// Quantities is the level.
func (s *Triggered) Quantities() []drivers.Quantity { return []drivers.Quantity{drivers.Level} }

// Sample measures as often as the median wants and returns one reading in metres
// with three decimals, its Raw the distance in mm, or a fault NoEcho, Interference
// or BlindZone. When half of the measurements or more are not answered rightly it
// returns the last one's error; other errors of the port end it at once.
func (s *Triggered) Sample(ctx context.Context) ([]drivers.Reading, error) {
	var frames [MaxMedian]uint16
	n, failed := 0, 0
	for n+failed < s.gauge.median {
		distance, err := s.ask(ctx)
		if err == nil {
			frames[n] = distance
			n++
			continue
		}
		failed++
		why := drivers.ReasonOf(err)
		if ctx.Err() != nil || 2*failed >= s.gauge.median || why != drivers.NoAnswer && why != drivers.BadAnswer {
			return nil, fmt.Errorf("ask ultrasonic sensor: %w", err)
		}
	}
	return []drivers.Reading{s.gauge.reading(frames[:n])}, nil
}

// ask measures once.
func (s *Triggered) ask(ctx context.Context) (uint16, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, cycle+answerWithin)
	defer cancel()
	var distance uint16
	_, err := s.port.Transact(ctx, cycle, s.request, func(answer []byte) (done bool, err error) {
		distance, done, err = find(answer)
		return done, err
	})
	return distance, err
}

// find is the first frame of an answer.
func find(answer []byte) (distance uint16, ok bool, err error) {
	var p Parser
	for _, b := range answer {
		if distance, ok, _ = p.Push(b); ok {
			return distance, true, nil
		}
	}
	if len(answer) >= longestAnswer {
		return 0, false, drivers.Because(drivers.BadAnswer, errors.New("no frame in the answer"))
	}
	return 0, false, nil
}
