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
// and that the door's second opening arrived only after the outage. The state a
// contact was found in at the start may be told too.
func story(all []arrival) (problems []string) {
	for name, want := range map[string]string{
		"alarms pump-pit": "orange raised, orange cleared",
		"alarms smoke":    "red raised, red cleared",
		"events smoke":    "alarm, normal",
		"events door":     "open, closed, open, closed",
	} {
		var got []string
		have := map[position]bool{}
		for _, a := range all {
			if a.lane+" "+a.sensor != name || have[a.at] {
				continue
			}
			have[a.at] = true
			if len(have) == 1 && (a.state == "normal" || a.state == "closed") {
				continue
			}
			got = append(got, strings.TrimSpace(a.level+" "+a.state))
			if name == "events door" && len(got) > 2 && a.visit < 2 {
				problems = append(problems, fmt.Sprintf("door %s %v arrived before the outage was over", a.state, a.at))
			}
		}
		if s := strings.Join(got, ", "); s != want {
			problems = append(problems, fmt.Sprintf("%s: %q arrived, want %q", name, s, want))
		}
	}
	return problems
}

// TestJudge: the judge passes a whole story and notices each thing that can be
// wrong with it.
func TestJudge(t *testing.T) {
	whole := func() []arrival {
		var all []arrival
		next := map[string]uint64{}
		add := func(visit int, lane, sensor, level, state string) {
			a := arrival{lane: lane, sensor: sensor, level: level, state: state, visit: visit}
			if n := next[lane]; n > 0 {
				a.prev = &position{"r", n}
			}
			next[lane]++
			a.at = position{"r", next[lane]}
			all = append(all, a)
		}
		for _, s := range []string{"orange raised pump-pit", "orange cleared pump-pit", "red raised smoke", "red cleared smoke"} {
			level, rest, _ := strings.Cut(s, " ")
			state, sensor, _ := strings.Cut(rest, " ")
			add(1, "alarms", sensor, level, state)
		}
		add(1, "events", "smoke", "", "alarm")
		add(1, "events", "smoke", "", "normal")
		for visit := 1; visit <= 2; visit++ {
			add(visit, "events", "door", "", "open")
			add(visit, "events", "door", "", "closed")
			add(visit, "readings", "pump-pit", "", "")
			add(visit, "readings", "pump-pit", "", "")
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
		"door turned round": func(a []arrival) []arrival { a[6].state, a[7].state = a[7].state, a[6].state; return a },
		"no outage":         func(a []arrival) []arrival { a[len(a)-3].visit = 1; return a },
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
