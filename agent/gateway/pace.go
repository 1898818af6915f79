package gateway

import (
	"runtime"
	"sync"
	"time"

	"watchpost/agent/budget"
	"watchpost/agent/clock"
	"watchpost/agent/record"
)

// settled is how long a run must last before its own rates say anything.
const settled = 10 * time.Minute

// perDay is the average of what this run counted so far, 0 while it is too young
// to say.
func (g *gateway) perDay(counted uint64) float64 {
	age := g.clock.Now().Offset - g.pipeline.history.Begun()
	if age < settled {
		return 0
	}
	return float64(counted) * float64(24*time.Hour) / float64(age)
}

// holdsDays is how long the store has room for what comes now, should nothing be
// sent from now on; for a young run what comes is what the configuration says of
// a calm day. 0 when there is no telling.
func (g *gateway) holdsDays() float64 {
	stats := g.buffer.Stats()
	readings := g.perDay(stats.LastSeq[record.Readings])
	if readings == 0 {
		forecast, err := Forecast(g.cfg)
		if err != nil {
			return 0 // what is predicted for a page is not worth an error
		}
		readings = forecast.ReadingsPerDay.Calm
	}
	return budget.HoldsDays(max(stats.MaxBytes-stats.LiveBytes, 0), readings, g.cfg.Buffer.CommitEvery)
}

// standing remembers since when the clock has been set, or not set.
type standing struct {
	// mu guards everything that follows.
	mu     sync.Mutex
	known  bool
	synced bool
	since  clock.Stamp
}

// see takes in how the clock stands now and returns since when it stands so.
func (s *standing) see(now clock.Stamp) clock.Stamp {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known || s.synced != now.Synced {
		s.known, s.synced, s.since = true, now.Synced, now
	}
	return s.since
}

// builtWith says what this program was built with and for.
func builtWith() string { return runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH }
