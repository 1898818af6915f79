package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"watchpost/agent/clock"
	"watchpost/agent/health"
	"watchpost/agent/record"
	"watchpost/buffer"
	"watchpost/configs"
	"watchpost/drivers"
	"watchpost/drivers/relay"
)

// ledger is a store that keeps beside it what the records of alarms that it took
// add up to: the alarms that hold, by sensor and kind.
type ledger struct {
	t     *testing.T
	inner appender
	fails int // the step that it fails at; -1: none
	how   error
	after func() // what follows each record it took

	// mu guards everything that follows; it is held during after.
	mu     sync.Mutex
	act    string // of the story
	active map[string]record.Alarm
	steps  []string // of alarms, also those it did not take
}

// sum is what the records add up to, and the steps told so far.
func (l *ledger) sum() (active map[string]record.Alarm, steps []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.active), slices.Clone(l.steps)
}

func (l *ledger) begin(act string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.act = act
}

// errRefused is a store that takes nothing.
var errRefused = errors.New("refused on purpose")

func (l *ledger) Append(lane buffer.Lane, rec []byte, notes ...buffer.Note) (buffer.Position, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lane != buffer.Alarms {
		at, err := l.inner.Append(lane, rec, notes...)
		l.after()
		return at, err
	}
	a, err := record.DecodeAlarm(rec)
	if err != nil {
		l.t.Fatal(err)
	}
	l.steps = append(l.steps, fmt.Sprint(a.Sensor, " ", a.Kind, " ", a.State, " ", a.Level))
	failing := len(l.steps)-1 == l.fails
	if failing && errors.Is(l.how, errRefused) {
		return buffer.Position{}, l.how
	}
	at, err := l.inner.Append(lane, rec, notes...)
	if err != nil {
		l.t.Error(err)
	}
	if key := a.Sensor + "/" + a.Kind; a.State == record.Cleared {
		delete(l.active, key)
	} else {
		if a.Raise.IsZero() {
			a.Raise = recordPosition(at)
		}
		l.active[key] = a
	}
	if failing {
		return at, fmt.Errorf("append: %w: %w", buffer.ErrNotDurable, l.how)
	}
	l.after()
	return at, nil
}

// stage is a pipeline with a ledger for a store, and a siren.
type stage struct {
	*pipelineRig
	store *ledger
	siren *siren
	stop  func()
}

// newStage starts one; prepare, if any, changes it before.
func newStage(t *testing.T, dir string, boot byte, prepare func(*stage)) *stage {
	r := newPipelineRig(t, dir, clock.BootID{boot}, cutSensors()...)
	s := &stage{pipelineRig: r, store: &ledger{t: t, inner: r.g.buffer, active: map[string]record.Alarm{}, fails: -1, after: func() {}}}
	r.g.pipeline.store = s.store
	s.siren = &siren{least: record.Orange, relay: relay.New(horn{}, relay.Options{Longest: time.Hour}), heard: map[string]clock.Stamp{}}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.siren.relay.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	s.stop = func() {
		cancel()
		running.Wait()
		r.end()
	}
	if prepare != nil {
		prepare(s)
	}
	synctest.Wait()
	r.run()
	<-r.g.pipeline.started
	return s
}

// cutSensors are a smoke detector that keeps its alarm and two levels on one bus.
func cutSensors() []configs.Sensor {
	length := func(c int64) configs.Length { return configs.Length{Coefficient: c, Scale: 1} }
	gap := length(1)
	rule := configs.Alarm{
		Levels:     []configs.AlarmLevel{{Level: configs.Yellow, Above: length(10)}, {Level: configs.Red, Above: length(20)}},
		Hysteresis: &gap, FaultAfter: 5 * time.Second, FaultLevel: "yellow",
	}
	return []configs.Sensor{smokeSensor(), pitSensor("pit", rule), pitSensor("well", rule)}
}

func (s *stage) level(sensor string, tenths int64) {
	s.say(sensor, drivers.NewGood(drivers.Level, drivers.Decimal{Coefficient: tenths, Scale: 1}, drivers.Metre))
}

// broken lets seconds pass in which both levels cannot be read.
func (s *stage) broken(seconds int) {
	for range seconds {
		for _, sensor := range []string{"pit", "well"} {
			s.say(sensor, drivers.NewFault(drivers.Level, drivers.NoAnswer))
		}
		<-time.After(time.Second)
	}
}

// acknowledge is somebody who presses the button of a sensor's alarm.
func (s *stage) acknowledge(sensor string) error {
	for _, a := range s.g.View().Alarms {
		if a.Sensor == sensor && a.KnownBy == "" {
			return s.g.AcknowledgeAlarm(s.t.Context(), a.ID, "Wang", "on my way")
		}
	}
	return nil
}

