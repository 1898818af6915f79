package receive

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode"

	"watchpost/agent/message"
	"watchpost/agent/record"
)

// take hands messages over and lists what was found but new runs.
func take(c *Checker, all ...sent) (found []string) {
	for _, s := range all {
		for _, f := range c.Take(s.topic, s.payload, false).Findings {
			if f.Kind != NewRun {
				found = append(found, string(f.Kind))
			}
			if han := strings.ContainsFunc(f.ZH, func(r rune) bool { return unicode.Is(unicode.Han, r) }); f.Kind != NewRun && han != (f.Text != "") {
				found = append(found, "without Chinese: "+f.Text)
			}
		}
	}
	return found
}

func TestWhatIsFound(t *testing.T) {
	m := newMaker("GW-1")
	none := record.Position{}
	for name, tt := range map[string]struct {
		all  []sent
		want string
	}{
		"whole":       {[]sent{m.door(none, pos(1, 1)), m.door(pos(1, 1), pos(1, 2)), m.door(pos(1, 2), pos(2, 1))}, ""},
		"joined late": {[]sent{m.door(pos(1, 7), pos(1, 8)), m.door(pos(1, 8), pos(1, 9))}, ""},
		"filtered":    {[]sent{m.door(none, pos(1, 1)), m.door(pos(1, 1), pos(1, 9))}, ""},
		"gap":         {[]sent{m.door(none, pos(1, 1)), m.door(pos(1, 2), pos(1, 3))}, "gap"},
		"gap over a run": {[]sent{m.door(none, pos(1, 1)), m.door(pos(2, 1), pos(2, 2)),
			m.door(pos(1, 1), pos(1, 2)), m.door(pos(1, 2), pos(2, 1))}, "gap filled filled"},
		"late":   {[]sent{m.door(none, pos(1, 1)), m.door(pos(1, 3), pos(1, 4)), m.door(pos(1, 2), pos(1, 3))}, "gap filled"},
		"double": {[]sent{m.door(none, pos(1, 1)), m.door(none, pos(1, 1))}, "double"},
		"resent from before the join": {[]sent{m.door(pos(1, 7), pos(1, 8)), m.door(pos(1, 5), pos(1, 6)),
			m.door(pos(1, 6), pos(1, 7)), m.door(pos(1, 7), pos(1, 8)), m.door(pos(1, 8), pos(1, 9))}, "double"},
		// A run that forgot what was not durable goes on from what was.
		"forked":    {[]sent{m.door(none, pos(1, 1)), m.door(pos(1, 1), pos(1, 2)), m.door(pos(1, 1), pos(2, 1))}, ""},
		"fresh dir": {[]sent{m.door(none, pos(1, 1)), m.door(none, pos(9, 1))}, ""},
		// Records of a store that could not be read for a while come after later ones.
		"brought back":            {[]sent{m.door(none, pos(1, 5)), m.door(pos(1, 5), pos(1, 1)), m.door(pos(1, 1), pos(1, 2)), m.door(pos(1, 5), pos(1, 6))}, ""},
		"forked at a missing one": {[]sent{m.door(none, pos(1, 1)), m.door(pos(1, 2), pos(1, 3)), m.door(pos(1, 2), pos(2, 1))}, "gap"},
		"resent over a run":       {[]sent{m.door(pos(2, 3), pos(2, 4)), m.door(pos(1, 1), pos(2, 1)), m.door(pos(1, 1), pos(3, 1))}, ""},
		"prev is itself":          {[]sent{m.door(pos(1, 1), pos(1, 1))}, "violation"},
		"prev is lost":            {[]sent{m.door(none, pos(1, 1)), m.door(none, pos(1, 2))}, "violation"},
		"obs goes back":           {[]sent{m.event(none, pos(1, 1), record.Event{Kind: "door", Obs: 9}), m.event(pos(1, 1), pos(1, 2), record.Event{Kind: "door", Obs: 8})}, "violation"},
		"seq 0":                   {[]sent{m.door(none, pos(1, 0))}, "violation"},
		"prev seq 0":              {[]sent{m.door(pos(1, 0), pos(1, 2))}, "violation"},
		"readings in part":        {[]sent{m.readings(none, pos(1, 1), pos(1, 2)), m.readings(pos(1, 1), pos(1, 2), pos(1, 3))}, "double"},
	} {
		if got := strings.Join(take(checker(t, Options{}), tt.all...), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	whole := checker(t, Options{FromStart: true})
	if got := take(whole, m.door(none, pos(1, 8)), m.door(pos(1, 4), pos(1, 5))); !slices.Equal(got, []string{"gap"}) {
		t.Errorf("from the start: %v, want a gap", got)
	}
	if got := take(checker(t, Options{FromStart: true}), m.door(pos(1, 7), pos(1, 8))); !slices.Equal(got, []string{"gap"}) {
		t.Errorf("from the start, the first: %v, want a gap", got)
	}
	// A record from the middle of a gap parts it.
	c := checker(t, Options{})
	take(c, m.door(none, pos(1, 1)), m.door(pos(1, 5), pos(1, 6)), m.door(pos(1, 2), pos(1, 3)))
	gaps := laneOf(c.Summary(), "events").Gaps
	if len(gaps) != 2 || kept(t, gaps[0]) != (gap{pos(1, 1), pos(1, 2)}) || kept(t, gaps[1]) != (gap{pos(1, 3), pos(1, 5)}) {
		t.Errorf("a gap in two: %+v", gaps)
	}
}

// changed is a message with a part of its payload replaced.
func changed(t *testing.T, s sent, old, new string) sent {
	t.Helper()
	payload := bytes.Replace(s.payload, []byte(old), []byte(new), 1)
	if bytes.Equal(payload, s.payload) {
		t.Fatalf("%s has no %s", s.payload, old)
	}
	s.payload = payload
	return s
}

// What does not belong to the record may differ in a double, and nothing else.
func TestDoublesAreCompared(t *testing.T) {
	m := newMaker("GW-1")
	event := m.door(pos(1, 1), pos(1, 2))
	alarm := m.alarm(pos(1, 1), pos(1, 2))
	readings := m.readings(pos(1, 1), pos(1, 2), pos(1, 3))
	m.synced = true
	for name, tt := range map[string]struct {
		first, again sent
		want         string
	}{
		"event corrected":    {event, m.door(pos(1, 1), pos(1, 2)), "double"},
		"alarm corrected":    {alarm, m.alarm(pos(1, 1), pos(1, 2)), "double"},
		"readings corrected": {readings, m.readings(pos(1, 1), pos(1, 2), pos(1, 3)), "double double"},
		"other company":      {readings, m.readings(pos(1, 2), pos(1, 3)), "double"},
		"another prev":       {event, m.door(pos(0, 9), pos(1, 2)), "double"},
		"renamed":            {event, changed(t, event, `"Pit"`, `"Well"`), "double"},
		"said otherwise":     {alarm, changed(t, alarm, `too high`, `above`), "double"},
		"a new field":        {event, changed(t, event, `"kind"`, `"more":1,"kind"`), "double"},
		"another state":      {event, changed(t, event, `open 2`, `closed`), "differs"},
		"another sensor":     {event, changed(t, event, `"sensor":"pit"`, `"sensor":"pat"`), "differs"},
		"another moment":     {event, changed(t, event, `"offset_ms":2000`, `"offset_ms":2001`), "differs"},
		"another level":      {alarm, changed(t, alarm, `orange`, `red`), "differs"},
		"another value":      {readings, changed(t, readings, `"value":3`, `"value":4`), "double differs"},
		"other decimals":     {readings, changed(t, readings, `"value":3`, `"value":3.0`), "double differs"},
	} {
		c := checker(t, Options{})
		if got := take(c, tt.first); len(got) > 0 {
			t.Fatalf("%s: the first time %v", name, got)
		}
		if got := strings.Join(take(c, tt.again), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestViolations(t *testing.T) {
	m := newMaker("GW-1")
	event, readings := m.door(record.Position{}, pos(1, 1)), m.readings(record.Position{}, pos(1, 1), pos(1, 2))
	other := newMaker("GW-2").door(record.Position{}, pos(1, 1))
	other.topic = event.topic
	two := []sent{m.door(record.Position{}, pos(1, 1)), m.door(pos(1, 1), pos(1, 2))}
	two[1] = changed(t, two[1], strings.Repeat("0", 32), strings.Repeat("1", 32))
	for name, all := range map[string][]sent{
		"no JSON":              {{topic: event.topic, payload: []byte("{")}},
		"two JSONs":            {{topic: event.topic, payload: append(slices.Clone(event.payload), event.payload...)}},
		"no seq":               {changed(t, event, `"seq"`, `"sec"`)},
		"no prev":              {changed(t, event, `"prev"`, `"prew"`)},
		"v 2":                  {changed(t, event, `"v":1`, `"v":2`)},
		"a run by name":        {changed(t, event, run(1).String(), "first")},
		"a run out of range":   {changed(t, event, run(1).String(), run(1).String()+"00000000000000000000000")},
		"seq below 0":          {changed(t, event, `"seq":1`, `"seq":-1`)},
		"another gateway":      {other},
		"another boot":         two,
		"fault with a value":   {changed(t, readings, `"quality":"good"`, `"quality":"fault","reason":"broken_wire"`)},
		"good without a value": {changed(t, readings, `"value":1,`, ``)},
		"doubtful, no reason":  {changed(t, readings, `"good"`, `"uncertain"`)},
		"no readings":          {{topic: readings.topic, payload: []byte(`{"v":1,"gateway":"GW-1","run":"` + run(1).String() + `","first_seq":1,"last_seq":1,"prev":null,"boot":"` + strings.Repeat("0", 32) + `","readings":[]}`)}},
		"last_seq":             {changed(t, readings, `"last_seq":2`, `"last_seq":3`)},
		"no order":             {changed(t, changed(t, readings, `"seq":2`, `"seq":1`), `"last_seq":2`, `"last_seq":1`)},
		"a loss of nothing":    {m.loss(record.Position{}, pos(1, 1), record.Readings, record.Range{Run: run(1), First: 5, Last: 4})},
	} {
		c := checker(t, Options{})
		found := take(c, all...)
		if !slices.Contains(found, string(Violation)) {
			t.Errorf("%s: found %v, want a violation", name, found)
		}
		if strings.Contains(strings.Join(found, " "), "without Chinese") {
			t.Errorf("%s: %v", name, found)
		}
		if s := c.Summary(); s.Complete() || s.Wrong == 0 {
			t.Errorf("%s: complete", name)
		}
	}
	c := checker(t, Options{})
	if v := c.Take(event.topic, event.payload, true); len(v.Findings) == 0 || v.Findings[0].Kind != Violation {
		t.Errorf("a retained record: %+v", v.Findings)
	}
	for _, topic := range []string{"x", "watchpost/v1/GW-1", "watchpost/v1//events", "watchpost/v1/GW-1/commands", "watchpost/v2/GW-1/events"} {
		if v := c.Take(topic, event.payload, false); v.Body != nil || len(v.Findings) > 0 {
			t.Errorf("%s: %+v", topic, v)
		}
	}
	if s := c.Summary(); s.Strange != 5 {
		t.Errorf("%d strange messages, want 5", s.Strange)
	}
}

// Every message the profile makes keeps the contract, each for itself.
func TestGoldenMessagesPass(t *testing.T) {
	names, err := filepath.Glob("../message/testdata/*.json")
	if err != nil || len(names) < 15 {
		t.Fatalf("golden messages: %v, %v", names, err)
	}
	for _, name := range names {
		payload, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		class, _, _ := strings.Cut(filepath.Base(name), ".")
		class = strings.Replace(class, "alarms-active", message.ClassActiveAlarms, 1)
		v := checker(t, Options{}).Take("watchpost/v1/GW-0317/"+class, payload, !isLane(class))
		for _, f := range v.Findings {
			if f.Kind != NewRun && f.Kind != ToldLoss {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if v.Body == nil || isLane(class) != (v.New > 0) {
			t.Errorf("%s: %d new, body %T", name, v.New, v.Body)
		}
	}
}

func TestLossesExplainGaps(t *testing.T) {
	m := newMaker("GW-1")
	none := record.Position{}
	first := m.readings(none, pos(1, 1), pos(1, 2))
	start := func(durable uint64) sent {
		return m.event(pos(1, 1), pos(2, 1), record.Event{Kind: record.EventRun, Start: &record.Start{Predecessor: run(1), Ended: "unclean", Durable: [3]uint64{0, 0, durable}}})
	}
	loss := func(r ...record.Range) sent { return m.loss(none, pos(1, 1), record.Readings, r...) }
	one, both := record.Range{Run: run(1), First: 3, Last: 5}, record.Range{Run: run(2), First: 1, Last: 4}
	for name, tt := range map[string]struct {
		all       []sent
		explained bool
	}{
		"told before":           {[]sent{first, loss(one), m.readings(pos(1, 5), pos(1, 6))}, true},
		"told after":            {[]sent{first, m.readings(pos(1, 5), pos(1, 6)), loss(one)}, true},
		"told in parts":         {[]sent{first, m.readings(pos(1, 5), pos(1, 6)), loss(record.Range{Run: run(1), First: 5, Last: 9}, record.Range{Run: run(1), First: 3, Last: 4})}, true},
		"untold":                {[]sent{first, m.readings(pos(1, 5), pos(1, 6))}, false},
		"one short":             {[]sent{first, loss(one), m.readings(pos(1, 6), pos(1, 7))}, false},
		"another lane":          {[]sent{first, m.loss(none, pos(1, 1), record.Alarms, one), m.readings(pos(1, 5), pos(1, 6))}, false},
		"another run":           {[]sent{first, loss(record.Range{Run: run(7), First: 3, Last: 5}), m.readings(pos(1, 5), pos(1, 6))}, false},
		"over a run":            {[]sent{first, loss(one, both), m.readings(pos(2, 4), pos(2, 5))}, true},
		"over a run, durable":   {[]sent{first, loss(one, both), start(5), m.readings(pos(2, 4), pos(2, 5))}, true},
		"over a run, one short": {[]sent{first, loss(one, both), start(6), m.readings(pos(2, 4), pos(2, 5))}, false},
		"nothing was left":      {[]sent{first, loss(both), start(2), m.readings(pos(2, 4), pos(2, 5))}, true},
		"the younger untold":    {[]sent{first, loss(one), m.readings(pos(2, 4), pos(2, 5))}, false},
		"the older untold":      {[]sent{first, loss(both), m.readings(pos(2, 4), pos(2, 5))}, false},
	} {
		c := checker(t, Options{})
		take(c, tt.all...)
		s := c.Summary()
		l := laneOf(s, "readings")
		if s.Complete() != tt.explained || len(l.Explained)+len(l.Gaps) != 1 || (len(l.Explained) == 1) != tt.explained {
			t.Errorf("%s: complete %t, %+v; want explained %t", name, s.Complete(), l, tt.explained)
		}
	}
}

// Thousands of gateways fit into a desk's memory, however long they are followed.
func TestMemoryIsBounded(t *testing.T) {
	const gateways = 1000
	c := checker(t, Options{})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for g := range gateways {
		one := c.gateway(fmt.Sprintf("GW-%04d", g))
		for _, name := range []string{"alarms", "events", "readings"} {
			for seq := uint64(1); seq <= 2*Remembered; seq++ {
				prev := pos(1, seq-1)
				if seq == 1 {
					prev = record.Position{}
				}
				one.lane(name).take(pos(1, seq), prev, seq, seq, false)
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (after.HeapAlloc - before.HeapAlloc) / gateways
	t.Logf("%d bytes a gateway with three full lanes: %.1f MB for 10,000", each, float64(each)*1e4/1e6)
	if each > 16<<10 {
		t.Errorf("%d bytes a gateway, want 16 KiB at most", each)
	}
	runtime.KeepAlive(c)
}

// What a hostile or broken sender does to one lane stays small too.
func TestOneLaneIsBounded(t *testing.T) {
	l := new(lane)
	for n := uint64(1); n <= 2000; n++ {
		for seq := uint64(10); seq < 100; seq += 10 {
			l.take(pos(n, seq), pos(n, seq-3), seq, seq, false)
		}
	}
	if len(l.runs) > maxRuns || len(l.gaps) > maxGaps || len(l.prints) > Remembered {
		t.Errorf("%d runs, %d gaps, %d prints", len(l.runs), len(l.gaps), len(l.prints))
	}
	if total := uint64(len(l.gaps)) + l.forgotten; total != l.found || total < 10000 {
		t.Errorf("%d gaps kept and forgotten of %d found", total, l.found)
	}
	var s spans
	for seq := uint64(1); seq < 10000; seq += 2 {
		s = s.add(seq, seq)
	}
	if len(s) > maxSpans || !s.has(9999) || s.has(9998) || !s.has(9997) {
		t.Errorf("%d spans", len(s))
	}
}
