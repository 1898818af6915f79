package sim_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"watchpost/drivers"
	"watchpost/drivers/sim"
)

// floor is a year in which none of the loggers was built yet.
func floor() time.Time { return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) }

func readLog(t *testing.T, name string) *sim.Log {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	log, err := sim.ReadLog(f, floor())
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// figures are what can be counted in a log.
type figures struct {
	Rows, Damaged, LostClock, AtPowerOn, Backwards, Jumps int
	Nearest, Farthest                                     string // cm
	BatteryLow, BatteryHigh                               string // V
	First, Last                                           string // believed
	Gaps                                                  int    // over 2 h between believed times
	LongestGapDays                                        int
}

func count(log *sim.Log) figures {
	f := figures{Rows: len(log.Rows) + len(log.Damaged), Damaged: len(log.Damaged)}
	var nearest, farthest, low, high *drivers.Decimal
	var believed *sim.LogRow
	var longest time.Duration
	for i := range log.Rows {
		row := &log.Rows[i]
		nearest, farthest = lower(nearest, &row.Distance), higher(farthest, &row.Distance)
		low, high = lower(low, &row.Battery), higher(high, &row.Battery)
		if row.At.Unix() == 946684810 { // 2000-01-01T00:00:10: ten seconds after power on
			f.AtPowerOn++
		}
		if i > 0 {
			before := &log.Rows[i-1]
			if row.At.Before(before.At) {
				f.Backwards++
			}
			if jump := row.Distance.Float() - before.Distance.Float(); jump > 100 || jump < -100 {
				f.Jumps++
			}
		}
		if !row.Believed {
			f.LostClock++
			continue
		}
		if believed == nil {
			f.First = row.At.Format(time.DateOnly)
		} else if gap := row.At.Sub(believed.At); gap > 2*time.Hour {
			f.Gaps++
			longest = max(longest, gap)
		}
		believed = row
		f.Last = row.At.Format(time.DateOnly)
	}
	f.Nearest, f.Farthest, f.BatteryLow, f.BatteryHigh = nearest.String(), farthest.String(), low.String(), high.String()
	f.LongestGapDays = int(longest.Hours() / 24)
	return f
}

func lower(a, b *drivers.Decimal) *drivers.Decimal {
	if a == nil || b.Compare(*a) < 0 {
		return b
	}
	return a
}

func higher(a, b *drivers.Decimal) *drivers.Decimal {
	if a == nil || b.Compare(*a) > 0 {
		return b
	}
	return a
}

func TestFieldLogs(t *testing.T) {
	for name, want := range map[string]figures{
		"ultrasonic-wl0006.log": {Rows: 5947, LostClock: 691, AtPowerOn: 363, Backwards: 50, Jumps: 57,
			Nearest: "1.40417", Farthest: "942.92499", BatteryLow: "0.04", BatteryHigh: "4.18",
			First: "2025-01-30", Last: "2025-10-31", Gaps: 11, LongestGapDays: 41},
		"ultrasonic-wl0003-head.log": {Rows: 1500, Damaged: 27, LostClock: 41, AtPowerOn: 36, Backwards: 5, Jumps: 13,
			Nearest: "18.02639", Farthest: "450.87918", BatteryLow: "0.15", BatteryHigh: "4.18",
			First: "2024-01-04", Last: "2024-06-05", Gaps: 7, LongestGapDays: 90},
	} {
		if diff := cmp.Diff(want, count(readLog(t, name))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// 26 rows are marked with a semicolon, and a storage fault swallowed a run of
// rows on one line that ends like a good one.
func TestFieldLogDamage(t *testing.T) {
	log := readLog(t, "ultrasonic-wl0003-head.log")
	marked, fault := 0, 0
	for _, d := range log.Damaged {
		switch {
		case strings.HasPrefix(d.Err.Error(), `time ";`):
			marked++
		case d.Line == 151 && strings.Contains(d.Err.Error(), "fields"):
			fault++
		default:
			t.Errorf("line %d: %v", d.Line, d.Err)
		}
	}
	if marked != 26 || fault != 1 {
		t.Errorf("%d marked lines and %d storage faults, want 26 and 1", marked, fault)
	}
	for _, row := range log.Rows {
		if row.Line == 151 || row.At.Unix() == 1712721619 {
			t.Errorf("a part of the damaged line became a row: %+v", row)
		}
	}
}

func TestReadLogRow(t *testing.T) {
	log, err := sim.ReadLog(strings.NewReader("# head\n946684810,63.44305,0.23,0.00\n1738265070,187.00,4.18,98.45\n"), floor())
	if err != nil || len(log.Damaged) != 0 {
		t.Fatalf("%v, %v", log, err)
	}
	want := []sim.LogRow{
		{Line: 2, At: time.Date(2000, 1, 1, 0, 0, 10, 0, time.UTC),
			Distance: drivers.Decimal{Coefficient: 6344305, Scale: 5}, Battery: drivers.Decimal{Coefficient: 23, Scale: 2}, Charge: drivers.Decimal{Scale: 2}},
		{Line: 3, At: time.Date(2025, 1, 30, 19, 24, 30, 0, time.UTC), Believed: true,
			Distance: drivers.Decimal{Coefficient: 18700, Scale: 2}, Battery: drivers.Decimal{Coefficient: 418, Scale: 2}, Charge: drivers.Decimal{Coefficient: 9845, Scale: 2}},
	}
	if diff := cmp.Diff(want, log.Rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// One good row before and one after each damaged line are kept; the damaged line
// is named.
func TestReadLogRefuses(t *testing.T) {
	const good = "1738265070,187.00000,4.18,98.45"
	for name, line := range map[string]string{
		"empty":            "",
		"comment inside":   "# late",
		"semicolon":        ";" + good,
		"three fields":     "1738265070,187.00000,4.18",
		"five fields":      good + ",1",
		"two rows":         "1738265070,187.00000,4" + good,
		"carriage return":  good + "\r",
		"space":            "1738265070, 187.00000,4.18,98.45",
		"plus":             "+1738265070,187.00000,4.18,98.45",
		"time negative":    "-1,187.00000,4.18,98.45",
		"time too late":    "99999999999,187.00000,4.18,98.45",
		"fraction of time": "1738265070.5,187.00000,4.18,98.45",
		"minus":            "1738265070,-187.00000,4.18,98.45",
		"minus zero":       "1738265070,-0.00000,4.18,98.45",
		"exponent":         "1738265070,1e2,4.18,98.45",
		"too far":          "1738265070,10000.00001,4.18,98.45",
		"battery":          "1738265070,187.00000,101,98.45",
		"charge":           "1738265070,187.00000,4.18,100.01",
		"no charge":        "1738265070,187.00000,4.18,",
		"endless":          strings.Repeat("7", 10_000),
	} {
		log, err := sim.ReadLog(strings.NewReader("# head\n"+good+"\n"+line+"\n"+good+"\n"), floor())
		if err != nil || len(log.Rows) != 2 || len(log.Damaged) != 1 || log.Damaged[0].Line != 3 || log.Damaged[0].Err == nil {
			t.Errorf("%s: got %+v, %v; want two rows around a damaged line 3", name, log, err)
		}
	}
	for name, text := range map[string]string{"row": good, "head": "# head", "endless": strings.Repeat("7", 10_000)} {
		log, err := sim.ReadLog(strings.NewReader(good+"\n"+text), floor())
		if err != nil || len(log.Rows) != 1 || len(log.Damaged) != 1 || log.Damaged[0].Line != 2 {
			t.Errorf("cut %s: got %+v, %v; want one row", name, log, err)
		}
	}
	gone := errors.New("gone")
	if _, err := sim.ReadLog(io.MultiReader(strings.NewReader(good+"\n"), iotest.ErrReader(gone)), floor()); !errors.Is(err, gone) {
		t.Errorf("a reader that fails: %v", err)
	}
	if log, err := sim.ReadLog(strings.NewReader(""), floor()); err != nil || len(log.Rows)+len(log.Damaged) != 0 {
		t.Errorf("nothing: %+v, %v", log, err)
	}
}

func FuzzReadLog(f *testing.F) {
	f.Add([]byte("# head\n946684810,63.44305,0.23,0.00\n"))
	f.Add([]byte(";946685161,124.74445,0.05,44.87\n1738265070,187.00000,4.18,98.45\n\n1,2,3"))
	f.Add([]byte("1712664018,189.17361,4\x1c`pXpn\\lh\x141712721619,103.18333,4.08,87.49\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		log, err := sim.ReadLog(strings.NewReader(string(text)), floor())
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		for _, row := range log.Rows {
			// A row says exactly what its whole line says.
			line := lines[row.Line-1]
			fields := strings.Split(line, ",")
			if len(fields) != 4 || row.Line == len(lines) {
				t.Fatalf("line %d %q became a row", row.Line, line)
			}
			for i, d := range []drivers.Decimal{row.Distance, row.Battery, row.Charge} {
				if again, err := drivers.ParseDecimal(fields[i+1]); err != nil || again != d {
					t.Fatalf("line %d %q became %+v", row.Line, line, row)
				}
			}
			if row.Believed == row.At.Before(floor()) {
				t.Fatalf("line %d: %s believed %t", row.Line, row.At, row.Believed)
			}
		}
		head := 0
		for head < len(lines)-1 && strings.HasPrefix(lines[head], "#") {
			head++
		}
		rest := len(lines) - head
		if lines[len(lines)-1] == "" {
			rest--
		}
		if len(log.Rows)+len(log.Damaged) != rest {
			t.Fatalf("%d rows and %d damaged lines of %d", len(log.Rows), len(log.Damaged), rest)
		}
	})
}
