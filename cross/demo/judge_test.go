//go:build demo

package demo

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// chain checks that each lane arrived whole: every seq from 1 on, and every prev
// names a record that arrived. Doubles are allowed and counted.
func chain(all []arrival) (problems []string, doubles int) {
	for _, lane := range []string{"alarms", "events", "readings"} {
		have := map[position]bool{}
		last := position{}
		for _, a := range all {
			if a.lane != lane {
				continue
			}
			switch {
			case a.prev != nil && !have[*a.prev]:
				problems = append(problems, fmt.Sprintf("%s %v names %v before it, which never arrived", lane, a.at, *a.prev))
			case a.prev == nil && a.at.Seq != 1:
				problems = append(problems, fmt.Sprintf("%s %v names nothing before it", lane, a.at))
			}
			if have[a.at] {
				doubles++
				continue
			}
			have[a.at] = true
			if a.at.Seq != last.Seq+1 {
				problems = append(problems, fmt.Sprintf("%s %v follows %v", lane, a.at, last))
			}
			last = a.at
		}
		if last.Seq == 0 {
			problems = append(problems, "no record of lane "+lane)
		}
	}
	return problems, doubles
}

// story checks that what the demo promises to show arrived, in order and once,
// and that what happened in the outage arrived only after it. The state a contact
// was found in at the start may be told too.
func story(all []arrival) (problems []string) {
	for _, lane := range []struct {
		name, want string
		before     int // how many there are before the outage; 0: all
	}{
		{"alarms pump-pit", "orange raised, orange cleared", 0},
		{"alarms street", "yellow raised, yellow cleared", 0},
		{"alarms smoke", "red raised, red cleared", 0},
		{"alarms door", "orange raised, orange cleared", 0},
		{"events smoke", "alarm, normal", 0},
		{"events door", "open, closed, open, forced, closed, open, closed, open, closed", 5},
		{"events reader", "card, card", 1},
	} {
		var got []string
		have := map[position]bool{}
		cards := map[string]bool{}
		for _, a := range all {
			if a.lane+" "+a.sensor != lane.name || have[a.at] {
				continue
			}
			have[a.at] = true
			if len(have) == 1 && (a.state == "normal" || a.state == "closed") {
				continue
			}
			what := a.state
			if a.kind == "card" {
				what = a.kind
				if a.card == "" || cards[a.card] {
					problems = append(problems, fmt.Sprintf("card %v is %q, want a pseudonym of its own", a.at, a.card))
				}
				cards[a.card] = true
			}
			got = append(got, strings.TrimSpace(a.level+" "+what))
			if lane.before > 0 && len(got) > lane.before && a.visit < 2 {
				problems = append(problems, fmt.Sprintf("%s %s %v arrived before the outage was over", lane.name, what, a.at))
			}
		}
		if s := strings.Join(got, ", "); s != lane.want {
			problems = append(problems, fmt.Sprintf("%s: %q arrived, want %q", lane.name, s, lane.want))
		}
	}
	return problems
}

// nth is the place of the nth record of a sensor, from 0.
func nth(all []arrival, sensor string, n int) int {
	for i, a := range all {
		if a.sensor == sensor {
			if n == 0 {
				return i
			}
			n--
		}
	}
	return -1
}

// TestJudge: the judge passes a whole story and notices each thing that can be
// wrong with it.
func TestJudge(t *testing.T) {
	whole := func() []arrival {
		var all []arrival
		next := map[string]uint64{}
		add := func(visit int, lane, sensor, level, kind, state string) {
			a := arrival{lane: lane, sensor: sensor, level: level, kind: kind, state: state, visit: visit}
			if kind == "card" {
				a.state, a.card = "", state
			}
			if n := next[lane]; n > 0 {
				a.prev = &position{"r", n}
			}
			next[lane]++
			a.at = position{"r", next[lane]}
			all = append(all, a)
		}
		for _, s := range []string{"orange pump-pit", "yellow street", "red smoke", "orange door"} {
			level, sensor, _ := strings.Cut(s, " ")
			add(1, "alarms", sensor, level, "", "raised")
			add(1, "alarms", sensor, level, "", "cleared")
		}
		add(1, "events", "smoke", "", "smoke", "alarm")
		add(1, "events", "smoke", "", "smoke", "normal")
		for i, door := range []string{"open closed open forced closed", "open closed open closed"} {
			visit := i + 1
			add(visit, "events", "reader", "", "card", fmt.Sprint("pseudonym ", visit))
			for _, state := range strings.Fields(door) {
				add(visit, "events", "door", "", "door", state)
			}
			add(visit, "readings", "pump-pit", "", "", "")
			add(visit, "readings", "pump-pit", "", "", "")
		}
		return all
	}
	cases := map[string]func([]arrival) []arrival{
		"a record lost": func(a []arrival) []arrival { return slices.Delete(a, 4, 5) },
		"a false prev":  func(a []arrival) []arrival { a[5].prev = &position{"r", 9}; return a },
		"no prev":       func(a []arrival) []arrival { a[5].prev = nil; return a },
		"out of order":  func(a []arrival) []arrival { a[2], a[3] = a[3], a[2]; return a },
		"no readings": func(a []arrival) []arrival {
			return slices.DeleteFunc(a, func(x arrival) bool { return x.lane == "readings" })
		},
		"door turned round": func(a []arrival) []arrival {
			i := nth(a, "door", 2)
			a[i].state, a[i+1].state = a[i+1].state, a[i].state
			return a
		},
		"not forced":        func(a []arrival) []arrival { a[nth(a, "door", 5)].state = "open"; return a },
		"door, no outage":   func(a []arrival) []arrival { a[nth(a, "door", 7)].visit = 1; return a },
		"card, no outage":   func(a []arrival) []arrival { a[nth(a, "reader", 1)].visit = 1; return a },
		"card without name": func(a []arrival) []arrival { a[nth(a, "reader", 0)].card = ""; return a },
		"one name for all":  func(a []arrival) []arrival { a[nth(a, "reader", 0)].card = a[nth(a, "reader", 1)].card; return a },
	}
	judge := func(all []arrival) []string {
		problems, _ := chain(all)
		return append(problems, story(all)...)
	}
	if problems := judge(whole()); len(problems) > 0 {
		t.Errorf("a whole story is refused: %q", problems)
	}
	twice := append(whole(), whole()[len(whole())-1])
	if problems, doubles := chain(twice); len(problems) > 0 || doubles != 1 {
		t.Errorf("a double: %d counted, %q", doubles, problems)
	}
	for name, spoil := range cases {
		if len(judge(spoil(whole()))) == 0 {
			t.Errorf("%s: not noticed", name)
		}
	}
}
