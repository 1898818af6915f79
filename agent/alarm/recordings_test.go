package alarm

import (
	"bufio"
	"os"
	"strings"
	"testing"

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