// sounds is what the siren does with the alarms as they are.
func (s *stage) sounds() bool {
	active, _, _ := s.g.live.activeAlarms()
	s.siren.follow(active)
	synctest.Wait()
	on, err := s.siren.relay.Wanted()
	if err != nil {
		s.t.Error(err)
	}
	return on
}

// calls reports whether alarms ask for the siren.
func calls(alarms []record.Alarm) bool {
	return slices.ContainsFunc(alarms, func(a record.Alarm) bool { return a.Level >= record.Orange && a.Ack == nil })
}

// cutStory is the life of alarms in all its steps.
func cutStory() []struct {
	what string
	do   func(*stage)
} {
	ack := func(s *stage, sensor string) {
		if err := s.acknowledge(sensor); err != nil && s.store.fails < 0 {
			s.t.Error(err)
		}
	}
	return []struct {
		what string
		do   func(*stage)
	}{
		{"all is well", func(s *stage) { s.smoke(false); s.level("pit", 1); s.level("well", 1) }},
		{"smoke", func(s *stage) { s.smoke(true) }},
		{"water", func(s *stage) { s.level("pit", 12) }},
		{"smoke is known", func(s *stage) { ack(s, "smoke") }},
		{"more water", func(s *stage) { s.level("pit", 22) }},
		{"water is known", func(s *stage) { ack(s, "pit") }},
		{"less water", func(s *stage) { s.level("pit", 12) }},
		{"more again", func(s *stage) { s.level("pit", 22) }},
		{"smoke ends", func(s *stage) { s.smoke(false) }},
		{"smoke again", func(s *stage) { s.smoke(true) }},
		{"smoke ends unknown", func(s *stage) { s.smoke(false) }},
		{"and is known", func(s *stage) { ack(s, "smoke") }},
		{"both levels break", func(s *stage) { s.broken(8) }},
		{"their bus does", func(s *stage) { s.g.health.Set(health.BusDown, "i2c-1", "stuck"); s.broken(8) }},
		{"the bus works", func(s *stage) { s.g.health.Clear(health.BusDown, "i2c-1"); s.broken(2) }},
		{"all is well again", func(s *stage) { s.level("pit", 1); s.level("well", 1); <-time.After(3 * time.Second) }},
	}
}

// essence is of an alarm what a power cut must not change, by sensor and kind.
func essence(alarms []record.Alarm) map[string]string {
	said := map[string]string{}
	for _, a := range alarms {
		slices.Sort(a.Members)
		said[a.Sensor+"/"+a.Kind] = fmt.Sprintf("%s level %s raised at %v restored %t known %t by %q of %v",
			a.State, a.Level, a.Raise, a.Restored != nil, a.Ack != nil, knower(a), a.Members)
	}
	return said
}

func knower(a record.Alarm) string {
	if a.Ack == nil {
		return ""
	}
	return a.Ack.By + ": " + a.Ack.Note
}

// cut is what a power cut after one write leaves, and the alarms that its records
// add up to.
type cut struct {
	what   string
	dir    string
	active map[string]record.Alarm
}

// cuts tells the story and cuts the power after each write.
func cuts(t *testing.T, outer *testing.T, apart bool) (all []cut) {
	dir := outer.TempDir()
	s := newStage(t, dir, 1, func(s *stage) {
		s.store.after = func() {
			to := outer.TempDir()
			if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
				t.Error(err)
			}
			all = append(all, cut{fmt.Sprintf("%q, write %d", s.store.act, len(all)), to, maps.Clone(s.store.active)})
		}
		if apart {
			s.g.pipeline.store = twice{s.store, s.g.buffer}
		}
	})
	for _, act := range cutStory() {
		s.store.begin(act.what)
		act.do(s)
	}
	want := []string{
		"smoke smoke raised red", "pit level_high raised yellow", "smoke smoke acknowledged red", "pit level_high escalated red",
		"pit level_high acknowledged red", "pit level_high lowered yellow", "pit level_high escalated red",
		"smoke smoke cleared red", "smoke smoke raised red", "smoke smoke restored red", "smoke smoke acknowledged red", "smoke smoke cleared red",
	}
	s.stop()
	if left, steps := s.store.sum(); len(steps) < len(want) || !slices.Equal(steps[:len(want)], want) || !slices.Contains(steps, "i2c-1 bus_down raised yellow") || len(left) != 0 {
		t.Errorf("the story's steps: %q, left %v", steps, left)
	}
	return all
}

// twice writes a record first and its notes by themselves, as nobody should.
type twice struct {
	first  appender
	second *buffer.Buffer
}

func (w twice) Append(l buffer.Lane, rec []byte, notes ...buffer.Note) (buffer.Position, error) {
	at, err := w.first.Append(l, rec)
	if len(notes) > 0 && err == nil {
		_, err = w.second.Append(buffer.Readings, []byte("carries notes"), notes...)
	}
	return at, err
}

