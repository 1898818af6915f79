package alarm

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"watchpost/agent/record"
	"watchpost/drivers"
)

const smokeKey = "alarm/det/smoke"

func smokeRule() Rule { return Rule{Sensor: "det", Kind: Smoke, Level: record.Red, Latched: true} }

func (p *player) smoke(active bool) string {
	p.t.Helper()
	return p.give("det", drivers.NewContact(drivers.Smoke, active))
}

func TestLatchedSmoke(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(p *player) []string
		want []string
	}{
		{"restored, then acknowledged", func(p *player) []string {
			return []string{p.smoke(true), p.smoke(false), p.smoke(false), p.acknowledge(smokeKey), p.smoke(false)}
		}, []string{"raised", "restored", "", "acknowledged+cleared", ""}},
		{"acknowledged, then restored", func(p *player) []string {
			return []string{p.smoke(true), p.acknowledge(smokeKey), p.smoke(true), p.smoke(false), p.smoke(true)}
		}, []string{"raised", "acknowledged", "", "cleared", "raised"}},
		{"comes back before anybody knows", func(p *player) []string {
			return []string{p.smoke(true), p.smoke(false), p.smoke(true), p.smoke(false)}
		}, []string{"raised", "restored", "raised", "restored"}},
		{"a fault restores nothing", func(p *player) []string {
			return []string{p.smoke(true), p.give("det", drivers.NewFault(drivers.Smoke, drivers.NoAnswer)), p.acknowledge(smokeKey), p.acknowledge(smokeKey)}
		}, []string{"raised", "", "acknowledged", ""}},
		{"restarts in every state", func(p *player) (got []string) {
			then := func(s string) { got = append(got, s); p.restart(smokeRule()); got = append(got, p.tick()) }
			then(p.smoke(true))
			then(p.smoke(false))
			then(p.smoke(true))
			then(p.acknowledge(smokeKey))
			then(p.smoke(false))
			return got
		}, []string{"raised", "", "restored", "", "raised", "", "acknowledged", "", "cleared", ""}},
	} {
		p := play(t, smokeRule())
		if diff := cmp.Diff(c.want, c.play(p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	// Negative control: without the latch the same smoke is over with its contact.
	loose := smokeRule()
	loose.Latched = false
	p := play(t, loose)
	if got := p.smoke(true) + " " + p.smoke(false); got != "raised cleared" || len(p.engine.Active()) > 0 {
		t.Errorf("without the latch: %q, %d active", got, len(p.engine.Active()))
	}
}

// An acknowledgement stays with the alarm until it gets worse.
func TestAcknowledgedUntilWorse(t *testing.T) {
	const pit = "alarm/pit/level_high"
	p := play(t, levels(t, 0, "1.2", "1.5", "2.0", "0.1"))
	p.level("1.6")
	if got := p.acknowledge(pit); got != "acknowledged" {
		t.Fatal(got)
	}
	a := p.named(pit)
	want := &record.Ack{At: stamp(1), By: "p-41", Note: "on my way"}
	if diff := cmp.Diff(want, a.Ack); diff != "" || a.State != record.Acknowledged || a.By != "p-41" || a.Obs != 0 || a.Level != record.Orange {
		t.Errorf("%+v\n%s", a, diff)
	}
	p.level("1.3")
	if a := p.named(pit); a.State != record.Lowered || a.Ack == nil || a.By != "" || a.Note != "" {
		t.Errorf("lowered: %+v, want it acknowledged still", a)
	}
	p.level("2.1")
	if a := p.named(pit); a.State != record.Escalated || a.Ack != nil {
		t.Errorf("escalated: %+v, want that nobody knows", a)
	}
	if got := p.acknowledge(pit) + " " + p.level("0.5"); got != "acknowledged cleared" {
		t.Errorf("%q", got)
	}
}

func TestAcknowledgeErrors(t *testing.T) {
	p := play(t, levelRule(t, "1.50", "1.40"), smokeRule())
	acknowledge := func(seq uint64) error {
		steps, err := p.engine.Acknowledge(at(seq), "p-41", "", p.now())
		p.keep(steps)
		return err
	}
	p.level("1.6") // 1
	p.level("1.0") // 2
	p.smoke(true)  // 3
	p.smoke(false) // 4
	for _, c := range []struct {
		name string
		seq  uint64
		want error
	}{
		{"a level that fell", 1, ErrOver},
		{"nothing", 2, ErrUnknown},
		{"smoke that is restored", 3, nil},
		{"and once more, though it is over now", 3, nil},
	} {
		if err := acknowledge(c.seq); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := p.engine.Acknowledge(record.Position{}, "p-41", "", p.now()); !errors.Is(err, ErrUnknown) {
		t.Errorf("no position: %v", err)
	}
	if n := len(p.engine.Active()); n != 0 {
		t.Errorf("%d active", n)
	}
	for range 2 * endedKept {
		p.level("1.6")
		p.level("1.0")
	}
	if err := acknowledge(1); !errors.Is(err, ErrUnknown) || len(p.engine.ended) != endedKept {
		t.Errorf("long ago: %v, %d kept", err, len(p.engine.ended))
	}
}

// A power cut between the two steps that end a restored alarm: the first is kept,
// the second follows. So it is with a latch that the configuration no longer has.
func TestEndIsMadeUpFor(t *testing.T) {
	cut := func(rule Rule, steps int) *player {
		p := play(t, smokeRule())
		p.smoke(true)
		p.smoke(false)
		made, err := p.engine.Acknowledge(p.named(smokeKey).Raise, "p-41", "", p.now())
		if err != nil || len(made) != 2 {
			t.Fatalf("%d steps, %v", len(made), err)
		}
		p.keep(made[:steps])
		p.restart(rule)
		return p
	}
	loose := smokeRule()
	loose.Latched = false
	for name, p := range map[string]*player{"after the first step": cut(smokeRule(), 1), "no latch any more": cut(loose, 0)} {
		if got := p.tick(); got != "cleared" || len(p.engine.Active()) != 0 || len(p.notes) != 0 {
			t.Errorf("%s: %q, %d notes", name, got, len(p.notes))
		}
	}
	if p := cut(smokeRule(), 0); p.tick() != "" || len(p.engine.Active()) != 1 {
		t.Error("before the first step the alarm is not as it was")
	}
}

// Notes of the release before had the acknowledgement in the step alone, and no
// word of what came since.
func TestOldNotes(t *testing.T) {
	old := record.Alarm{Sensor: "det", Kind: "smoke", Level: record.Red, State: record.Raised, Since: stamp(1), At: stamp(1)}
	acked := old
	acked.State, acked.By, acked.At = record.Acknowledged, "p-7", stamp(5)
	for _, c := range []struct {
		note record.Alarm
		ack  *record.Ack
		want string
	}{{old, nil, "restored"}, {acked, &record.Ack{At: stamp(5), By: "p-7"}, "cleared"}} {
		p := play(t)
		p.notes[smokeKey] = note{record.EncodeAlarm(c.note), at(9)}
		p.restart(smokeRule())
		if a := p.named(smokeKey); a.Raise != at(9) || !cmp.Equal(c.ack, a.Ack) {
			t.Errorf("%s: %+v", c.note.State, a)
		}
		if got := p.smoke(false); got != c.want {
			t.Errorf("%s, then normal: %q, want %q", c.note.State, got, c.want)
		}
	}
}
