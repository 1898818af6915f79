package gateway

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/record"
	"watchpost/drivers/relay"
)

// horn is an output that works.
type horn struct{}

func (horn) Set(bool) error { return nil }

func TestSirenGivesEachAlarmItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &siren{least: record.Orange, relay: relay.New(horn{}, relay.Options{Longest: 10 * time.Second}), heard: map[string]clock.Stamp{}}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := s.relay.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		smoke := record.Alarm{Sensor: "smoke", Kind: "smoke", Level: record.Red, State: record.Raised}
		water := record.Alarm{Sensor: "pit", Kind: "level_high", Level: record.Orange, State: record.Raised}
		mild := record.Alarm{Sensor: "gate", Kind: "door_held", Level: record.Yellow, State: record.Raised}
		known := smoke
		known.State, known.Ack = record.Acknowledged, &record.Ack{By: "p"}
		for _, step := range []struct {
			what   string
			active []record.Alarm
			want   bool
		}{
			{"a mild alarm", []record.Alarm{mild}, false},
			{"smoke", []record.Alarm{mild, smoke}, true},
			{"8 s later", []record.Alarm{smoke}, true},
			{"water comes on top", []record.Alarm{smoke, water}, true},
			{"water has sounded 8 s, smoke 24 s", []record.Alarm{smoke, water}, true},
			{"both have had their time", []record.Alarm{smoke, water}, false},
			{"still there", []record.Alarm{smoke, water}, false},
			{"another", []record.Alarm{smoke, water, {Sensor: "b2", Kind: "smoke", Level: record.Red, State: record.Raised}}, true},
			{"somebody knows", []record.Alarm{known}, false},
			{"all over", nil, false},
			{"smoke again", []record.Alarm{smoke}, true},
		} {
			s.follow(step.active)
			synctest.Wait()
			if on, err := s.relay.Wanted(); on != step.want || err != nil {
				t.Errorf("%s: on %v (%v), want %v", step.what, on, err, step.want)
			}
			pass := 8 * time.Second
			if step.what == "8 s later" {
				pass = time.Second
			}
			select {
			case <-time.After(pass):
			case <-ctx.Done():
			}
		}
		cancel()
		running.Wait()
	})
}

// An alarm sounds again when it gets worse or comes back, not when it gets milder,
// and is silent once somebody knows.
func TestSirenCallsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &siren{least: record.Orange, relay: relay.New(horn{}, relay.Options{Longest: 10 * time.Second}), heard: map[string]clock.Stamp{}}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = s.relay.Run(ctx) })
		synctest.Wait()
		for i, step := range []struct {
			state record.AlarmState
			level record.Severity
			known bool
			want  bool
		}{
			{record.Raised, record.Yellow, false, false},
			{record.Escalated, record.Orange, false, true},
			{record.Escalated, record.Red, false, true},
			{record.Lowered, record.Orange, false, false},
			{record.Escalated, record.Red, false, true},
			{record.Acknowledged, record.Red, true, false},
			{record.Lowered, record.Orange, true, false},
			{record.Escalated, record.Red, false, true},
			{record.Restored, record.Red, false, false},
			{record.Raised, record.Red, false, true},
		} {
			a := record.Alarm{Sensor: "pit", Kind: "level_high", Level: step.level, State: step.state, At: clock.Stamp{Offset: time.Duration(i+1) * time.Minute}}
			if step.known {
				a.Ack = &record.Ack{By: "p"}
			}
			s.follow([]record.Alarm{a})
			synctest.Wait()
			if on, err := s.relay.Wanted(); on != step.want || err != nil {
				t.Errorf("step %d, %s at %s: on %v (%v), want %v", i, step.state, step.level, on, err, step.want)
			}
			select { // longer than it sounds at a stretch
			case <-time.After(time.Minute):
			case <-ctx.Done():
			}
			s.follow([]record.Alarm{a})
			if on, _ := s.relay.Wanted(); on {
				t.Errorf("step %d: on a minute later", i)
			}
		}
		cancel()
		running.Wait()
	})
}
