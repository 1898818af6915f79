package clock

import (
	"math"
	"slices"
	"time"
)

const (
	// stepAt is how far a synced wall clock may lie from what the table expects
	// before that is worth telling, and before one of the two must be wrong.
	// systemd-timesyncd slews what is below 0.4 s (NTP_MAX_ADJUST in its
	// timesyncd-manager.c); what is above has been stepped. With it, what is not
	// noticed stays well within a second.
	stepAt = 500 * time.Millisecond
	// driftPPM is how fast a gateway's crystal may run wrong: parts are sold with
	// 20 to 50 ppm at 25 degrees, and cabinets get cold and hot.
	driftPPM = 100
	// refreshEvery is how often a boot that stays synced gets another point. At
	// driftPPM the clock runs 0.36 s away from the last one in that time.
	refreshEvery = time.Hour
	// leapWithin is how exactly a step has to be one second to be a leap second.
	leapWithin = 100 * time.Millisecond
)

// point is one synced moment of a boot, in milliseconds.
type point struct {
	offset int64 // since boot
	utc    int64 // Unix
}

func pointOf(s Stamp) point {
	return point{offset: s.Offset.Milliseconds(), utc: s.Wall.UnixMilli()}
}

// lead is how far UTC is ahead of the offset: constant but for drift, leap
// seconds and mistakes.
func (p point) lead() int64 { return p.utc - p.offset }

// drift bounds what a crystal gathers in ms milliseconds.
func drift(ms int64) int64 { return int64(math.Abs(float64(ms)) * driftPPM / 1e6) }

// line is what is known of one boot: its points, offsets rising. A boot's
// monotonic clock is never stepped, so its points lie on one nearly straight
// line.
type line struct {
	boot   BootID
	points []point // at least one
}

func (l *line) newest() point { return l.points[len(l.points)-1] }

// around is the newest point at or before offset and the oldest after it; at
// the ends both are the nearest.
func (l *line) around(offset int64) (before, after point) {
	i, _ := slices.BinarySearchFunc(l.points, offset, func(p point, at int64) int {
		if p.offset <= at {
			return -1
		}
		return 1
	})
	return l.points[max(i-1, 0)], l.points[min(i, len(l.points)-1)]
}

// at is UTC at an offset: between two points in proportion, outside them from
// the nearest at the clock's own rate.
func (l *line) at(offset int64) int64 {
	a, b := l.around(offset)
	return a.utc + offset - a.offset + gained(a, b, offset)
}

// gained is what UTC gained on the offset between a and offset, if it gained
// evenly from a to b.
func gained(a, b point, offset int64) int64 {
	if a.offset == b.offset {
		return 0
	}
	share := float64(offset-a.offset) / float64(b.offset-a.offset)
	return int64(math.Round(share * float64(b.lead()-a.lead())))
}

// uncertain bounds the error of at that drift can cause. Between two points the
// rate may have been wrong one way and then the other, never by more than
// driftPPM: the worst corner lies 2ab/(a+b) of it away.
func (l *line) uncertain(offset int64) int64 {
	before, after := l.around(offset)
	a, b := math.Abs(float64(offset-before.offset)), math.Abs(float64(after.offset-offset))
	if before == after || a == 0 || b == 0 {
		return drift(int64(min(a, b)))
	}
	return drift(int64(2 * a * b / (a + b)))
}

// agree reports whether the crystal explains what two points differ by.
func agree(p, q point) bool {
	return abs(p.lead()-q.lead()) <= stepAt.Milliseconds()+drift(p.offset-q.offset)
}

// bears reports whether a point beside p says the same as p.
func (l *line) bears(p point) bool {
	before, after := l.around(p.offset)
	return agree(p, before) || agree(p, after)
}

// add appends p, which is newer than all points.
func (l *line) add(p point, limit int) {
	l.points = append(l.points, p)
	l.thin(limit)
}

// shift moves the points by ms, which they were wrong by: from the newest back
// to the first that the crystal can reconcile with those already moved.
func (l *line) shift(ms int64) {
	for i := len(l.points) - 1; i >= 0; i-- {
		if i+1 < len(l.points) && agree(l.points[i], l.points[i+1]) {
			return
		}
		l.points[i].utc += ms
	}
}

// thin drops points until limit are left, each time the one whose neighbours
// say nearly the same without it. The first and the last stay.
func (l *line) thin(limit int) {
	for len(l.points) > max(limit, 2) {
		least, drop := int64(math.MaxInt64), 1
		for i := 1; i < len(l.points)-1; i++ {
			a, p, b := l.points[i-1], l.points[i], l.points[i+1]
			if miss := abs(p.lead() - a.lead() - gained(a, b, p.offset)); miss < least {
				least, drop = miss, i
			}
		}
		l.points = slices.Delete(l.points, drop, drop+1)
	}
}

// isLeap reports whether the clock went from a to b over the end of a month in
// UTC and was stepped by one second: both are right, the day was not 86,400
// seconds long.
func isLeap(a, b point) bool {
	step := abs(b.lead() - a.lead())
	if abs(step-1000) > leapWithin.Milliseconds()+drift(b.offset-a.offset) {
		return false
	}
	// a leap second added ends on a clock stepped back: b may still say 23:59:59
	from, to := time.UnixMilli(a.utc).UTC(), time.UnixMilli(b.utc).Add(time.Second).UTC()
	return from.Month() != to.Month() || from.Year() != to.Year()
}

func abs(n int64) int64 { return max(n, -n) }
