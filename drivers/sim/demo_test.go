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

	"github.com/google/go-cmp/cmp"
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

// speakers are the sensors that speak by themselves.
func (r *demoRig) speakers(t *testing.T) map[string]all.Sensor {
	t.Helper()
	return map[string]all.Sensor{
		"smoke": r.build(t, "contact", func(o any) {
			options := o.(*all.ContactOptions)
			options.Line, options.Measures, options.Active = sim.DemoSmokeLine, "smoke", "closed"
		}),
		"door": r.build(t, "door", func(o any) {
			options := o.(*all.DoorOptions)
			options.Line, options.Rex, options.Unlock = sim.DemoDoorLine, sim.DemoExitLine, sim.DemoUnlockLine
			options.HeldAfter = 2 * time.Minute
		}),
		"reader": r.build(t, "wiegand", func(o any) {
			options := o.(*all.WiegandOptions)
			options.D0, options.D1 = sim.DemoReaderD0, sim.DemoReaderD1
		}),
	}
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
	want := map[string][]string{
		"smoke": {"smoke 0", "smoke 1", "smoke 0"},
		"door": {
			"door 0", "door_forced 0", "door_held 0", "door 1", "door 0", // a card
			"door 1", "door_forced 1", "door 0", "door_forced 0", // by force
			"door 1", "door 0", "door 1", "door 0", // a card, then the exit button
		},
		"reader": {"card 0", "misread 0", "card 1", "card 2"},
	}
	if diff := cmp.Diff(want, said()); diff != "" {
		t.Errorf("sensors said (-want +got):\n%s", diff)
	}
	if got := strings.Join(acts, " "); got != "calm flood smoke door outage catch-up" {
		t.Errorf("acts: %s", got)
	}
	if got := strings.Join(uplink, " "); got != "false true" {
		t.Errorf("uplink: %s, want false true", got)
	}
}

// listen watches the sensors that speak by themselves until ctx ends; said then
// lists what each said.
func (r *demoRig) listen(t *testing.T, ctx context.Context) (said func() map[string][]string) {
	t.Helper()
	type story struct {
		name string
		says []string
		err  error
	}
	speakers := r.speakers(t)
	stories := make(chan story, len(speakers))
	for name, sensor := range speakers {
		go func() {
			last, told := map[drivers.Quantity]string{}, story{name: name}
			told.err = sensor.Watcher.Watch(ctx, func(reading drivers.Reading) {
				// Every look is told; what changed is of interest here.
				now := reading.Value.String()
				if reading.Quality != drivers.Good {
					now = fmt.Sprint(reading.Quality, " ", reading.Reason)
				}
				if now != last[reading.Quantity] {
					last[reading.Quantity] = now
					told.says = append(told.says, string(reading.Quantity)+" "+now)
				}
			})
			stories <- told
		}()
	}
	return func() map[string][]string {
		all := map[string][]string{}
		for range speakers {
			told := <-stories
			if !errors.Is(told.err, context.Canceled) {
				t.Errorf("watch %s: %v", told.name, told.err)
			}
			all[told.name] = told.says
		}
		return all
	}
}

// water is what was seen of one level during a round.
type water struct {
	first, last string
	highest     drivers.Decimal
}

// see takes a sample, unless the demo is at rest again when it is there.
func (w *water) see(t *testing.T, sensor all.Sensor, end time.Time) {
	t.Helper()
	readings, err := sensor.Sampler.Sample(t.Context())
	if err != nil || readings[0].Quality != drivers.Good {
		t.Fatalf("sample: %v, %v", readings, err)
	}
	if !time.Now().Before(end) {
		return
	}
	w.last = readings[0].Value.String()
	if w.first == "" {
		w.first = w.last
	}
	if readings[0].Value.Compare(w.highest) > 0 {
		w.highest = readings[0].Value
	}
}

// checkWater samples both levels until the story is played: the recorded peaks
// pass, and the round ends near where it began.
func (r *demoRig) checkWater(t *testing.T, round time.Duration, played <-chan error) {
	t.Helper()
	level := r.build(t, "ads1115", func(o any) {
		options := o.(*all.ADS1115Options)
		options.Bus, options.Span = sim.DemoBus, all.Length(sim.DemoSpan)
	})
	gauge := r.build(t, "modbus", func(o any) {
		options := o.(*all.ModbusOptions)
		options.Port, options.Unit, options.Measured = sim.DemoPort, sim.DemoGauge, "cm"
	})
	start := time.Now()
	var pit, street water
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
			pit.see(t, level, start.Add(round))
			street.see(t, gauge, start.Add(round))
		}
	}
	if !strings.HasPrefix(pit.first, "0.25") || !strings.HasPrefix(pit.last, "0.24") {
		t.Errorf("the round begins at %s m and ends at %s m, want about 0.25 and 0.24", pit.first, pit.last)
	}
	if s := pit.highest.String(); s < "1.750" || s > "1.772" {
		t.Errorf("highest level %s, want the recorded 1.771", s)
	}
	if street.first != "0.00" || street.last != "0.00" || street.highest.String() != "0.80" {
		t.Errorf("the street has from %s to %s m and %s at most, want 0.00, 0.00 and the recorded 0.795", street.first, street.last, street.highest)
	}
}

func TestDemoLoopsAndLeavesAllAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		demo, err := sim.NewDemo()
		if err != nil {
			t.Fatal(err)
		}
		// Ends 4 s into the third outage: no uplink, the door open and unlocked.
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
		lines, err := demo.Board.OpenEdges([]string{sim.DemoDoorLine, sim.DemoExitLine, sim.DemoUnlockLine}, board.EdgeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		levels, err := lines.Levels()
		if want := []gpio.Level{gpio.Low, gpio.High, gpio.High}; !slices.Equal(levels, want) || err != nil || !up {
			t.Errorf("left with contact, exit and unlock %v, %v, uplink %t; want %v and up", levels, err, up, want)
		}
		if got := demo.Level(); got != 253*physic.MilliMetre {
			t.Errorf("left with %s of water, want 253 mm", got)
		}
		if got := demo.Street(); got != 0 {
			t.Errorf("left with %s on the street, want none", got)
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
