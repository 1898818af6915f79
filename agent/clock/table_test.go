package clock

import (
	"encoding/binary"
	"testing"
	"time"
)

var (
	boot1 = BootID{1}
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// at is a synced stamp whose wall clock is away from noon plus offset.
func at(offset, away time.Duration) Stamp {
	return Stamp{Boot: boot1, Offset: offset, Wall: noon.Add(offset + away), Synced: true}
}

// The durable form changes at once with a fix or a step, and otherwise at most
// once an hour.
func TestNoteIsDueHourly(t *testing.T) {
	table := NewTable()
	var writes int
	for offset := time.Duration(0); offset <= 24*time.Hour; offset += 5 * time.Second {
		table.Learn(at(offset, 0))
		if table.Unsaved() {
			_, revision := table.Note()
			table.Saved(revision)
			writes++
		}
	}
	if writes != 25 { // the first fix, then hourly
		t.Errorf("%d writes in a day, want 25", writes)
	}
	table.Learn(at(24*time.Hour+5*time.Second, time.Minute))
	if !table.Unsaved() {
		t.Error("a step is not saved at once")
	}
	// what is learnt while a note is being written is not taken for saved
	_, revision := table.Note()
	table.Learn(at(24*time.Hour+10*time.Second, 0))
	table.Saved(revision)
	if !table.Unsaved() {
		t.Error("a step learnt meanwhile counts as saved")
	}
}

// A busy gateway's table stays small, and still knows its newest boots.
func TestTableIsBounded(t *testing.T) {
	table := NewTable()
	var boot BootID
	var last Stamp
	wall := noon
	for n := range 3 * maxBoots {
		binary.BigEndian.PutUint64(boot[8:], uint64(n)+1e15)
		for hour := range 3 * maxPoints {
			wall = wall.Add(time.Hour)
			// a crystal that wanders, so that no point is idle
			wander := time.Duration(hour%3) * 300 * time.Millisecond
			last = Stamp{Boot: boot, Offset: time.Duration(hour) * time.Hour, Wall: wall.Add(wander), Synced: true}
			table.Learn(last)
		}
	}
	note, _ := table.Note()
	t.Logf("%d bytes", len(note))
	if len(note) > 8<<10 {
		t.Errorf("%d bytes, want at most 8 KiB", len(note))
	}
	fixes := table.Fixes()
	if len(fixes) != maxBoots || fixes[0].Boot != boot || fixes[0].Offset != last.Offset || !fixes[0].UTC.Equal(last.Wall) {
		t.Errorf("%d fixes, the first %+v, want %+v", len(fixes), fixes[0], last)
	}
	if n := len(table.lines[maxBoots-1].points); n != maxPoints {
		t.Errorf("%d points of the newest boot", n)
	}
	if n := len(table.lines[0].points); n != keepPoints {
		t.Errorf("%d points of the oldest boot", n)
	}
	again, err := DecodeTable(note)
	if err != nil || string(noteOf(again)) != string(note) {
		t.Errorf("not the same when read back: %v", err)
	}
}

// Thinning drops what the others say as well.
func TestThinKeepsTheBends(t *testing.T) {
	l := &line{points: []point{{0, 0}, {1000, 1000}, {2000, 2100}, {3000, 3100}, {4000, 4100}, {5000, 5100}}}
	l.thin(4)
	want := []point{{0, 0}, {1000, 1000}, {2000, 2100}, {5000, 5100}}
	for i, p := range want {
		if len(l.points) != len(want) || l.points[i] != p {
			t.Fatalf("%v, want %v", l.points, want)
		}
	}
}

func TestWhatTeachesNothing(t *testing.T) {
	good := at(time.Hour, 0)
	for name, change := range map[string]func(*Stamp){
		"corrected":     func(s *Stamp) { s.Corrected = true },
		"no wall time":  func(s *Stamp) { s.Wall = time.Time{} },
		"no boot":       func(s *Stamp) { s.Boot = BootID{} },
		"before boot":   func(s *Stamp) { s.Offset = -1 },
		"unsynced":      func(s *Stamp) { s.Synced = false },
		"the year 1999": func(s *Stamp) { s.Wall = time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC) },
		"year 10000":    func(s *Stamp) { s.Wall = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		table, s := NewTable(), good
		change(&s)
		if fix, changed := table.Learn(s); changed || fix != (Fix{}) || table.Unsaved() || len(table.Fixes()) > 0 {
			t.Errorf("%s: %+v, %t", name, fix, changed)
		}
	}
	table := NewTable()
	if _, changed := table.Learn(good); !changed { // and the check above can see a fix
		t.Error("a good stamp taught nothing")
	}
	if _, changed := table.Learn(at(time.Minute, time.Hour)); changed || len(table.line(boot1).points) != 1 {
		t.Error("an older stamp taught something")
	}
}

func TestCorrect(t *testing.T) {
	table := NewTable()
	table.Learn(at(time.Hour, 0))
	table.Learn(at(3*time.Hour, 600*time.Millisecond)) // 83 ppm
	unsynced := Stamp{Boot: boot1, Wall: time.Unix(100, 0)}
	for name, c := range map[string]struct {
		offset, away time.Duration
	}{
		"before": {time.Minute, 0}, "at": {time.Hour, 0}, "a quarter": {90 * time.Minute, 150 * time.Millisecond},
		"half": {2 * time.Hour, 300 * time.Millisecond}, "after": {9 * time.Hour, 600 * time.Millisecond},
	} {
		s := unsynced
		s.Offset = c.offset
		got, changed := table.Correct(s)
		want := at(c.offset, c.away)
		want.Corrected = true
		if !changed || got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		if again, _ := table.Correct(got); again != got {
			t.Errorf("%s: corrected again to %+v", name, again)
		}
		right := at(c.offset, c.away)
		if got, changed := table.Correct(right); changed || got != right {
			t.Errorf("%s: a right stamp became %+v", name, got)
		}
		wrong := at(c.offset, 40*time.Minute)
		if got, changed := table.Correct(wrong); !changed || got != want {
			t.Errorf("%s: a wrong synced stamp became %+v", name, got)
		}
	}
	for name, s := range map[string]Stamp{
		"another boot": {Boot: BootID{2}, Offset: time.Hour}, "before boot": {Boot: boot1, Offset: -1},
		"no boot": {Offset: time.Hour}, "nothing": {},
	} {
		if got, changed := table.Correct(s); changed || got != s {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestUncertainty(t *testing.T) {
	table := NewTable()
	table.Learn(at(10*time.Hour, 0))
	table.Learn(at(20*time.Hour, 0))
	for offset, want := range map[time.Duration]time.Duration{
		0: 3600 * time.Millisecond, 10 * time.Hour: 0, 20 * time.Hour: 0, 30 * time.Hour: 3600 * time.Millisecond,
		15 * time.Hour: 1800 * time.Millisecond, 11 * time.Hour: 648 * time.Millisecond,
	} {
		if got, ok := table.Uncertainty(at(offset, 0)); got != want || !ok {
			t.Errorf("at %v: %v, want %v", offset, got, want)
		}
	}
	if _, ok := table.Uncertainty(Stamp{Boot: BootID{2}}); ok {
		t.Error("an unknown boot has an uncertainty")
	}
}

func TestAge(t *testing.T) {
	table := NewTable()
	table.Learn(at(time.Hour, 0))
	second := Stamp{Boot: BootID{2}, Offset: time.Minute, Wall: noon.Add(5 * time.Hour), Synced: true}
	for name, c := range map[string]struct {
		then Stamp
		want time.Duration
		ok   bool
	}{
		"one boot":                    {Stamp{Boot: BootID{2}, Wall: time.Unix(0, 0)}, time.Minute, true},
		"one boot, then is later":     {Stamp{Boot: BootID{2}, Offset: time.Hour}, 0, true},
		"another boot with a fix":     {Stamp{Boot: boot1, Offset: 2 * time.Hour, Wall: time.Unix(0, 0)}, 3 * time.Hour, true},
		"another boot, seems later":   {Stamp{Boot: boot1, Offset: 6 * time.Hour}, 0, true},
		"another boot without a fix":  {Stamp{Boot: BootID{3}, Wall: noon}, 0, false},
		"synced, of a forgotten boot": {Stamp{Boot: BootID{3}, Wall: noon, Synced: true}, 5 * time.Hour, true},
	} {
		if got, ok := table.Age(second, c.then); got != c.want || ok != c.ok {
			t.Errorf("%s: %v, %t, want %v, %t", name, got, ok, c.want, c.ok)
		}
	}
}

// A step of one second is a leap second at the end of a month only.
func TestLeapSecond(t *testing.T) {
	midnight := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	for name, c := range map[string]struct {
		a, b point
		want bool
	}{
		"added":               {point{0, midnight - 2000}, point{5000, midnight + 2000}, true},
		"added, seen in it":   {point{0, midnight - 4500}, point{5000, midnight - 500}, true},
		"taken away":          {point{0, midnight - 2000}, point{5000, midnight + 4000}, true},
		"no step":             {point{0, midnight - 2000}, point{5000, midnight + 3000}, false},
		"two seconds":         {point{0, midnight - 2000}, point{5000, midnight + 1000}, false},
		"at another midnight": {point{0, midnight + 86400000 - 2000}, point{5000, midnight + 86400000 + 2000}, false},
		"at noon":             {point{0, midnight - 43202000}, point{5000, midnight - 43198000}, false},
	} {
		if got := isLeap(c.a, c.b); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// A step that the crystal may explain after a long gap moves nothing before it:
// what can be true together stays.
func TestStepLeavesWhatItNeedNotTouch(t *testing.T) {
	table := NewTable()
	table.Learn(at(time.Hour, 0))
	table.Learn(at(121*time.Hour, 10*time.Second))  // 23 ppm, or a wrong server
	table.Learn(at(121*time.Hour+5*time.Minute, 0)) // a wrong server, then
	for offset, want := range map[time.Duration]Stamp{time.Hour: at(time.Hour, 0), 121 * time.Hour: at(121*time.Hour, 0)} {
		got, _ := table.Correct(Stamp{Boot: boot1, Offset: offset})
		if away := got.Wall.Sub(want.Wall).Abs(); away > 10*time.Millisecond {
			t.Errorf("at %v: %v wrong", offset, away)
		}
	}
}

// A crystal begins to run wrong where the clock was last synced, not where the
// table last took a point.
func TestGapBeginsAtTheLastSyncedMoment(t *testing.T) {
	table := NewTable()
	table.Learn(at(time.Hour, 0))
	table.Learn(at(115*time.Minute, 0))
	table.Learn(at(26*time.Hour, 8*time.Second))
	for _, offset := range []time.Duration{90 * time.Minute, 115 * time.Minute} {
		if got, _ := table.Correct(Stamp{Boot: boot1, Offset: offset}); !got.Wall.Equal(at(offset, 0).Wall) {
			t.Errorf("at %v: %v wrong", offset, got.Wall.Sub(at(offset, 0).Wall))
		}
	}
}
