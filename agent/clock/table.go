package clock

import (
	"slices"
	"sync"
	"time"
)

const (
	// maxBoots is how many boots a table remembers; beyond it the oldest is
	// forgotten, and what is still kept of it stays unsynced.
	maxBoots = 64
	// maxPoints is how many points the newest boot has, keepPoints each older
	// one: with all of them the durable form stays below 8 KiB.
	maxPoints  = 24
	keepPoints = 6
)

// Outside of these a table takes and gives no time, whatever floor its clock
// has: the years 2000 to 9999, where RFC 3339 ends. In Unix milliseconds.
const (
	earliest = 946684800000
	latest   = 253402300799999
)

// Fix says what time it really was at one moment of a boot.
type Fix struct {
	Boot   BootID
	Offset time.Duration // since boot, millisecond resolution
	UTC    time.Time     // what the time was then, millisecond resolution
	// Step is how far the wall clock was moved when this became known: positive
	// when it was slow. It is zero in what Fixes returns.
	Step time.Duration
}

// Table is the durable knowledge of what time it was when: for each boot some
// moments at which the wall clock was synced. It is safe for concurrent use.
//
// # What it believes
//
// The monotonic clock of a boot is never stepped. So when a synced wall clock
// stands elsewhere than the table expects, one of three is the case:
//
//   - The crystal explains it: at most 0.5 s and 100 ppm of the time since the
//     last point. Both are right, and what lies between them is interpolated.
//   - It is a leap second. Both are right.
//   - The wall clock was stepped, and one of the two is wrong. The newest
//     knowledge wins, for all of that boot: what was learnt before was wrong by
//     as much as the clock was stepped. A time server that is an hour wrong
//     until somebody puts it right harms nothing that is still here, and one
//     that is wrong for an hour harms only what is sent meanwhile. What lies
//     before a gap so long that the crystal explains the step is left alone.
//
// # How exact it is
//
// At a point, as exact as the time service (and 1 ms). Between points less than
// 1 s wrong as long as the crystal's error is steady: even a week without sync
// is then put right by the next one. Outside them, at most 100 ppm of the
// distance to the nearest point: 0.36 s an hour, 8.64 s a day, 60 s a week.
// Uncertainty says it for one stamp.
//
// A boot that ended before the clock was ever synced is not in the table. Its
// stamps keep their order and stay unsynced for ever.
type Table struct {
	mu    sync.RWMutex
	lines []*line // oldest first
	// revision rises with every change of lines, saved is the one that is
	// durable.
	revision, saved uint64
	// boot is the boot of the last stamp learnt from; wallLead and synced are
	// about it alone.
	boot     BootID
	wallLead int64 // of the wall clock when it last stood where it was known to stand
	hasLead  bool
	synced   point // last synced moment, if newer than the line's points
	isSynced bool
}

// NewTable makes a table that knows nothing.
func NewTable() *Table { return &Table{} }

// Learn takes notice of the present moment of this boot. It wants to hear of
// unsynced moments too, since only so can it say how far the clock was stepped.
// Changed reports what is worth telling a receiver: the first fix of a boot, and
// a synced clock that stands more than 0.5 s from where it was expected. Fix is
// then that moment; otherwise it is zero. Stamps older than what is known of
// their boot, corrected ones, and those without boot or wall time teach nothing.
func (t *Table) Learn(s Stamp) (fix Fix, changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := pointOf(s)
	if s.Corrected || s.Wall.IsZero() || s.Offset < 0 || s.Boot == (BootID{}) {
		return Fix{}, false
	}
	if s.Boot != t.boot {
		t.boot, t.hasLead, t.isSynced = s.Boot, false, false
	}
	if !s.Synced || p.utc < earliest || p.utc > latest {
		if !t.hasLead {
			t.wallLead, t.hasLead = p.lead(), true
		}
		return Fix{}, false
	}
	l := t.line(s.Boot)
	expected := p.lead()
	switch {
	case l == nil:
		t.begin(s.Boot, p)
	case p.offset <= l.newest().offset:
		return Fix{}, false
	default:
		expected = l.newest().lead()
		if !t.extend(l, p) {
			t.stand(p)
			return Fix{}, false
		}
	}
	if t.hasLead {
		expected = t.wallLead
	}
	t.stand(p)
	step := time.Duration(p.lead()-expected) * time.Millisecond
	fix = p.fix(s.Boot)
	fix.Step = step
	return fix, true
}

