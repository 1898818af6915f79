package alarm

import (
	"bufio"
	"os"
	"strings"
	"testing"
	"time"

	"watchpost/agent/record"
	"watchpost/drivers"
)

// column reads one column of a CSV whose comment lines begin with #.
func column(t *testing.T, path string, n int) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var values []string
	lines := bufio.NewScanner(f)
	for head := true; lines.Scan(); {
		switch {
		case strings.HasPrefix(lines.Text(), "#"):
		case head:
			head = false
		default:
			values = append(values, strings.Split(lines.Text(), ",")[n])
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}

// A river near its crest crosses 6.2 m twenty-three times in two days. That is
// one alarm, not a dozen.
func TestSlowRiverIsOneAlarm(t *testing.T) {
	levels := column(t, "testdata/slow-pearl-river-2019-02.csv", 1)
	if len(levels) != 240 {
		t.Fatalf("%d levels, want 240", len(levels))
	}
	for _, c := range []struct {
		clear   string
		crosses int
	}{{"6.2", 23}, {"6.1", 1}} {
		p := play(t, levelRule(t, "6.2", c.clear))
		crosses := 0
		for _, v := range levels {
			if p.level(v) != "" {
				crosses++
			}
		}
		if crosses != c.crosses {
			t.Errorf("cleared below %s m: %d steps, want %d", c.clear, crosses, c.crosses)
		}
	}
}

// told is a recording played against a rule: how often an alarm was raised, and
// how many steps all of them made. Each value is so many seconds after the last.
func told(t *testing.T, rule Rule, values []string, every uint64) (raised, steps int) {
	t.Helper()
	p := play(t, rule)
	for _, v := range values {
		p.passed += every - 1
		p.level(v)
	}
	for _, a := range p.steps {
		if a.State == record.Raised {
			raised++
		}
	}
	return raised, len(p.steps)
}

// The same river with three levels is still one alarm, which rises with it.
func TestSlowRiverRisesThroughItsLevels(t *testing.T) {
	values := column(t, "testdata/slow-pearl-river-2019-02.csv", 1)
	for _, c := range []struct {
		name          string
		gap           string
		confirm       time.Duration
		raised, steps int
	}{
		{"10 cm of hysteresis", "0.1", 0, 1, 3},
		{"10 cm, an hour of confirmation", "0.1", time.Hour, 1, 3},
		{"an hour of confirmation alone", "0", time.Hour, 1, 13},
		{"neither", "0", 0, 1, 25},
	} {
		raised, steps := told(t, levels(t, c.confirm, "6.1", "6.15", "6.2", c.gap), values, 1800)
		if raised != c.raised || steps != c.steps {
			t.Errorf("%s: %d alarms of %d steps, want %d of %d", c.name, raised, steps, c.raised, c.steps)
		}
	}
}

// The tide crosses 0.8 m 32 times in two weeks and is no flood. No hysteresis makes
// one alarm of it, since it does fall by two metres between: the threshold has to
// stand above the tide. At 1.0 m the gale is two alarms, one for each high water, and at 1.05 m one.
func TestTideIsNoFlood(t *testing.T) {
	values := column(t, "../../drivers/sim/testdata/tide-wilmington-2024-03.csv", 1)
	if len(values) != 3360 {
		t.Fatalf("%d levels, want 3360", len(values))
	}
	for _, c := range []struct {
		above, clear  string
		confirm       time.Duration
		raised, steps int
	}{
		{"0.8", "0.8", 0, 16, 32},
		{"0.8", "0.7", 0, 15, 30},
		{"0.8", "0.7", time.Hour, 13, 26},
		{"1.0", "0.9", 0, 2, 4},
		{"1.05", "0.95", 0, 1, 2},
	} {
		rule := levelRule(t, c.above, c.clear)
		rule.Confirm = c.confirm
		raised, steps := told(t, rule, values, 360)
		if raised != c.raised || steps != c.steps {
			t.Errorf("above %s, clear below %s, confirmed for %v: %d alarms of %d steps, want %d of %d", c.above, c.clear, c.confirm, raised, steps, c.raised, c.steps)
		}
	}
}

// A fire flutters around every threshold on its way up and down.
func TestSmokeFlutter(t *testing.T) {
	ppm := column(t, "testdata/eco2-fire.csv", 3)
	if len(ppm) != 1160 {
		t.Fatalf("%d values, want 1160", len(ppm))
	}
	threshold := *decimal(t, "1000")
	contact := play(t, Rule{Sensor: "det", Kind: Smoke, Level: record.Red})
	calm := levelRule(t, "1000", "500")
	calm.Quantity = "eco2"
	steady := play(t, calm)
	flutter, raises, last := 0, 0, ""
	for _, v := range ppm {
		value := *decimal(t, v)
		if got := contact.give("det", drivers.NewContact(drivers.Smoke, value.Compare(threshold) >= 0)); got != "" {
			if got == last || strings.Contains(got, "+") {
				t.Fatalf("%q after %q", got, last)
			}
			if last = got; got == "raised" {
				flutter++
			}
		}
		if steady.give("pit", drivers.NewGood("eco2", value, "ppm")) == "raised" {
			raises++
		}
	}
	if flutter != 19 {
		t.Errorf("the bare contact raised %d times, want 19", flutter)
	}
	if raises != 4 { // the fire dies down and flares up again
		t.Errorf("with hysteresis %d raises, want 4", raises)
	}
}
