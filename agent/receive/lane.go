package receive

import (
	"slices"

	"watchpost/agent/record"
)

// What is kept of one lane, so that thousands of gateways fit.
const (
	// Remembered is how many of the newest records of a lane doubles are compared
	// with.
	Remembered = 128
	maxRuns    = 16
	maxGaps    = 256
)

// Gap is a stretch of records that did not arrive: those sent after After, up to
// and including Through.
type Gap struct {
	After   *Position `json:"after"` // the newest record before it that arrived; null: none
	Through Position  `json:"through"`
}

// gap is a Gap as it is kept.
type gap struct{ after, through record.Position }

func (g gap) public() Gap { return Gap{positionOf(g.after), *positionOf(g.through)} }

// oneRun reports whether all of the gap is in one run.
func (g gap) oneRun() bool { return g.after.Run == g.through.Run }

// holds reports whether p is in the gap for certain.
func (g gap) holds(p record.Position) bool {
	inAfter := p.Run == g.after.Run && p.Seq > g.after.Seq
	inThrough := p.Run == g.through.Run && p.Seq <= g.through.Seq
	if g.oneRun() {
		return inAfter && inThrough
	}
	return inAfter || inThrough
}

// print is the fingerprint of one record's content. The name is a hash, to be
// small: two records of 128 have the same one in 10^15 cases or more.
type print struct{ name, sum uint64 }

func nameOf(p record.Position) uint64 {
	const odd = 0x9e3779b97f4a7c15 // 2^64 over the golden ratio, which spreads bits well
	return ((p.Run.Epoch^p.Run.N*odd)*odd ^ p.Seq) * odd
}

// laneRun is what arrived of one run.
type laneRun struct {
	run record.Run
	got spans
	obs uint64 // of the record with the highest seq that has one
}

// lane is what is known of one lane of one gateway.
type lane struct {
	runs   []laneRun // in the order they were first seen
	head   record.Position
	start  record.Position // the first record that arrived
	past   record.Position // what was sent before it
	whole  bool            // nothing was sent before it that does not count
	gaps   []gap
	prints []print // a ring, oldest at next once it is full
	next   int

	received, doubles, differing, found, filled, violations uint64
	forgotten                                               uint64 // gaps beyond maxGaps
}

// arrived is what one record's arrival shows.
type arrived struct {
	double, differs bool
	gap             *gap  // found by this arrival
	filled          *gap  // closed or parted by it
	wrong           words // contradicts the contract
}

// take takes in one record. prev is zero when the record names none; sum is its
// content's fingerprint.
func (l *lane) take(at, prev record.Position, obs, sum uint64, fromStart bool) (a arrived) {
	run := l.run(at.Run)
	if run.got.has(at.Seq) {
		l.doubles++
		a.double = true
		if a.differs = l.differs(at, sum); a.differs {
			l.differing++
		}
		return a
	}
	l.received++
	highest := run.got.highest()
	if i := l.around(at, prev, highest == 0); i >= 0 {
		g := l.fill(i, at, prev)
		a.filled = &g
	} else {
		a.gap, a.wrong = l.follows(at, prev, fromStart)
	}
	if at.Seq > highest {
		if obs > 0 && obs < run.obs && a.wrong == (words{}) {
			a.wrong = words{"seq 增大而 obs 变小", "obs goes back while seq goes on"}
		}
		run.obs = max(run.obs, obs)
	}
	run.got = run.got.add(at.Seq, at.Seq)
	if a.filled == nil && !l.early(at) {
		l.head = at
	}
	l.remember(at, sum)
	return a
}

