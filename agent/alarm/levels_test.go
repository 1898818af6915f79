package alarm

import (
	"maps"
	"strings"
	"testing"
	"time"

	"watchpost/agent/record"
	"watchpost/drivers"
)

// levels is a rule of three levels that end so far below their thresholds.
func levels(t testing.TB, confirm time.Duration, yellow, orange, red, clear string) Rule {
	t.Helper()
	r := Rule{Sensor: "pit", Kind: LevelHigh, Confirm: confirm}
	gap := decimal(t, clear)
	for level, above := range map[record.Severity]string{record.Yellow: yellow, record.Orange: orange, record.Red: red} {
		a := decimal(t, above)
		low := drivers.FromNano(nano(*a)-nano(*gap), 9)
		r.Levels = append(r.Levels, Threshold{Level: level, Above: *a, ClearBelow: low})
	}
	return r
}

func nano(d drivers.Decimal) int64 {
	for ; d.Scale < 9; d.Scale++ {
		d.Coefficient *= 10
	}
	return d.Coefficient
}

func TestLevels(t *testing.T) {
	for _, c := range []struct {
		name, values, want string
		confirm            time.Duration
	}{
		{"up and down by steps", "1.2 1.5 2.0 1.91 1.89 1.41 1.39 1.11 1.09",
			"raised/yellow escalated/orange escalated/red - lowered/orange - lowered/yellow - cleared/yellow", 0},
		{"a jump is one step", "2.5 0.3", "raised/red cleared/red", 0},
		{"a fall to the mildest is one step", "2.5 1.15", "raised/red lowered/yellow", 0},
		{"waves at a level", "1.5 1.45 1.5 1.41 1.55", "raised/orange - - - -", 0},
		{"up again after it was lowered", "1.5 1.3 1.5", "raised/orange lowered/yellow escalated/orange", 0},
		{"a level holds for its time", "1.3 1.3 1.3 1.3", "- - - raised/yellow", 3 * time.Second},
		{"a wave begins anew", "1.3 1.3 1.19 1.3 1.3 1.3 1.3", "- - - - - - raised/yellow", 3 * time.Second},
		{"each level by itself", "1.3 1.3 1.6 1.6 1.6 1.6", "- - - raised/yellow - escalated/orange", 3 * time.Second},
		{"what waits to be worse is not lowered", "1.3 1.3 1.3 1.3 2.1 1.3 1.15", "- - - raised/yellow - - -", 3 * time.Second},
		{"clearing does not wait", "1.3 1.3 1.3 1.3 1.0", "- - - raised/yellow cleared/yellow", 3 * time.Second},
	} {
		p := play(t, levels(t, c.confirm, "1.2", "1.5", "2.0", "0.1"))
		var got []string
		for _, v := range strings.Fields(c.values) {
			word := "-"
			if state := p.level(v); state != "" {
				word = state + "/" + p.steps[len(p.steps)-1].Level.String()
			}
			got = append(got, word)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s gave\n%s, want\n%s", c.name, c.values, s, c.want)
		}
		for _, a := range p.steps {
			if a.Raise != p.steps[0].Raise {
				t.Errorf("%s: step %s of another alarm", c.name, a.State)
			}
		}
	}
}

// The threshold of a step is the one that was crossed.
func TestThresholdOfAStep(t *testing.T) {
	p := play(t, levels(t, 0, "1.2", "1.5", "2.0", "0.1"))
	for _, c := range []struct{ value, threshold string }{{"1.6", "1.5"}, {"2.0", "2.0"}, {"1.15", "1.4"}, {"1.0", "1.1"}} {
		p.level(c.value)
		if got := p.steps[len(p.steps)-1].Threshold; got == nil || got.Compare(*decimal(t, c.threshold)) != 0 {
			t.Errorf("at %s: threshold %v, want %s", c.value, got, c.threshold)
		}
	}
}

// A fault neither confirms nor begins anew: nobody knows that the water fell.
func TestFaultWhileConfirming(t *testing.T) {
	p := play(t, levels(t, 3*time.Second, "1.2", "1.5", "2.0", "0.1"))
	p.level("1.3")
	for range 5 {
		if got := p.give("pit", drivers.NewFault(drivers.Level, drivers.NoAnswer)); got != "" {
			t.Fatalf("a fault %s", got)
		}
	}
	if got := p.level("1.3"); got != "raised" {
		t.Errorf("high before and after the fault: %q", got)
	}
}

// A contact is debounced by its driver; nothing here may hold smoke back.
func TestContactsAreNotConfirmed(t *testing.T) {
	p := play(t, Rule{Sensor: "det", Kind: Smoke, Level: record.Red, Confirm: time.Hour})
	if got := p.give("det", drivers.NewContact(drivers.Smoke, true)); got != "raised" {
		t.Errorf("smoke with a confirm time: %q at once, want raised", got)
	}
}

// A changed configuration is followed by the alarm that is active.
func TestChangedLevels(t *testing.T) {
	before := play(t, levelRule(t, "1.50", "1.40")) // orange
	before.level("1.60")
	for _, c := range []struct {
		name string
		rule Rule
		want string
	}{
		{"worse now", Rule{Sensor: "pit", Kind: LevelHigh, Level: record.Red, Above: decimal(t, "1.5")}, "escalated/red"},
		{"milder now", Rule{Sensor: "pit", Kind: LevelHigh, Level: record.Blue, Above: decimal(t, "1.5")}, "lowered/blue"},
		{"one of three", levels(t, 0, "1.2", "1.5", "2.0", "0.1"), ""},
		{"higher threshold", levelRule(t, "1.80", "1.70"), "cleared/orange"},
	} {
		p := play(t)
		p.notes, p.seq = maps.Clone(before.notes), 50
		p.restart(c.rule)
		got := p.level("1.60")
		if got != "" {
			got += "/" + p.steps[0].Level.String()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