// begin makes the first point of a boot.
func (t *Table) begin(boot BootID, p point) {
	if n := len(t.lines); n > 0 {
		t.lines[n-1].thin(keepPoints)
	}
	t.lines = append(t.lines, &line{boot: boot, points: []point{p}})
	t.lines = slices.Delete(t.lines, 0, max(len(t.lines)-maxBoots, 0))
	t.revision++
}

// extend takes a newer synced point into l and reports whether the clock stands
// elsewhere than l expected.
func (t *Table) extend(l *line, p point) (moved bool) {
	newest := l.newest()
	away := p.lead() - newest.lead()
	if abs(away) <= stepAt.Milliseconds() {
		if p.offset-newest.offset >= refreshEvery.Milliseconds() {
			l.add(p, maxPoints)
			t.revision++
		}
		return false
	}
	// where the old line ended makes the new part start there, not up to
	// refreshEvery earlier
	if t.isSynced && t.synced.offset > newest.offset && t.synced.offset < p.offset {
		newest = t.synced
		l.add(newest, maxPoints)
	}
	away = p.lead() - newest.lead()
	if !agree(newest, p) && !isLeap(newest, p) {
		l.shift(away)
	}
	l.add(p, maxPoints)
	t.revision++
	return abs(away) > stepAt.Milliseconds()
}

// stand notes where the synced wall clock stands.
func (t *Table) stand(p point) {
	t.wallLead, t.hasLead = p.lead(), true
	t.synced, t.isSynced = p, true
}

// Correct is s with the time that the table knows better: of an unsynced stamp
// of a boot that has a fix, and of a synced one that was taken while the clock
// was wrong. It reports whether it changed anything; if not, s is as it was. A
// stamp corrected before is corrected anew.
func (t *Table) Correct(s Stamp) (Stamp, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	l := t.line(s.Boot)
	if l == nil || s.Offset < 0 {
		return s, false
	}
	if s.Synced && !s.Corrected && !s.Wall.IsZero() && l.bears(pointOf(s)) {
		return s, false
	}
	utc := l.at(s.Offset.Milliseconds())
	if utc < earliest || utc > latest {
		return s, false
	}
	s.Wall, s.Synced, s.Corrected = time.UnixMilli(utc).UTC(), true, true
	return s, true
}

// Uncertainty bounds the error that drift can cause in what Correct says of s:
// 100 ppm of the distance to a point. It reports false for a boot without fix.
func (t *Table) Uncertainty(s Stamp) (time.Duration, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	l := t.line(s.Boot)
	if l == nil {
		return 0, false
	}
	return time.Duration(l.uncertain(s.Offset.Milliseconds())) * time.Millisecond, true
}

// Age is how long before now then was: within one boot by the offsets, which is
// always known and exact; over boots by the corrected wall times. It is never
// negative. It reports false when nobody can know.
func (t *Table) Age(now, then Stamp) (time.Duration, bool) {
	if now.Boot == then.Boot {
		return max(now.Offset-then.Offset, 0), true
	}
	now, _ = t.Correct(now) // what could not be corrected is seen below
	then, _ = t.Correct(then)
	if !now.Synced || !then.Synced || now.Wall.IsZero() || then.Wall.IsZero() {
		return 0, false
	}
	return max(now.Wall.Sub(then.Wall), 0), true
}

// Fixes is the newest point of each boot, the newest boot first.
func (t *Table) Fixes() []Fix {
	t.mu.RLock()
	defer t.mu.RUnlock()
	fixes := make([]Fix, 0, len(t.lines))
	for _, l := range slices.Backward(t.lines) {
		fixes = append(fixes, l.newest().fix(l.boot))
	}
	return fixes
}

func (p point) fix(boot BootID) Fix {
	return Fix{Boot: boot, Offset: time.Duration(p.offset) * time.Millisecond, UTC: time.UnixMilli(p.utc).UTC()}
}

// line is nil when nothing is known of a boot.
func (t *Table) line(boot BootID) *line {
	for _, l := range slices.Backward(t.lines) {
		if l.boot == boot {
			return l
		}
	}
	return nil
}
