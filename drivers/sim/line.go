package sim

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers/board"
)

// edgeBuffer is how many edges the kernel keeps for one line before it drops
// the oldest (linux/gpio.h, event_buffer_size).
const edgeBuffer = 16

// Line is one simulated GPIO line. Driven by nobody it follows its pull.
type Line struct {
	name  string
	edges chan struct{}

	// mu guards everything that follows.
	mu     sync.Mutex
	opened bool
	pull   gpio.Pull
	driven bool
	level  gpio.Level
	fail   error
}

// Set drives the line to level. A change is an edge.
func (l *Line) Set(level gpio.Level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.now()
	l.driven, l.level = true, level
	l.edge(before)
}

// Release stops driving the line, as an open contact does: it follows its pull.
func (l *Line) Release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.now()
	l.driven = false
	l.edge(before)
}

// Fail lets every read and wait end with err; nil ends the fault.
func (l *Line) Fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = err
}

func (l *Line) now() gpio.Level {
	if l.driven {
		return l.level
	}
	return l.pull == gpio.PullUp
}

func (l *Line) edge(before gpio.Level) {
	if !l.opened || l.now() == before {
		return
	}
	select {
	case l.edges <- struct{}{}:
	default: // full: one is lost, as in the kernel
	}
}

func (l *Line) open(pull gpio.Pull) (board.HostLine, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened {
		return nil, fmt.Errorf("open line %s: device or resource busy", l.name)
	}
	l.opened, l.pull = true, pull
	for len(l.edges) > 0 {
		<-l.edges
	}
	return &openLine{line: l}, nil
}

// openLine is one request of a line.
type openLine struct{ line *Line }

func (o *openLine) Level() (gpio.Level, error) {
	o.line.mu.Lock()
	defer o.line.mu.Unlock()
	if !o.line.opened {
		return gpio.Low, os.ErrClosed
	}
	return o.line.now(), o.line.fail
}

func (o *openLine) WaitForEdge(timeout time.Duration) (bool, error) {
	if timeout <= 0 {
		return false, errors.New("wait for edge: the kernel would wait for ever")
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	o.line.mu.Lock()
	fail := o.line.fail
	o.line.mu.Unlock()
	if fail != nil {
		return false, fail
	}
	select {
	case <-o.line.edges:
		return true, nil
	case <-timer.C:
		return false, nil
	}
}

func (o *openLine) Close() error {
	o.line.mu.Lock()
	defer o.line.mu.Unlock()
	o.line.opened = false
	return nil
}
