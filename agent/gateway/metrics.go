package gateway

import (
	"io"

	"watchpost/agent/page"
)

// metrics writes what /metrics answers.
func (g *gateway) metrics(w io.Writer) {
	page.Metrics(g, func() page.Counts {
		stats := g.buffer.Stats()
		counts := page.Counts{
			Readings:     g.live.seen(),
			Appended:     stats.LastSeq,
			Commits:      stats.Commits,
			BytesWritten: stats.BytesWritten,
			Messages:     map[string]uint64{},
		}
		for _, u := range g.uplinks {
			counts.Messages[u.platform.ID] = u.forwarder.Stats().Messages
		}
		return counts
	})(w)
}
