package sim_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
	"watchpost/drivers/all"
	"watchpost/drivers/board"
	"watchpost/drivers/sim"
)

// demoRig is the demo's hardware read by the real drivers, as a gateway would.
type demoRig struct {
	demo  *sim.Demo
	board *board.Board
	said  []string
}

func (r *demoRig) build(t *testing.T, name string, set func(options any)) all.Sensor {
	t.Helper()
	driver, ok := all.Lookup(name)
	if !ok {
		t.Fatalf("no driver %s", name)
	}
	options := driver.Options()
	set(options)
	sensor, err := driver.Build(r.board, options)
	if err != nil {
		t.Fatal(err)
	}
	return sensor
}

func (r *demoRig) contact(t *testing.T, line string, measures all.Measures, active all.Active) all.Sensor {
	t.Helper()
	return r.build(t, "contact", func(o any) {
		options := o.(*all.ContactOptions)
		options.Line, options.Measures, options.Active = line, measures, active
	})
}

func TestDemoStory(t *testing.T) {
	for _, round := range []time.Duration{0, 42 * time.Second, 20 * time.Minute} {
		t.Run(round.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { playDemo(t, round) })
		})
	}
}

func playDemo(t *testing.T, round time.Duration) {
	demo, err := sim.NewDemo()
	if err != nil {
		t.Fatal(err)
	}
	r := &demoRig{demo: demo, board: board.New(demo.Board, board.Options{})}
	defer func() {
		if err := r.board.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	level := r.build(t, "ads1115", func(o any) {
		options := o.(*all.ADS1115Options)
		options.Bus, options.Span = sim.DemoBus, all.Length(sim.DemoSpan)
	})
	smoke := r.contact(t, sim.DemoSmokeLine, "smoke", "closed")
	door := r.contact(t, sim.DemoDoorLine, "door", "open")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	heard := make(chan string, 100)
	watched := make(chan error, 2)
	for _, sensor := range []all.Sensor{smoke, door} {
		go func() {
			watched <- sensor.Watcher.Watch(ctx, func(reading drivers.Reading) {
				heard <- fmt.Sprintf("%s %s", reading.Quantity, reading.Value)
			})
		}()
	}
	start, took := time.Now(), time.Duration(0)
	played := make(chan error, 1)
	var acts, uplink []string
	go func() {
		err := sim.PlayDemo(ctx, demo, sim.DemoOptions{
			Round: round, Rounds: 1,
			Announce: func(act sim.Act) {
				acts = append(acts, act.Name)
				if act.ZH == "" || act.EN == "" {
					t.Errorf("act %s says nothing", act.Name)
				}
			},
			Uplink: func(up bool) { uplink = append(uplink, fmt.Sprint(up)) },
		})
		took = time.Since(start)
		played <- err
	}()

	if round == 0 {
		round = sim.DemoRound
	}
	highest, first, last := drivers.Int(0), "", ""
	tick := time.NewTicker(round / 420)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case err := <-played:
			if err != nil {
				t.Errorf("play: %v", err)
			}
			done = true
		case <-tick.C:
			readings, err := level.Sampler.Sample(ctx)
			if err != nil || readings[0].Quality != drivers.Good {
				t.Fatalf("sample: %v, %v", readings, err)
			}
			if time.Since(start) >= round {
				continue // the demo is at rest again
			}
			last = readings[0].Value.String()
			if first == "" {
				first = last
			}
			if readings[0].Value.Compare(highest) > 0 {
				highest = readings[0].Value
			}
		}
	}
	if took != round {
		t.Errorf("a round took %s, want %s", took, round)
	}
	if first[:4] != "0.25" || last[:4] != "0.24" {
		t.Errorf("the round begins at %s m and ends at %s m, want about 0.25 and 0.24", first, last)
	}
	if s := highest.String(); s < "1.750" || s > "1.772" {
		t.Errorf("highest level %s, want the recorded 1.771", s)
	}
	<-time.After(time.Second)
	cancel()
	for range 2 {
		if err := <-watched; !errors.Is(err, context.Canceled) {
			t.Errorf("watch: %v", err)
		}
	}
	close(heard)
	want := []string{"smoke 0", "door 0", "smoke 1", "smoke 0", "door 1", "door 0", "door 1", "door 0"}
	got := slices.Collect(func(yield func(string) bool) {
		for s := range heard {
			if !yield(s) {
				return
			}
		}
	})
	slices.Sort(got[:2])
	slices.Sort(want[:2])
	if !slices.Equal(got, want) {
		t.Errorf("contacts said %q, want %q", got, want)
	}
	if got := strings.Join(acts, " "); got != "calm flood smoke door outage catch-up" {
		t.Errorf("acts: %s", got)
	}
	if got := strings.Join(uplink, " "); got != "false true" {
		t.Errorf("uplink: %s, want false true", got)
	}
}

func TestDemoLoopsAndLeavesAllAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		demo, err := sim.NewDemo()
		if err != nil {
			t.Fatal(err)
		}
		// Ends 9 s into the third outage: no uplink, the door open.
		ctx, cancel := context.WithTimeout(t.Context(), 2*sim.DemoRound+68*time.Second)
		defer cancel()
		up, calms := true, 0
		err = sim.PlayDemo(ctx, demo, sim.DemoOptions{
			Announce: func(act sim.Act) {
				if act.Name == "calm" {
					calms++
				}
			},
			Uplink: func(u bool) { up = u },
		})
		if !errors.Is(err, context.DeadlineExceeded) || calms != 3 {
			t.Errorf("play ended with %v after %d rounds begun, want the deadline and 3", err, calms)
		}
		door, err := demo.Board.OpenLine(sim.DemoDoorLine, gpio.PullUp)
		if err != nil {
			t.Fatal(err)
		}
		if closed, err := door.Level(); closed != gpio.Low || err != nil || !up {
			t.Errorf("left with door %s, %v, uplink %t; want Low and up", closed, err, up)
		}
		if got := demo.Level(); got != 253*physic.MilliMetre {
			t.Errorf("left with %s of water, want 253 mm", got)
		}
	})
}

func TestNewStoryRefuses(t *testing.T) {
	for name, acts := range map[string][]sim.Act{
		"no acts":     nil,
		"no length":   {{Name: "a"}},
		"cue outside": {{Name: "a", Length: time.Second, Cues: []sim.Cue{{After: time.Second}}}},
	} {
		if _, err := sim.NewStory(0, acts...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
