//go:build broker

package outage

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"watchpost/agent/record"
)

// judge compares what arrived with what was.
type judge struct {
	t        *testing.T
	ledger   map[string]map[int]*sample
	contacts []change
	kills    []int64
	arrivals []arrival
	held     []record.Reading // kept for a next run at the orderly end
	result   result
}

// first keeps the first arrival of each record of a lane, and counts doubles.
func (j *judge) first(lane string) (once []arrival, doubles int) {
	seen := map[string]bool{}
	for _, a := range j.arrivals {
		name := fmt.Sprintf("%s/%s/%d", a.lane, a.run, a.seq)
		if a.lane != lane {
			continue
		}
		if seen[name] {
			doubles++
			continue
		}
		seen[name] = true
		once = append(once, a)
	}
	return once, doubles
}

// contactsAreComplete: every change of a contact is an event, in order and once;
// every change of the smoke contact is an alarm step too.
func (j *judge) contactsAreComplete() {
	j.t.Helper()
	events, doubles := j.first("events")
	for _, sensor := range []string{"door", "smoke"} {
		var want, got []string
		for _, c := range j.contacts {
			if c.sensor == sensor {
				want = append(want, c.state)
			}
		}
		for _, e := range events {
			if e.sensor == sensor && !e.first {
				got = append(got, e.state)
			}
		}
		j.result.Contacts += len(want)
		if !slices.Equal(got, want) {
			j.result.AlarmsEventsLost += max(1, len(want)-len(got))
			j.t.Errorf("events of %s: %d arrived, %d happened\n got %v\nwant %v", sensor, len(got), len(want), got, want)
		}
		j.t.Logf("events of %s: %d happened, %d arrived", sensor, len(want), len(got))
	}
	alarms, alarmDoubles := j.first("alarms")
	var want, got []string
	for _, c := range j.contacts {
		if c.sensor == "smoke" {
			want = append(want, map[string]string{"alarm": "raised", "normal": "cleared"}[c.state])
		}
	}
	for _, a := range alarms {
		got = append(got, a.state)
	}
	if !slices.Equal(got, want) {
		j.result.AlarmsEventsLost += max(1, len(want)-len(got))
		j.t.Errorf("alarm steps: %d arrived, %d happened\n got %v\nwant %v", len(got), len(want), got, want)
	}
	j.t.Logf("alarm steps: %d happened, %d arrived; doubles: %d alarms, %d events", len(want), len(got), alarmDoubles, doubles)
}

// start is the run event's word on the run before.
type start struct {
	Predecessor  string            `json:"predecessor"`
	Ended        string            `json:"ended"`
	Durable      map[string]uint64 `json:"durable"`
	LostWithinMS int64             `json:"lost_within_ms"`
	LostAtMost   uint64            `json:"lost_at_most"`
}

func (j *judge) starts() (all []start) {
	events, _ := j.first("events")
	for _, e := range events {
		if e.kind != "run" {
			continue
		}
		var s start
		if err := json.Unmarshal(e.event, &s); err != nil {
			j.t.Errorf("run event %s/%d: %v", e.run, e.seq, err)
		}
		all = append(all, s)
	}
	return all
}

