package door

import (
	"context"
	"errors"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
)

// kernel is the stamp of the moment the lines are made: the kernel's clock began
// long before.
const kernel = 1234567 * time.Millisecond

// change is one step of a script: a line's level, after a time.
type change struct {
	at    time.Duration
	line  int
	level gpio.Level
	lost  bool          // no edge is delivered
	late  time.Duration // the edge is delivered later, with its true stamp
}

// lines plays a script on the clock of the synctest bubble. Unless told
// otherwise, high is active on all lines.
type lines struct {
	start  time.Time
	script []change

	mu       sync.Mutex
	fails    time.Duration // when the faults below begin; 0: never
	levelErr error
	watchErr error
	few      bool // one level too few
	count    int
}

func newLines(count int, script ...change) *lines {
	return &lines{start: time.Now(), count: count, script: script}
}

func (l *lines) failing() bool { return l.fails > 0 && time.Since(l.start) >= l.fails }

func (l *lines) Levels(context.Context) ([]gpio.Level, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failing() && l.levelErr != nil {
		return nil, l.levelErr
	}
	levels := make([]gpio.Level, l.count)
	for _, c := range l.script {
		if c.at <= time.Since(l.start) {
			levels[c.line] = c.level
		}
	}
	if l.few {
		levels = levels[1:]
	}
	return levels, nil
}

func (l *lines) Watch(ctx context.Context, emit func(drivers.Edge)) error {
	seqno := uint32(0)
	for _, c := range l.script {
		if c.lost || c.at == 0 {
			continue
		}
		if err := l.until(ctx, c.at+c.late, emit); err != nil {
			return err
		}
		seqno++
		emit(drivers.Edge{Line: c.line, Rising: c.level == gpio.High, At: kernel + c.at, Seqno: seqno})
	}
	return l.until(ctx, 1<<62, emit)
}

// until waits, with a sign of life each 100 ms.
func (l *lines) until(ctx context.Context, at time.Duration, emit func(drivers.Edge)) error {
	for time.Since(l.start) < at {
		timer := time.NewTimer(min(100*time.Millisecond, at-time.Since(l.start)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		if l.failing() && l.watchErr != nil {
			return l.watchErr
		}
		emit(drivers.Edge{Line: -1})
	}
	return nil
}

var errGone = errors.New("gone")
