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
}

func (r *demoRig) build(t *testing.T, name string, set func(options any)) all.Sensor {
	t.Helper()
	driver, ok := all.Lookup(name)
	if !ok {
		t.Fatalf("no driver %s", name)
	}
	options := driver.Options()
	set(options)
	sensor, err := driver.Build(r.board, options, time.Second)
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

func playDemo(t *testing.T, asked time.Duration) {
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
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	said := r.listen(t, ctx)

	var acts, uplink []string
	start, took := time.Now(), time.Duration(0)
	played := make(chan error, 1)
	go func() {
		err := sim.PlayDemo(ctx, demo, sim.DemoOptions{
			Round: asked, Rounds: 1,
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
	round := asked
	if round == 0 {
		round = sim.DemoRound
	}
	r.checkWater(t, round, played)
	if took != round {
		t.Errorf("a round took %s, want %s", took, round)
	}
	<-time.After(time.Second)
	cancel()
	want := []string{"door 0", "smoke 0", "smoke 1", "smoke 0", "door 1", "door 0", "door 1", "door 0"}
	got := said()
	slices.Sort(got[:min(2, len(got))]) // the first two come in either order
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

// listen watches the contacts until ctx ends; said then lists what they said.
func (r *demoRig) listen(t *testing.T, ctx context.Context) (said func() []string) {
	t.Helper()
	sensors := []all.Sensor{
		r.contact(t, sim.DemoSmokeLine, "smoke", "closed"),
		r.contact(t, sim.DemoDoorLine, "door", "open"),
	}
	heard := make(chan string, 100)
	watched := make(chan error, len(sensors))
	for _, sensor := range sensors {
		go func() {
			last := ""
			watched <- sensor.Watcher.Watch(ctx, func(reading drivers.Reading) {
				// Every look is told; what changed is of interest here.
				if now := fmt.Sprintf("%s %s", reading.Quantity, reading.Value); now != last {
					last = now
					heard <- now
				}
			})
		}()
	}
	return func() []string {
		for range sensors {
			if err := <-watched; !errors.Is(err, context.Canceled) {
				t.Errorf("watch: %v", err)
			}
		}
		close(heard)
		var list []string
		for s := range heard {
			list = append(list, s)
		}
		return list
	}
}

// checkWater samples the level until the story is played: the recorded peak
// passes, and the round ends near where it began.
func (r *demoRig) checkWater(t *testing.T, round time.Duration, played <-chan error) {
	t.Helper()
	level := r.build(t, "ads1115", func(o any) {
		options := o.(*all.ADS1115Options)
		options.Bus, options.Span = sim.DemoBus, all.Length(sim.DemoSpan)
	})
	start := time.Now()
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
			readings, err := level.Sampler.Sample(t.Context())
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
	if !strings.HasPrefix(first, "0.25") || !strings.HasPrefix(last, "0.24") {
		t.Errorf("the round begins at %s m and ends at %s m, want about 0.25 and 0.24", first, last)
	}
	if s := highest.String(); s < "1.750" || s > "1.772" {
		t.Errorf("highest level %s, want the recorded 1.771", s)
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
