package buffer

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

// modelled is a buffer beside a model of what it owes: per platform and lane the
// records not yet confirmed.
type modelled struct {
	t    testing.TB
	rt   *rapid.T
	o    Options
	b    *Buffer
	n    int
	owed map[string]*[laneCount][]string
}

func (m *modelled) append(l Lane) {
	m.n++
	record := fmt.Sprint(l, " ", m.n)
	if _, err := m.b.Append(l, []byte(record)); err != nil {
		m.rt.Fatal(err)
	}
	for _, owed := range m.owed {
		owed[l] = append(owed[l], record)
	}
}

func (m *modelled) confirm(platform string, l Lane, count int) {
	after := m.b.Cursor(platform, l)
	for count > 0 {
		entries, err := m.b.Next(platform, l, after, count, 1<<20)
		if err != nil {
			m.rt.Fatal(err)
		}
		if len(entries) == 0 {
			return
		}
		owed := m.owed[platform]
		for _, e := range entries {
			if len(owed[l]) == 0 || string(e.Record) != owed[l][0] {
				m.rt.Fatalf("%s %s: got %q, owed %q", platform, l, e.Record, owed[l])
			}
			owed[l] = owed[l][1:]
			after = e.Position
		}
		count -= len(entries)
		if err := m.b.Confirm(platform, l, after); err != nil {
			m.rt.Fatal(err)
		}
	}
}

// copy takes the files as they are. That is not done in an instant, as a power cut
// is: within a read transaction no second commit writes over what the first copied
// page points to.
func (m *modelled) copy(to string) error {
	m.b.dbMu.RLock()
	defer m.b.dbMu.RUnlock()
	return m.b.db.View(func(*bolt.Tx) error { return os.CopyFS(to, os.DirFS(m.o.Dir)) })
}

// restart goes on with a copy, as a power cut would leave it, or after Close.
func (m *modelled) restart(killed bool) {
	if killed {
		to, err := os.MkdirTemp(m.t.TempDir(), "")
		if err != nil {
			m.rt.Fatal(err)
		}
		if err := m.copy(to); err != nil {
			m.rt.Fatal(err)
		}
		m.o.Dir = to
	}
	if err := m.b.Close(); err != nil {
		m.rt.Fatal(err)
	}
	b, err := Open(m.o)
	if err != nil {
		m.rt.Fatal(err)
	}
	m.b = b
	<-b.Ready()
	if e := b.Ending(); !e.Known || e.Clean == killed || e.Quarantined != "" {
		m.rt.Fatalf("ending %+v, killed %v", e, killed)
	}
	for platform, owed := range m.owed {
		for l := range laneCount {
			m.reconcile(platform, l, &owed[l], killed)
		}
	}
}

// reconcile allows what a power cut may do: alarms and events confirmed lately
// come again, readings not yet written are gone. Nothing else.
func (m *modelled) reconcile(platform string, l Lane, owed *[]string, killed bool) {
	got := drain(m.t, m.b, platform, l)
	want := *owed
	switch {
	case !killed && !slices.Equal(got, want):
		m.rt.Fatalf("%s %s after Close: %q, owed %q", platform, l, got, want)
	case killed && l != Readings && !(len(got) >= len(want) && slices.Equal(got[len(got)-len(want):], want)):
		m.rt.Fatalf("%s %s after a cut: %q, owed %q", platform, l, got, want)
	}
	*owed = got
}

func (m *modelled) check() {
	for name, lanes := range m.b.Stats().Lanes {
		for l, s := range lanes {
			if s.Offered != s.Confirmed+s.GivenUp+s.Held || s.Held != uint64(len(m.owed[name][l])) {
				m.rt.Fatalf("%s %s: %+v, owed %d", name, Lane(l), s, len(m.owed[name][l]))
			}
		}
	}
}

func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		o := options(dir)
		o.Platforms = []string{"city", "county"}
		o.CommitEvery = time.Duration(rapid.SampledFrom([]int{1, 5, 1000}).Draw(rt, "commit every, ms")) * time.Millisecond
		o.TailBytes = rapid.SampledFrom([]int{1, 60, 10_000}).Draw(rt, "tail bytes")
		o.PendingMax = rapid.SampledFrom([]int{1, 3, 1000}).Draw(rt, "pending max")
		o.seam.noSync = true // a copy of the files sees what was written anyway
		b, err := Open(o)
		if err != nil {
			rt.Fatal(err)
		}
		m := &modelled{t: t, rt: rt, o: o, b: b, owed: map[string]*[laneCount][]string{"city": {}, "county": {}}}
		defer func() { _ = m.b.Close() }()
		<-b.Ready()
		lanes := rapid.SampledFrom([]Lane{Alarms, Events, Readings, Readings, Readings})
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.IntRange(0, 11).Draw(rt, "step") {
			case 0:
				m.restart(false)
			case 1:
				m.restart(true)
			case 2, 3, 4, 5, 6:
				m.append(lanes.Draw(rt, "lane"))
			default:
				m.confirm(rapid.SampledFrom(o.Platforms).Draw(rt, "platform"), lanes.Draw(rt, "lane"), rapid.IntRange(1, 6).Draw(rt, "count"))
			}
			m.check()
		}
	})
}
