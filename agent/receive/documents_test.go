package receive

import (
	"strings"
	"testing"

	"watchpost/agent/message"
	"watchpost/agent/record"
)

func (m *maker) state(run, predecessor record.Run, session uint64, online bool) sent {
	return m.made(record.Position{}, nil)(m.native.State(message.StateDoc{Online: online, Run: run, Predecessor: predecessor, Session: session}))
}

func (m *maker) active(run record.Run, revision uint64) sent {
	return m.made(record.Position{}, nil)(m.native.ActiveAlarms(message.ActiveDoc{Run: run, Revision: revision}))
}

func TestDocuments(t *testing.T) {
	m := newMaker("GW-1")
	none := record.Run{}
	will := m.made(record.Position{}, nil)(m.native.Will(message.StateDoc{Run: run(2), Predecessor: run(1), Session: 3}))
	for name, tt := range map[string]struct {
		all     []sent
		want    string
		online  bool
		current bool
	}{
		"online":                 {[]sent{m.state(run(2), run(1), 1, true), m.active(run(2), 1)}, "", true, true},
		"the list came first":    {[]sent{m.active(run(2), 1), m.state(run(2), run(1), 1, true)}, "", true, true},
		"offline":                {[]sent{m.state(run(2), run(1), 3, true), m.active(run(2), 1), will}, "", false, false},
		"a late will":            {[]sent{m.state(run(2), run(1), 4, true), m.active(run(2), 1), will}, "outdated", true, true},
		"the same session again": {[]sent{m.state(run(2), run(1), 4, true), m.state(run(2), run(1), 4, true)}, "", true, false},
		"the run before":         {[]sent{m.state(run(2), run(1), 1, true), m.state(run(1), none, 9, false)}, "outdated", true, false},
		"the next run":           {[]sent{m.state(run(1), none, 9, true), m.active(run(1), 5), m.state(run(2), run(1), 1, true)}, "", true, false},
		"its list":               {[]sent{m.state(run(1), none, 9, true), m.active(run(1), 5), m.state(run(2), run(1), 1, true), m.active(run(2), 1)}, "", true, true},
		"the list before":        {[]sent{m.state(run(2), run(1), 1, true), m.active(run(2), 1), m.active(run(1), 9)}, "outdated", true, true},
		"an older list":          {[]sent{m.state(run(2), run(1), 1, true), m.active(run(2), 2), m.active(run(2), 1)}, "outdated", true, true},
		"two predecessors":       {[]sent{m.state(run(2), run(1), 1, true), m.state(run(2), none, 2, true)}, "violation", true, false},
		"total below the list":   {[]sent{changed(t, m.active(run(2), 1), `"total":0`, `"total":-1`)}, "violation", false, false},
	} {
		c := checker(t, Options{})
		if got := strings.Join(take(c, tt.all...), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
		g := c.Summary().Gateways[0]
		if online := g.Online != nil && *g.Online; online != tt.online || g.Current != tt.current {
			t.Errorf("%s: online %t, current %t; want %t, %t", name, online, g.Current, tt.online, tt.current)
		}
	}
}

// The event of a run's start and the state name the same predecessor.
func TestPredecessors(t *testing.T) {
	m := newMaker("GW-1")
	start := func(predecessor record.Run) sent {
		return m.event(record.Position{}, pos(2, 1), record.Event{Kind: record.EventRun, Start: &record.Start{Predecessor: predecessor, Ended: "clean"}})
	}
	if got := take(checker(t, Options{}), m.state(run(2), run(1), 1, true), start(run(1))); len(got) > 0 {
		t.Errorf("the same: %v", got)
	}
	if got := take(checker(t, Options{}), m.state(run(2), run(1), 1, true), start(run(9))); len(got) != 1 || got[0] != string(Violation) {
		t.Errorf("another: %v", got)
	}
}

// Whatever arrives, the checker goes on, and takes the same message again for
// nothing new.
func FuzzTake(f *testing.F) {
	m := newMaker("GW-1")
	for _, s := range []sent{
		m.door(pos(1, 1), pos(1, 2)), m.alarm(pos(1, 1), pos(1, 2)), m.readings(pos(1, 1), pos(1, 2), pos(1, 3)),
		m.loss(pos(1, 1), pos(1, 2), record.Readings, record.Range{Run: run(1), First: 1, Last: 2}),
		m.state(run(2), run(1), 1, true), m.active(run(2), 1),
	} {
		f.Add(strings.TrimPrefix(s.topic, "watchpost/v1/"), s.payload)
	}
	ready := checker(f, Options{}) // reading the schemas takes a while
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		c := &Checker{options: ready.options, schemas: ready.schemas, gateways: map[string]*gateway{}}
		c.Take("watchpost/v1/"+topic, payload, false)
		received := c.Summary().Received
		if v := c.Take("watchpost/v1/"+topic, payload, false); v.New > 0 || c.Summary().Received != received {
			t.Errorf("%d records of the same message are new again", v.New)
		}
	})
}
