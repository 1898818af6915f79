package clock

import (
	"context"
	"time"
)

// Watch has the table learn from c at once and then every so often, until ctx
// ends, so that a clock that is set or stepped is noticed even while no sensor
// is read. OnFix gets what is worth telling; the durable form has to be written
// with it. Watch runs in the caller's goroutine and its waiting does not depend
// on the wall clock.
func (t *Table) Watch(ctx context.Context, c *Clock, every time.Duration, onFix func(Fix)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if fix, changed := t.Learn(c.Now()); changed {
			onFix(fix)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
