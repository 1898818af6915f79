package receive

import (
	"maps"
	"slices"
	"testing"

	"watchpost/agent/record"

	"pgregory.net/rapid"
)

// history is a random life of one gateway's lane as it is sent: restarts, broken
// connections after which unconfirmed messages come again in other company,
// records that a filter passes over, and ranges given up before a restart.
type history struct {
	t       *rapid.T
	m       *maker
	lane    record.Lane
	all     []sent                              // in the order they were sent
	parent  map[record.Position]record.Position // prev of each record, as first sent
	lost    map[record.Position]bool            // given up
	run     uint64
	seq     uint64
	events  record.Position
	last    record.Position // the last record sent
	pending []sent          // sent and not confirmed
}

func (h *history) send() {
	prev := h.last
	var at []record.Position
	many := 1
	if h.lane == record.Readings {
		many = rapid.IntRange(1, 5).Draw(h.t, "readings")
	}
	for range many {
		h.seq += uint64(rapid.SampledFrom([]int{1, 1, 1, 2, 4}).Draw(h.t, "step")) // filtered
		at = append(at, pos(h.run, h.seq))
	}
	h.out(prev, at)
}

// out makes the messages of some records and sends them, the readings in new
// company.
func (h *history) out(prev record.Position, at []record.Position) {
	for len(at) > 0 {
		n := 1
		for h.lane == record.Readings && n < len(at) && at[n].Run == at[0].Run && rapid.Bool().Draw(h.t, "together") {
			n++
		}
		var s sent
		switch h.lane {
		case record.Readings:
			s = h.m.readings(prev, at[:n]...)
		case record.Events:
			s = h.m.door(prev, at[0])
		default:
			s = h.m.alarm(prev, at[0])
		}
		for _, p := range s.at {
			if _, again := h.parent[p]; !again {
				h.parent[p] = prev
			}
			prev = p
		}
		h.all = append(h.all, s)
		h.pending = append(h.pending, s)
		h.last, at = prev, at[n:]
	}
}

// resend is a broken connection: what was not confirmed comes again.
func (h *history) resend() {
	if len(h.pending) == 0 {
		return
	}
	again := h.pending[rapid.IntRange(0, len(h.pending)-1).Draw(h.t, "confirmed"):]
	var at []record.Position
	for _, s := range again {
		at = append(at, s.at...)
	}
	h.pending = nil
	h.m.synced = true // by then the clock is known better
	h.out(again[0].prev, at)
}

// restart begins a new run. What was not confirmed before comes again; some of
// what was never sent may have been given up, and prev then names that.
func (h *history) restart() {
	if rapid.Bool().Draw(h.t, "resend") {
		h.resend()
	}
	if h.lane == record.Readings && h.last.Run == run(h.run) && rapid.IntRange(0, 2).Draw(h.t, "give up") == 0 {
		first := h.seq + 1
		h.seq += uint64(rapid.IntRange(1, 4).Draw(h.t, "given up"))
		for seq := first; seq <= h.seq; seq++ {
			h.lost[pos(h.run, seq)] = true
		}
		at := record.Position{Run: run(h.run), Seq: h.events.Seq + 1}
		if h.events.Run != at.Run {
			at.Seq = 1
		}
		h.all = append(h.all, h.m.loss(h.events, at, record.Readings, record.Range{Run: run(h.run), First: first, Last: h.seq}))
		h.events = at
		h.parent[pos(h.run, h.seq)] = h.last
		h.last = pos(h.run, h.seq)
	}
	h.pending = nil
	h.run++
	h.seq = 0
	h.m.boot[0] = byte(h.run)
}

func newHistory(t *rapid.T) *history {
	h := &history{
		t: t, m: newMaker("GW-1"), lane: rapid.SampledFrom(record.Lanes()).Draw(t, "lane"), run: 1,
		parent: map[record.Position]record.Position{}, lost: map[record.Position]bool{},
	}
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		switch rapid.SampledFrom([]string{"send", "send", "send", "resend", "confirm", "restart"}).Draw(t, "what") {
		case "send":
			h.send()
		case "resend":
			h.resend()
		case "confirm":
			h.pending = nil
		case "restart":
			h.restart()
		}
	}
	return h
}