// resumed starts a gateway on what a cut left, says what is wrong with its alarms,
// and brings them to their end.
func (c cut) resumed(t *testing.T, boot byte) (wrong string) {
	s := newStage(t, c.dir, boot, func(s *stage) { s.store.active = maps.Clone(c.active) })
	defer s.stop()
	restored, _, _ := s.g.live.activeAlarms()
	if diff := cmp.Diff(essence(slices.Collect(maps.Values(c.active))), essence(restored)); diff != "" {
		return c.what + " (-durable +restored):\n" + diff
	}
	if len(s.g.View().Alarms) != len(restored) || s.sounds() != calls(restored) {
		return fmt.Sprintf("%s: the page shows %d of %d alarms, the siren sounds: %v", c.what, len(s.g.View().Alarms), len(restored), s.sounds())
	}
	s.smoke(false)
	s.level("pit", 1)
	s.level("well", 1)
	<-time.After(3 * time.Second)
	if err := s.acknowledge("smoke"); err != nil {
		return fmt.Sprintf("%s: %v", c.what, err)
	}
	told, _ := s.store.sum()
	if left, _, _ := s.g.live.activeAlarms(); len(left) != 0 || s.sounds() || len(told) != 0 {
		return fmt.Sprintf("%s: with all well and known there is left %v, by the records %v", c.what, essence(left), told)
	}
	return ""
}

// The power may fail between any two writes: the next run has the alarms that the
// durable records tell of, with their ids, latches and who knows of them, sounds
// for those nobody knows of, and brings each to its end.
func TestPowerCutBetweenAnyTwoWrites(t *testing.T) {
	outer := t
	synctest.Test(t, func(t *testing.T) {
		all := cuts(t, outer, false)
		if len(all) < 20 {
			t.Errorf("%d writes, want the story's", len(all))
		}
		for _, c := range all {
			if wrong := c.resumed(t, 2); wrong != "" {
				t.Error(wrong)
			}
		}
		t.Logf("%d power cuts", len(all))
	})
}

// The test sees it when a note is not written with its record.
func TestPowerCutFindsNotesWrittenApart(t *testing.T) {
	outer := t
	synctest.Test(t, func(t *testing.T) {
		for _, c := range cuts(t, outer, true) {
			if c.resumed(t, 2) != "" {
				return
			}
		}
		t.Error("notes written apart from their records are not found out")
	})
}

// A store that fails at one step, whichever it is, silences nothing: the alarms on
// the page, the siren and the steps told are those of a store that works, and
// after a power cut what it kept is consistent.
func TestStoreThatFailsAtAnyStep(t *testing.T) {
	outer := t
	synctest.Test(t, func(t *testing.T) {
		type moment struct {
			states string
			sounds bool
		}
		tell := func(dir string, fails int, how error) (s *stage, moments []moment) {
			s = newStage(t, dir, 1, func(s *stage) { s.store.fails, s.store.how = fails, how })
			for _, act := range cutStory() {
				act.do(s)
				var states []string
				for _, a := range s.g.View().Alarms {
					states = append(states, fmt.Sprint(a.Sensor, " ", a.Level, " ", a.State, " ", a.KnownBy))
				}
				slices.Sort(states)
				moments = append(moments, moment{strings.Join(states, ", "), s.sounds()})
			}
			return s, moments
		}
		s, want := tell(outer.TempDir(), -1, nil)
		_, steps := s.store.sum()
		s.stop()
		for n := range steps {
			for _, how := range []error{errors.New("disk full"), errRefused} {
				name := fmt.Sprintf("step %d, %s: %v", n, steps[n], how)
				dir := outer.TempDir()
				s, got := tell(dir, n, how)
				kept, told := s.store.sum()
				nameless := errors.Is(how, errRefused) && strings.Contains(steps[n], "raised")
				if !nameless { // an alarm without a record has no id to acknowledge it by
					if !slices.Equal(got, want) || !slices.Equal(told, steps) {
						t.Errorf("%s:\n%v\n%q\nwant\n%v\n%q", name, got, told, want, steps)
					}
				} else if act := slices.IndexFunc(want, func(m moment) bool { return strings.Contains(m.states, strings.Fields(steps[n])[0]) }); !got[act].sounds && want[act].sounds || got[act].states != want[act].states {
					t.Errorf("%s: %+v, want %+v", name, got[act], want[act])
				}
				to := outer.TempDir()
				if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
					t.Fatal(err)
				}
				s.stop()
				if wrong := (cut{what: name, dir: to, active: kept}).resumed(t, 2); wrong != "" {
					t.Error(wrong)
				}
			}
		}
		t.Logf("%d steps", len(steps))
	})
}