// readingsAreTrueAndBounded: no value arrived that no chip handed out, and what
// did not arrive lies within the bound the run event states.
func (j *judge) readingsAreTrueAndBounded() {
	j.t.Helper()
	readings, doubles := j.first("readings")
	levels := 0
	for _, r := range readings {
		if !strings.HasPrefix(r.sensor, "level-") {
			continue
		}
		if r.value == nil {
			j.t.Errorf("reading %s/%d of %s is a fault; no chip was broken", r.run, r.seq, r.sensor)
			continue
		}
		levels++
		s := j.ledger[r.sensor][millimetres(j.t, r.value)]
		switch {
		case s == nil:
			j.t.Errorf("reading %s/%d: %s never had %s m", r.run, r.seq, r.sensor, r.value)
		case s.sent:
			j.t.Errorf("reading %s/%d: %s m of %s was sent as two records", r.run, r.seq, r.value, r.sensor)
		default:
			s.sent = true
		}
	}
	kept := 0
	for _, r := range j.held {
		if s := j.ledger[r.Sensor][int(r.Value.Coefficient)]; s != nil && !s.sent {
			s.sent = true
			kept++
		}
	}
	var bound, atMost int64
	for _, s := range j.starts() {
		if s.Ended == "unclean" {
			bound, atMost = max(bound, s.LostWithinMS), max(atMost, int64(s.LostAtMost))
		}
	}
	sampled := 0
	lost := make([]int64, len(j.kills))
	oldest := make([]int64, len(j.kills))
	for sensor, values := range j.ledger {
		for mm, s := range values {
			sampled++
			if s.sent {
				continue
			}
			kill := slices.IndexFunc(j.kills, func(at int64) bool { return at > s.at })
			if kill < 0 {
				// The last conversion of an orderly end may find nobody to read it.
				if mm != latest(values) {
					j.t.Errorf("%s %d mm, sampled after the last kill, never arrived", sensor, mm)
				}
				continue
			}
			lost[kill]++
			age := (j.kills[kill] - s.at) / 1e6
			oldest[kill] = max(oldest[kill], age)
			if age > bound {
				j.t.Errorf("%s %d mm, sampled %d ms before a kill, never arrived; stated bound %d ms", sensor, mm, age, bound)
			}
		}
	}
	j.t.Logf("readings: %d sampled, %d arrived, %d kept for the next run, %d doubles", sampled, levels, kept, doubles)
	j.result.ReadingsSampled, j.result.ReadingsArrived, j.result.ReadingsKept, j.result.Doubles = sampled, levels, kept, doubles
	j.result.ReadingsLost, j.result.OldestLostMS, j.result.StatedBoundMS = lost, oldest, bound
	for i := range lost {
		j.t.Logf("kill %d: %d readings lost, the oldest %d ms before it; stated bound: %d ms, %d readings", i+1, lost[i], oldest[i], bound, atMost)
		if lost[i] > atMost {
			j.t.Errorf("kill %d lost %d readings, stated bound %d", i+1, lost[i], atMost)
		}
	}
	if sampled < 5000 {
		j.t.Errorf("%d samples only: the load was not 200 a second", sampled)
	}
}

func latest(values map[int]*sample) (mm int) {
	for v := range values {
		mm = max(mm, v)
	}
	return mm
}

func millimetres(t *testing.T, v *json.Number) int {
	t.Helper()
	metres, ok := new(big.Rat).SetString(v.String())
	if !ok {
		t.Errorf("value %s is no decimal number", v)
		return -1
	}
	mm := metres.Mul(metres, big.NewRat(1000, 1))
	if !mm.IsInt() {
		t.Errorf("value %s is no whole millimetre", v)
		return -1
	}
	return int(mm.Num().Int64())
}

// orderAndPrev: the first arrivals of a lane are in order of run, seq and obs,
// and prev always names something that had arrived before.
func (j *judge) orderAndPrev() {
	j.t.Helper()
	for _, lane := range []string{"alarms", "events", "readings"} {
		have := map[position]bool{}
		last := arrival{}
		gaps := 0
		for _, a := range j.arrivals {
			if a.lane != lane {
				continue
			}
			here := position{a.run, a.seq}
			if a.prev != nil && !have[*a.prev] {
				j.result.UnknownPrevCounts++
				j.t.Errorf("%s %v says %v was sent before it, which never arrived", lane, here, *a.prev)
			}
			if have[here] {
				continue
			}
			have[here] = true
			if a.run == last.run && a.seq <= last.seq {
				j.result.OutOfOrder++
				j.t.Errorf("%s %v arrived after %s/%d", lane, here, last.run, last.seq)
			}
			if a.run == last.run && a.obs != 0 && a.obs < last.obs {
				j.t.Errorf("%s %v has obs %d, the one before it %d", lane, here, a.obs, last.obs)
			}
			if a.run == last.run && a.seq != last.seq+1 {
				gaps++
			}
			last = a
		}
		j.result.UnexplainedGaps += gaps
		if gaps > 0 {
			j.t.Errorf("%s: %d gaps in seq that no loss event explains", lane, gaps)
		}
	}
}

// runsAreAnnounced: each life begins with a run event that names the one before.
func (j *judge) runsAreAnnounced(lives int) {
	j.t.Helper()
	starts := j.starts()
	if len(starts) != lives {
		j.t.Fatalf("%d run events, want %d", len(starts), lives)
	}
	var runs []string
	events, _ := j.first("events")
	for _, e := range events {
		if len(runs) == 0 || runs[len(runs)-1] != e.run {
			runs = append(runs, e.run)
			if e.kind != "run" {
				j.t.Errorf("run %s begins with event %q, want run", e.run, e.kind)
			}
		}
	}
	for i, s := range starts[1:] {
		if s.Ended != "unclean" || s.Predecessor != runs[i] {
			j.t.Errorf("run %d says its predecessor %s ended %s, want %s unclean", i+2, s.Predecessor, s.Ended, runs[i])
		}
	}
}