// expected are the gaps that somebody who knows all would name, and whether
// losses explain them: for each record that arrived, those before it that did
// not, back to one that did. What was sent before the first arrival is unknown.
func (h *history) expected(got map[record.Position]bool, first record.Position) map[gap]bool {
	past := map[record.Position]bool{}
	for p := h.parent[first]; !p.IsZero(); p = h.parent[p] {
		past[p] = true
	}
	all := map[gap]bool{}
	for at := range got {
		through := h.parent[at]
		if through.IsZero() || got[through] || past[through] || past[at] {
			continue
		}
		explained, p := true, through
		for ; !got[p]; p = h.parent[p] {
			explained = explained && h.lost[p]
		}
		all[gap{p, through}] = explained
	}
	return all
}

// deliver hands the checker what is not dropped on the way: a record for ever, or
// a message this time. It returns the records that arrived, the first of them,
// and how many came again.
func (h *history) deliver(c *Checker) (got map[record.Position]bool, first record.Position, doubles int) {
	forEver := rapid.Bool().Draw(h.t, "for ever")
	gone := map[record.Position]bool{}
	got = map[record.Position]bool{}
	topic := h.m.native.Topic(h.lane.String())
	for _, s := range h.all {
		if s.topic != topic {
			c.Take(s.topic, s.payload, false)
			continue
		}
		if rapid.IntRange(0, 3).Draw(h.t, "drop") == 0 || slices.ContainsFunc(s.at, func(p record.Position) bool { return gone[p] }) {
			for _, p := range s.at {
				gone[p] = forEver && !got[p]
			}
			continue
		}
		for _, p := range s.at {
			if got[p] {
				doubles++
			}
			if len(got) == 0 {
				first = p
			}
			got[p] = true
		}
		c.Take(s.topic, s.payload, false)
	}
	return got, first, doubles
}

// Every dropped record is in exactly one gap, there is no other gap, and nothing
// else is wrong, whatever happens.
func TestEveryDropIsAGapOnce(t *testing.T) {
	gaps, explained, filled := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		c := checker(t, Options{})
		got, first, doubles := h.deliver(c)
		sum := c.Summary()
		if sum.Wrong != 0 || int(sum.Doubles) != doubles {
			t.Fatalf("%d wrong and %d doubles, want 0 and %d: %+v", sum.Wrong, sum.Doubles, doubles, sum)
		}
		if len(got) == 0 {
			return
		}
		l := laneOf(sum, h.lane.String())
		if int(l.Received) != len(got) {
			t.Fatalf("%d received, want %d", l.Received, len(got))
		}
		want, have := h.expected(got, first), map[gap]bool{}
		for _, g := range l.Gaps {
			have[kept(t, g)] = false
		}
		for _, g := range l.Explained {
			have[kept(t, g)] = true
		}
		if !maps.Equal(want, have) || len(l.Gaps)+len(l.Explained) != len(have) {
			t.Fatalf("gaps %v, want %v", have, want)
		}
		gaps, explained, filled = gaps+len(l.Gaps), explained+len(l.Explained), filled+int(l.Filled)
	})
	t.Logf("%d gaps, %d explained, %d filled", gaps, explained, filled)
	if gaps == 0 || explained == 0 || filled == 0 {
		t.Error("the histories have no gap, no explained one or no filled one: they prove little")
	}
}

// fataler is a *testing.T or a *rapid.T.
type fataler interface {
	Helper()
	Fatal(args ...any)
}

func checker(t fataler, o Options) *Checker {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func laneOf(s Summary, name string) LaneSummary {
	for _, g := range s.Gateways {
		for _, l := range g.Lanes {
			if l.Lane == name {
				return l
			}
		}
	}
	return LaneSummary{}
}

func kept(t fataler, g Gap) (k gap) {
	t.Helper()
	var err error
	if k.through, err = g.Through.parse(); err == nil && g.After != nil {
		k.after, err = g.After.parse()
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}
