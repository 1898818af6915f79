package contact

import (
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// change is one step of a script.
type change struct {
	at    time.Duration // since the start of the line
	level gpio.Level
	lost  bool // the kernel lost the edge
}

// answer is what the line told its reader.
type answer struct {
	at    time.Time
	edge  bool
	read  bool
	level gpio.Level
}

// line plays a script on the clock of the synctest bubble and records what its
// reader was told. Edges queue until they are fetched, as in the kernel.
type line struct {
	mu      sync.Mutex
	start   time.Time
	level   gpio.Level
	script  []change
	queued  int
	answers []answer

	failsAt  time.Duration // when the faults below begin
	levelErr error
	edgeErr  error
	lazy     bool // waits end at once without an edge
	flood    bool // waits report an edge at once
	longest  time.Duration
}

func newLine(level gpio.Level, script ...change) *line {
	return &line{start: time.Now(), level: level, script: script}
}

// ms is a change after so many milliseconds.
func ms(at int, level gpio.Level) change {
	return change{at: time.Duration(at) * time.Millisecond, level: level}
}

// advance plays the script up to now. The lock is held.
func (l *line) advance() {
	for len(l.script) > 0 && l.script[0].at <= time.Since(l.start) {
		next := l.script[0]
		l.script = l.script[1:]
		if next.level == l.level {
			continue
		}
		l.level = next.level
		if !next.lost && l.queued < 16 {
			l.queued++
		}
	}
}

func (l *line) failing() bool { return time.Since(l.start) >= l.failsAt }

func (l *line) Level() (gpio.Level, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.levelErr != nil && l.failing() {
		return gpio.Low, l.levelErr // periph's Low on failure
	}
	l.advance()
	l.answers = append(l.answers, answer{at: time.Now(), read: true, level: l.level})
	return l.level, nil
}

func (l *line) WaitForEdge(timeout time.Duration) (bool, error) {
	if timeout <= 0 {
		return false, fmt.Errorf("wait of %s: never ends or never waits", timeout)
	}
	end := time.Now().Add(timeout)
	for {
		edge, next, err := l.fetch(end, timeout)
		if edge || err != nil || next.IsZero() {
			return edge, err
		}
		timer := time.NewTimer(time.Until(next))
		<-timer.C
		if !next.Before(end) {
			edge, _, err := l.fetch(end, timeout)
			return edge, err
		}
	}
}

// fetch takes an edge from the queue, or says when to look again; zero means
// that the wait is over.
func (l *line) fetch(end time.Time, timeout time.Duration) (bool, time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.longest = max(l.longest, timeout)
	l.advance()
	switch {
	case l.edgeErr != nil && l.failing():
		return false, time.Time{}, l.edgeErr
	case l.lazy && l.failing():
		return false, time.Time{}, nil
	case l.flood && l.failing() || l.queued > 0:
		l.queued = max(l.queued-1, 0)
		l.answers = append(l.answers, answer{at: time.Now(), edge: true})
		return true, time.Time{}, nil
	case !time.Now().Before(end):
		return false, time.Time{}, nil
	}
	if len(l.script) > 0 {
		if next := l.start.Add(l.script[0].at); next.Before(end) {
			return false, next, nil
		}
	}
	return false, end, nil
}
