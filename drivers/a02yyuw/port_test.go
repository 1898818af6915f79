package a02yyuw

import (
	"context"
	"errors"
	"time"

	"watchpost/drivers"
)

// frame is what a sensor sends for a distance or a code.
func frame(distance uint16) []byte {
	hi, lo := byte(distance>>8), byte(distance)
	return []byte{header, hi, lo, header + hi + lo}
}

// chunk is what arrives at one moment.
type chunk struct {
	at    time.Duration // since the port was made
	bytes []byte
}

// port plays a script on the clock of the synctest bubble, with an empty call
// for each 100 ms of silence. Listening again goes on where the time is.
type port struct {
	start  time.Time
	script []chunk
	fails  error // after the script; nil: silent for ever
	deaf   bool  // calls nothing back in silence, as a port that hangs
}

func newPort(script ...chunk) *port { return &port{start: time.Now(), script: script} }

// every sends a frame each step from first on.
func every(step, first time.Duration, distances ...uint16) (script []chunk) {
	for i, d := range distances {
		script = append(script, chunk{at: first + time.Duration(i)*step, bytes: frame(d)})
	}
	return script
}

func (p *port) Listen(ctx context.Context, heard func([]byte)) error {
	const silence = 100 * time.Millisecond
	for {
		if len(p.script) == 0 && p.fails != nil {
			return p.fails
		}
		wait := silence
		if len(p.script) > 0 {
			wait = min(silence, time.Until(p.start.Add(p.script[0].at)))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		var now []byte
		if len(p.script) > 0 && time.Since(p.start) >= p.script[0].at {
			now, p.script = p.script[0].bytes, p.script[1:]
		}
		if !p.deaf || now != nil {
			heard(now)
		}
	}
}

// answers is a port with one answer to each request: bytes, silence when nil, or
// an error.
type answers struct {
	list  []any
	asked []string
	quiet time.Duration
	took  time.Duration // of each exchange
}

func (a *answers) Transact(ctx context.Context, quiet time.Duration, request []byte, complete func([]byte) (bool, error)) ([]byte, error) {
	a.asked, a.quiet = append(a.asked, string(request)), quiet
	var next any
	if len(a.list) > 0 {
		next, a.list = a.list[0], a.list[1:]
	}
	timer := time.NewTimer(a.took)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, drivers.Because(drivers.NoAnswer, ctx.Err())
	case <-timer.C:
	}
	switch next := next.(type) {
	case error:
		return nil, next
	case []byte:
		for i := range next {
			if done, err := complete(next[:i+1]); done || err != nil {
				return next[:i+1], err
			}
		}
		<-ctx.Done()
		return next, drivers.Because(drivers.BadAnswer, errors.New("part of an answer"))
	}
	<-ctx.Done()
	return nil, drivers.Because(drivers.NoAnswer, errors.New("no answer"))
}
