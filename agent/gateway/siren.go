package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/health"
	"watchpost/agent/record"
	"watchpost/configs"
	"watchpost/drivers/board"
	"watchpost/drivers/relay"
)

// sirenLook is how often the siren is looked at beside changes of the alarms.
const sirenLook = time.Second

// siren switches the configured output while there is an alarm of its level that
// nobody acknowledged, a latched one also after its condition ended. It needs no
// store and no platform. A further alarm, and one that escalates or comes back,
// sounds it again after it fell silent by itself.
type siren struct {
	line  string
	least record.Severity
	relay *relay.Relay
	heard map[string]clock.Stamp // alarms that have sounded, with the step that called
}

func newSiren(cfg *configs.Output, b *board.Board) *siren {
	output := b.Output(cfg.Line, cfg.Active == "low")
	return &siren{
		line: board.LineName(cfg.Line), least: severity(cfg.Level),
		relay: relay.New(output, relay.Options{Longest: cfg.Longest}), heard: map[string]clock.Stamp{},
	}
}

// run switches the siren until ctx ends, and then off.
func (s *siren) run(ctx context.Context, g *gateway) {
	var kept sync.WaitGroup
	kept.Go(func() { _ = s.relay.Run(ctx) }) // its error is a condition below
	defer kept.Wait()
	look := time.NewTicker(sirenLook)
	defer look.Stop()
	for {
		changed := g.changed.changed()
		active, _, _ := g.live.activeAlarms()
		s.follow(active)
		_, err := s.relay.Wanted()
		detail := ""
		if err != nil {
			detail = err.Error()
		}
		set(g.health, err != nil, health.OutputFailed, s.line, detail)
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-look.C:
		}
	}
}

// follow switches as the alarms ask.
func (s *siren) follow(active []record.Alarm) {
	calls, fresh := map[string]clock.Stamp{}, false
	for _, a := range active {
		if a.Level < s.least || a.Ack != nil || a.State == record.Cleared {
			continue
		}
		id := a.Sensor + "/" + a.Kind
		step, known := s.heard[id]
		if again := a.State == record.Raised || a.State == record.Escalated; !known || again && step != a.At {
			step, fresh = a.At, true
		}
		calls[id] = step
	}
	// What cannot be switched is tried again by Run, and Wanted has the error.
	on, _ := s.relay.Wanted()
	switch {
	case len(calls) == 0:
		if on || len(s.heard) > 0 { // Off also ends the silence after Longest
			_ = s.relay.Off() // as said above
		}
	case !on || fresh:
		if on || len(s.heard) > 0 && fresh { // a further alarm has its own full time
			_ = s.relay.Off() // as said above
		}
		if err := s.relay.On(); errors.Is(err, relay.ErrNotRunning) {
			return // the alarms are still unheard
		}
	}
	s.heard = calls
}