// follows looks at a record that is new at the end of the lane.
func (l *lane) follows(at, prev record.Position, fromStart bool) (found *gap, wrong words) {
	switch {
	case prev == at:
		return nil, words{"prev 指向记录自己", "prev names the record itself"}
	case l.start.IsZero():
		l.start, l.past = at, prev
		if l.whole = fromStart; !fromStart || prev.IsZero() {
			return nil, words{}
		}
	case l.early(at):
		if prev.Run != l.start.Run {
			l.past = prev
		}
		return nil, words{}
	case prev.IsZero():
		if at.Seq > 1 && l.run(at.Run).got.before(at.Seq) > 0 {
			return nil, words{"本次运行已有记录，prev 却为 null", "prev is null after other records of the run"}
		}
		return nil, words{}
	case l.has(prev) || l.early(prev) || l.missing(prev):
		return nil, words{}
	}
	g := gap{after: l.before(prev), through: prev}
	l.found++
	if len(l.gaps) == maxGaps {
		l.gaps = slices.Delete(l.gaps, 0, 1)
		l.forgotten++
	}
	l.gaps = append(l.gaps, g)
	return &g, words{}
}

// around is the gap that a record belongs into, -1 when there is none. A run that
// was never seen before may be inside a gap between two others.
func (l *lane) around(at, prev record.Position, unseen bool) int {
	return slices.IndexFunc(l.gaps, func(g gap) bool {
		between := unseen && !g.oneRun() && at.Run != g.after.Run && at.Run != g.through.Run
		return g.holds(at) || between && (prev == g.after || g.holds(prev))
	})
}

// fill closes a gap, or leaves what is missing before and after the record.
func (l *lane) fill(i int, at, prev record.Position) gap {
	g := l.gaps[i]
	var rest []gap
	if !prev.IsZero() && prev != g.after && !l.has(prev) && !l.early(prev) {
		rest = append(rest, gap{g.after, prev})
	}
	if at != g.through {
		rest = append(rest, gap{at, g.through})
	}
	l.gaps = slices.Replace(l.gaps, i, i+1, rest...)
	l.filled++
	return g
}

// early reports whether a record was sent before the first that arrived.
func (l *lane) early(p record.Position) bool {
	if l.whole {
		return false
	}
	return p.Run == l.start.Run && p.Seq < l.start.Seq && !l.start.IsZero() ||
		p.Run == l.past.Run && p.Seq <= l.past.Seq && !l.past.IsZero()
}

func (l *lane) missing(p record.Position) bool {
	return slices.ContainsFunc(l.gaps, func(g gap) bool { return g.holds(p) })
}

func (l *lane) has(p record.Position) bool {
	i := l.index(p.Run)
	return i >= 0 && l.runs[i].got.has(p.Seq)
}

// before is the newest record before p that arrived; zero when none of p's run
// did, though later ones of it have. Records that a gateway could not read for a
// while come after later ones.
func (l *lane) before(p record.Position) record.Position {
	if i := l.index(p.Run); i >= 0 {
		if seq := l.runs[i].got.before(p.Seq); seq > 0 {
			return record.Position{Run: p.Run, Seq: seq}
		}
		if len(l.runs[i].got) > 0 {
			return record.Position{}
		}
	}
	return l.head
}

func (l *lane) index(r record.Run) int {
	return slices.IndexFunc(l.runs, func(x laneRun) bool { return x.run == r })
}

// run is what is known of a run; one more is begun when it is new, and the
// oldest forgotten when there are too many.
func (l *lane) run(r record.Run) *laneRun {
	if n := len(l.runs); n > 0 && l.runs[n-1].run == r {
		return &l.runs[n-1]
	}
	if i := l.index(r); i >= 0 {
		return &l.runs[i]
	}
	if len(l.runs) == maxRuns {
		l.runs = slices.Delete(l.runs, 0, 1)
	}
	l.runs = append(l.runs, laneRun{run: r})
	return &l.runs[len(l.runs)-1]
}

func (l *lane) remember(at record.Position, sum uint64) {
	if len(l.prints) < Remembered {
		l.prints = append(l.prints, print{nameOf(at), sum})
		return
	}
	l.prints[l.next] = print{nameOf(at), sum}
	l.next = (l.next + 1) % Remembered
}

// differs reports whether the same record came with other content before.
func (l *lane) differs(at record.Position, sum uint64) bool {
	name := nameOf(at)
	i := slices.IndexFunc(l.prints, func(p print) bool { return p.name == name })
	return i >= 0 && l.prints[i].sum != sum
}
