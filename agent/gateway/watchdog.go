package gateway

import (
	"context"
	"fmt"
	"sync"
	"time"

	"watchpost/agent/page"
	"watchpost/agent/watchdog"
	"watchpost/configs"
)

// turnWithin is how long one turn of the pipeline may take. It comes round every
// storeWait with nothing to do, and a store that does not answer holds up each
// record by 5 s at most.
const turnWithin = 30 * time.Second

// beat is when something last moved.
type beat struct {
	mu sync.Mutex
	at time.Time
}

func (b *beat) moved() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = time.Now()
}

func (b *beat) since() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Since(b.at)
}

// probes are the rooms whose stand-still is worth a restart. Whether a platform
// answers, a sensor is well or a store takes records is none of that.
func (g *gateway) probes() []watchdog.Probe {
	all := []watchdog.Probe{
		{Room: "sense", Stalled: g.sensorsStalled(time.Now())},
		{Room: "pipeline", Stalled: g.pipeline.stalled},
		{Room: "buffer", Stalled: g.buffer.Stalled},
	}
	for _, u := range g.uplinks {
		all = append(all, watchdog.Probe{Room: "forward to " + u.platform.ID, Stalled: u.forwarder.Stalled})
	}
	return all
}

// sensorsStalled judges by the sensor that speaks most often. One that is faulty
// says so, at least every 30 s; when nothing comes at all, it is not the sensor.
func (g *gateway) sensorsStalled(started time.Time) func() error {
	if len(g.sensors) == 0 {
		return func() error { return nil }
	}
	fastest := g.sensors[0].Every
	for _, s := range g.sensors {
		fastest = min(fastest, s.Every)
	}
	return func() error {
		last := g.live.lastMove()
		if last.IsZero() {
			last = started
		}
		if since := time.Since(last); since > fastest*3+2*unmoved {
			return fmt.Errorf("no sensor has said anything for %v", since.Round(time.Second))
		}
		return nil
	}
}

// stalled is nil while the pipeline comes round.
func (p *pipeline) stalled() error {
	if since := p.beat.since(); since > turnWithin {
		return fmt.Errorf("nothing was taken in for %v", since.Round(time.Second))
	}
	return nil
}

// tellManager keeps the service manager informed until ctx ends.
func (g *gateway) tellManager(ctx context.Context) {
	watchdog.New(watchdog.Options{
		Manager: g.opts.Manager,
		Probes:  g.probes(),
		Status:  func() string { return page.Sentence(g.View(), g.opts.Language == configs.English) },
		Log:     g.log.With("room", "watchdog"),
	}).Run(ctx, g.pipeline.started)
}
