package gateway

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/health"
	"watchpost/agent/record"
	"watchpost/agent/sense"
	"watchpost/buffer"
	"watchpost/configs"
	"watchpost/drivers"
)

// pipelineRig is a pipeline with a real store, on simulated time.
type pipelineRig struct {
	t     *testing.T
	g     *gateway
	in    chan sense.Observation
	fixes chan clock.Fix
	ended chan struct{}
	obs   uint64
	wrong atomic.Int64 // how far the wall clock is from the time, a time.Duration
}

func startPipeline(t *testing.T, dir string, boot clock.BootID, sensors ...configs.Sensor) *pipelineRig {
	t.Helper()
	r := newPipelineRig(t, dir, boot, sensors...)
	r.run()
	return r
}

func (r *pipelineRig) run() {
	go func() {
		defer close(r.ended)
		r.g.pipeline.run(context.Background(), r.in, r.fixes)
	}()
}

// newPipelineRig is one that does not run yet.
func newPipelineRig(t *testing.T, dir string, boot clock.BootID, sensors ...configs.Sensor) *pipelineRig {
	t.Helper()
	booted := time.Now()
	r := &pipelineRig{t: t, in: make(chan sense.Observation), fixes: make(chan clock.Fix), ended: make(chan struct{})}
	g := &gateway{
		cfg: &configs.Config{Data: dir, Buffer: configs.Buffer{CommitEvery: time.Second, MaxBytes: 8 << 20}, Sensors: sensors},
		log: slog.New(slog.DiscardHandler), boots: clock.NewTable(), live: newLive(),
		changed: newBroadcast(), sampled: newBroadcast(), health: health.New(time.Now),
		clock: clock.New(clock.Source{
			Boot: boot, SinceBoot: func() time.Duration { return time.Since(booted) + time.Hour },
			Wall:        func() time.Time { return time.Now().Add(time.Duration(r.wrong.Load())) },
			Disciplined: func() bool { return true },
		}, time.Time{}),
	}
	var err error
	if g.buffer, err = g.openBuffer(); err != nil {
		t.Fatal(err)
	}
	r.g, g.pipeline = g, newPipeline(g)
	return r
}

// learn has the table notice a wall clock that is wrong by so much.
func (r *pipelineRig) learn(wrong time.Duration) {
	now := r.g.clock.Now()
	now.Wall = now.Wall.Add(wrong)
	if fix, changed := r.g.boots.Learn(now); changed {
		r.fixes <- fix
	}
}

func (r *pipelineRig) see(q drivers.Quantity, active bool) {
	r.obs++
	r.in <- sense.Observation{Reading: record.Reading{
		Sensor: "door", Obs: r.obs, At: r.g.clock.Now(), Reading: drivers.NewContact(q, active),
	}}
}

// events are those of this run.
func (r *pipelineRig) events(kind record.EventKind) (list []record.Event) {
	r.t.Helper()
	entries, err := r.g.buffer.Recent(buffer.Events, 10_000)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, entry := range entries {
		rec, err := record.Decode(entry.Record)
		if err != nil {
			r.t.Fatal(err)
		}
		if event, ok := rec.(record.Event); ok && event.Kind == kind && entry.Run == r.g.buffer.Run() {
			list = append(list, event)
		}
	}
	return list
}

func (r *pipelineRig) end() {
	r.t.Helper()
	close(r.in)
	<-r.ended
	if err := r.g.buffer.Close(); err != nil {
		r.t.Error(err)
	}
}

// A clock that two time services tear to and fro is told of once a minute, with
// its newest state, and the table is written no more often.
func TestTornClockDoesNotFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startPipeline(t, t.TempDir(), clock.BootID{1})
		moved := time.Duration(0)
		for range 120 { // ten minutes
			moved = time.Hour - moved
			r.learn(moved)
			<-time.After(5 * time.Second)
		}
		moved += 3 * time.Hour
		r.learn(moved)
		close(r.in)
		<-r.ended
		told := r.events(record.EventTime)
		if len(told) < 10 || len(told) > 12 {
			t.Errorf("%d events about the clock in ten minutes, want one a minute", len(told))
		}
		total := time.Duration(0)
		for _, event := range told {
			total += event.Time.Step
		}
		if newest := told[len(told)-1]; newest.Time.UTC.Sub(newest.At.Wall).Round(time.Second) != moved || total != moved-time.Hour {
			t.Errorf("last told %+v, the steps add up to %v, want %v", newest.Time, total, moved-time.Hour)
		}
		if r.g.boots.Unsaved() {
			t.Error("the table was not kept at the end")
		}
		if err := r.g.buffer.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A record that the buffer refuses keeps nothing: the table is still to be kept.
func TestRefusedRecordKeepsNoTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startPipeline(t, t.TempDir(), clock.BootID{1})
		<-time.After(time.Second)
		if err := r.g.buffer.Close(); err != nil {
			t.Error(err)
		}
		r.learn(0)
		close(r.in)
		<-r.ended
		if !r.g.boots.Unsaved() {
			t.Error("the table counts as kept, yet the store refused it")
		}
	})
}

// A store that cannot be had at first, and then can: what it remembers is taken
// up then and is not overwritten, and nothing is announced twice.
func TestStoreComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := filepath.Join(t.TempDir(), "card")
		away := base + ".away"
		r := startPipeline(t, filepath.Join(base, "data"), clock.BootID{1})
		r.learn(0)
		r.see(drivers.Door, true)
		r.end()

		if err := os.Rename(base, away); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(base, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		r = startPipeline(t, filepath.Join(base, "data"), clock.BootID{2})
		r.learn(0)
		r.see(drivers.Door, true)
		<-time.After(10 * time.Second)
		if n := len(r.events(record.EventRun)); n != 1 {
			t.Errorf("%d run events while there is no store, want 1", n)
		}
		if err := os.Remove(base); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(away, base); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		runs := r.events(record.EventRun)
		if len(runs) != 2 || runs[0].Start.Ended != "unknown" || runs[1].Start.Ended != "clean" {
			t.Errorf("run events %+v, want one that knows nothing and one that does", runs)
		}
		if n := len(r.events(record.EventDoor)); n != 1 {
			t.Errorf("%d events of the door, want its first state", n)
		}
		starts := 0
		for _, line := range r.g.live.recent() {
			if line.en == "gateway started" {
				starts++
			}
		}
		if starts != 3 {
			t.Errorf("the log shows %d starts, want that of the earlier run and two of this", starts)
		}
		r.end()

		r = startPipeline(t, filepath.Join(base, "data"), clock.BootID{3})
		<-time.After(time.Second)
		if fixes := r.g.boots.Fixes(); len(fixes) != 2 {
			t.Errorf("the third run knows %+v, want both boots before", fixes)
		}
		r.end()
	})
}
