package gateway

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/record"
	"watchpost/agent/sense"
	"watchpost/drivers"
)

// heldLog is a log that does not take a line until it is released: a pipeline
// that logs is stuck.
type heldLog struct {
	slog.Handler
	release chan struct{}
}

func (h heldLog) Enabled(context.Context, slog.Level) bool { return true }
func (h heldLog) Handle(context.Context, slog.Record) error {
	<-h.release
	return nil
}

func TestStuckPipelineIsAStall(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := startPipeline(t, dir, clock.BootID{1})
		for range 100 { // nothing to take in is no stall
			<-time.After(time.Minute)
			if err := r.g.pipeline.stalled(); err != nil {
				t.Fatalf("idle: %v", err)
			}
		}
		synctest.Wait()
		held := heldLog{slog.DiscardHandler, make(chan struct{})}
		r.g.pipeline.log = slog.New(held)
		if err := r.g.buffer.Close(); err != nil {
			t.Error(err)
		}
		r.see(drivers.Door, true) // refused by the closed store, which is logged
		<-time.After(turnWithin + time.Second)
		if err := r.g.pipeline.stalled(); err == nil || !strings.Contains(err.Error(), "31s") {
			t.Errorf("stuck for 31 s: %v", err)
		}
		close(held.release)
		<-time.After(storeWait)
		if err := r.g.pipeline.stalled(); err != nil {
			t.Errorf("moves again: %v", err)
		}
		close(r.in)
		<-r.ended
	})
}

func TestSilentSensorsAreAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{live: newLive()}
		if err := g.sensorsStalled(time.Now())(); err != nil {
			t.Errorf("no sensors: %v", err)
		}
		g.sensors = []sense.Sensor{{ID: "tank", Every: time.Hour}, {ID: "pit", Every: time.Second}}
		stalled := g.sensorsStalled(time.Now())
		for range 3 { // a faulty sensor is asked every 30 s, and says so
			<-time.After(30 * time.Second)
			if err := stalled(); err != nil {
				t.Error(err)
			}
			g.live.see(record.Reading{Sensor: "pit", Reading: drivers.NewFault(drivers.Level, drivers.NoAnswer)})
		}
		<-time.After(2*unmoved + 4*time.Second)
		if err := stalled(); err == nil {
			t.Error("no sensor says anything, and that is no stall")
		}
	})
}
