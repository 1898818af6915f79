package sense

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"watchpost/agent/clock"
	"watchpost/agent/record"
	"watchpost/drivers"
)

// stream is one quantity's samples under one policy.
type stream struct {
	policy  Policy
	period  time.Duration
	samples []tick
}

// tick is one sample and whether the sensor was in alarm then.
type tick struct {
	record.Reading
	inAlarm bool
}

// streams draws whole lives of sensors: stretches of calm, wandering, steps,
// flutter and faults, at a pace with jitter and with samples missing.
var streams = rapid.Custom(func(t *rapid.T) stream {
	ms := func(label string, choices ...int64) time.Duration {
		return time.Duration(rapid.SampledFrom(choices).Draw(t, label)) * time.Millisecond
	}
	s := stream{
		period: ms("period", 50, 100, 900, 1000, 5000),
		policy: Policy{
			Every:   ms("every", 0, 1000, 5000, 60000, 300000),
			InAlarm: ms("in_alarm", 0, 500, 1000, 2000),
			Change:  drivers.Decimal{Coefficient: rapid.SampledFrom([]int64{0, 1, 2, 10}).Draw(t, "change"), Scale: 2},
		},
	}
	quantity := rapid.SampledFrom([]drivers.Quantity{drivers.Level, drivers.Level, drivers.Door, drivers.Card}).Draw(t, "quantity")
	at := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "start"))
	var value int64 // millimetres, or a count
	inAlarm := false
	for range rapid.IntRange(1, 8).Draw(t, "stretches") {
		mode := rapid.SampledFrom([]string{"calm", "wander", "steps", "flutter", "doubts", "faults", "anything"}).Draw(t, "mode")
		inAlarm = inAlarm != (rapid.IntRange(0, 3).Draw(t, "alarm turns") == 0)
		for i := range rapid.IntRange(1, 60).Draw(t, "length") {
			jitter := rapid.Int64Range(-int64(s.period)/10, int64(s.period)/10).Draw(t, "jitter")
			at += s.period + time.Duration(jitter)
			if rapid.IntRange(0, 9).Draw(t, "missed") == 0 {
				at += s.period * time.Duration(rapid.IntRange(1, 5).Draw(t, "samples missed"))
			}
			if mode == "anything" {
				mode = rapid.SampledFrom([]string{"calm", "wander", "steps", "flutter", "doubts", "faults"}).Draw(t, "now")
			}
			var r drivers.Reading
			r, value = sampleOf(t, quantity, mode, i, value)
			s.samples = append(s.samples, tick{record.Reading{At: clock.Stamp{Offset: at}, Reading: r}, inAlarm})
		}
	}
	return s
})

// sampleOf is the next sample of a sensor in this mode.
func sampleOf(t *rapid.T, q drivers.Quantity, mode string, i int, value int64) (drivers.Reading, int64) {
	switch mode {
	case "wander": // around thresholds too: the bands are 10, 20 and 100 wide
		value += rapid.Int64Range(-7, 7).Draw(t, "drift")
	case "steps":
		value += rapid.SampledFrom([]int64{0, 0, 9, 10, -10, 20, 100, -250}).Draw(t, "step")
	case "flutter":
		value += int64(1-i%2*2) * rapid.SampledFrom([]int64{1, 9, 10, 99, 100}).Draw(t, "swing")
	}
	switch {
	case mode == "faults" && i%3 < 2:
		return drivers.NewFault(q, rapid.SampledFrom([]drivers.Reason{drivers.NoAnswer, drivers.Stuck}).Draw(t, "reason")), value
	case q == drivers.Door:
		return drivers.NewContact(q, value%2 != 0), value
	case q == drivers.Card:
		return drivers.NewGood(q, drivers.Int(value), drivers.Count), value
	case mode == "doubts" && i%2 == 0:
		why := rapid.SampledFrom([]drivers.Reason{drivers.BetweenBands, drivers.OverRange}).Draw(t, "doubt")
		return drivers.NewUncertain(q, drivers.Decimal{Coefficient: value, Scale: 3}, drivers.Metre, why), value
	}
	return drivers.NewGood(q, drivers.Decimal{Coefficient: value, Scale: 3}, drivers.Metre), value
}

// rule is a report policy under test: due, or something broken on purpose.
type rule struct {
	name  string
	due   func(p Policy, last report, s tick, period time.Duration) cause
	drift bool // compares with the last sample, not with the last report
}

var theRule = rule{name: "as it is", due: func(p Policy, last report, s tick, period time.Duration) cause {
	return p.due(last, s.Reading, period, s.inAlarm)
}}

// judge replays what the rule reports of a stream and says what the Policy's
// promises would not allow. It knows nothing of how the rule decides.
func judge(s stream, r rule) error {
	j := replay{stream: s}
	var last report
	for i, now := range s.samples {
		why := r.due(s.policy, last, now, s.period)
		if why != notDue {
			last = last.next(now.Reading, why)
		} else if r.drift && i > 0 {
			last.reading = now.Reading.Reading
		}
		if err := j.sample(now, why != notDue); err != nil {
			return fmt.Errorf("sample %d (%v at %v): %w", i, now.Reading.Reading, now.At.Offset, err)
		}
	}
	took := s.samples[len(s.samples)-1].At.Offset - s.samples[0].At.Offset
	if most := 2 * (10 + int(took/time.Second)); j.early > most {
		return fmt.Errorf("%d early reports in %v, want at most %d", j.early, took, most)
	}
	return nil
}

// replay is a receiver of reports.
type replay struct {
	stream
	known          record.Reading
	any            bool
	states, values []time.Duration // when reports told another state, another value
	early          int
}

// sample takes in one sample and whether it was reported.
func (j *replay) sample(now tick, reported bool) error {
	at := now.At.Offset
	every := j.policy.Every
	if now.inAlarm && j.policy.InAlarm > 0 {
		every = min(every, j.policy.InAlarm)
	}
	age := at - j.known.At.Offset
	state := j.any && (now.Quality != j.known.Quality || now.Reason != j.known.Reason ||
		now.Quantity == drivers.Door && now.HasValue() && now.Value != j.known.Value)
	value := j.any && j.policy.Change.Coefficient > 0 && now.Unit == drivers.Metre && now.HasValue() && j.known.HasValue() &&
		max(now.Value.Coefficient-j.known.Value.Coefficient, j.known.Value.Coefficient-now.Value.Coefficient) >= 10*j.policy.Change.Coefficient
	switch {
	case reported:
		beat := !j.any || age >= every-min(every, j.period)/2
		if !beat && !state && !value {
			return fmt.Errorf("reported without need, %v after the last", age)
		}
		if !beat {
			j.early++
		}
		if state {
			j.states = append(j.states, at)
		}
		if value {
			j.values = append(j.values, at)
		}
		j.known, j.any = now.Reading, true
		return nil
	case !j.any:
		return fmt.Errorf("the first sample was not reported")
	case age >= every:
		return fmt.Errorf("the last report is %v old, want less than %v", age, every)
	case state && !folded(j.states, at):
		return fmt.Errorf("known as %v, and not told", j.known.Reading)
	case value && !folded(j.values, at):
		return fmt.Errorf("known as %v with change %v, and not told", j.known.Value, j.policy.Change)
	}
	return nil
}

// folded reports whether a change at this moment may go untold: ten were told
// in the 10 s before, one of them in the last second.
func folded(told []time.Duration, at time.Duration) bool {
	recent := 0
	for _, t := range told {
		if t > at-10*time.Second {
			recent++
		}
	}
	return recent >= 10 && at-told[len(told)-1] < time.Second
}

func TestReportsTellWhatThePolicyPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if err := judge(streams.Draw(t, "stream"), theRule); err != nil {
			t.Fatal(err)
		}
	})
}

// brokenRules are the ways in which a report policy goes wrong.
func brokenRules() []rule {
	policy := func(name string, spoil func(*Policy)) rule {
		return rule{name: name, due: func(p Policy, last report, s tick, period time.Duration) cause {
			spoil(&p)
			return p.due(last, s.Reading, period, s.inAlarm)
		}}
	}
	sample := func(name string, spoil func(last *report, s *tick)) rule {
		return rule{name: name, due: func(p Policy, last report, s tick, period time.Duration) cause {
			if last.reading.Quality != 0 {
				spoil(&last, &s)
			}
			return p.due(last, s.Reading, period, s.inAlarm)
		}}
	}
	return []rule{
		policy("change ignored", func(p *Policy) { p.Change = drivers.Decimal{} }),
		policy("change doubled", func(p *Policy) { p.Change.Coefficient *= 2 }),
		policy("a change of exactly change ignored", func(p *Policy) {
			p.Change = drivers.Decimal{Coefficient: p.Change.Coefficient*10 + min(p.Change.Coefficient, 1), Scale: 3}
		}),
		policy("every doubled", func(p *Policy) { p.Every *= 2 }),
		policy("every halved", func(p *Policy) { p.Every /= 2 }),
		policy("alarm's pace ignored", func(p *Policy) { p.InAlarm = 0 }),
		sample("alarms ignored", func(_ *report, s *tick) { s.inAlarm = false }),
		sample("quality ignored", func(last *report, s *tick) {
			last.reading.Quality, last.reading.Reason = s.Quality, s.Reason
		}),
		sample("reason ignored", func(last *report, s *tick) { last.reading.Reason = s.Reason }),
		sample("contacts ignored", func(last *report, s *tick) {
			if s.Quantity.Contact() {
				last.reading.Value = s.Value
			}
		}),
		sample("no allowance for states", func(last *report, _ *tick) { last.states = allowance{} }),
		sample("no allowance for values", func(last *report, _ *tick) { last.values = allowance{} }),
		sample("allowance of states comes back too late", func(last *report, _ *tick) { last.states.spent += time.Second }),
		sample("allowance of values comes back too late", func(last *report, _ *tick) { last.values.spent += time.Second }),
		{name: "everything reported", due: func(Policy, report, tick, time.Duration) cause { return dueBeat }},
		{name: "nothing reported", due: func(Policy, report, tick, time.Duration) cause { return notDue }},
		{name: "first only", due: func(p Policy, last report, s tick, period time.Duration) cause {
			if last.reading.Quality != 0 {
				return notDue
			}
			return dueFirst
		}},
		{name: "compared with the last sample", due: theRule.due, drift: true},
	}
}

// TestBrokenPoliciesAreSeen is the negative control of the judge.
func TestBrokenPoliciesAreSeen(t *testing.T) {
	const most = 3000
	examples := make([]stream, 0, most)
	for _, r := range brokenRules() {
		seen := false
		for i := range most {
			if i == len(examples) {
				examples = append(examples, streams.Example(i))
			}
			if err := judge(examples[i], r); err != nil {
				t.Logf("%s: red at stream %d: %v", r.name, i+1, err)
				seen = true
				break
			}
		}
		if !seen {
			t.Errorf("%s: not seen in %d streams", r.name, most)
		}
	}
}

// TestReportsOfAnHour counts what sensors of different tempers send.
func TestReportsOfAnHour(t *testing.T) {
	policy := Policy{Every: 5 * time.Minute, Change: drivers.Decimal{Coefficient: 1, Scale: 2}}
	level := func(mm int64) drivers.Reading {
		return drivers.NewGood(drivers.Level, drivers.Decimal{Coefficient: mm, Scale: 3}, drivers.Metre)
	}
	for _, tc := range []struct {
		name   string
		period time.Duration
		at     func(i int) drivers.Reading
		most   int
	}{
		{"calm", time.Second, func(int) drivers.Reading { return level(1800) }, 13},
		{"flutters by less than change", time.Second, func(i int) drivers.Reading { return level(1800 + int64(i%2)*9) }, 13},
		{"loose wire at 10 Hz", 100 * time.Millisecond, func(i int) drivers.Reading {
			if i%2 == 0 {
				return drivers.NewFault(drivers.Level, drivers.BrokenWire)
			}
			return level(1800)
		}, 3600 + 10},
		{"waves at 10 Hz", 100 * time.Millisecond, func(i int) drivers.Reading { return level(1800 + int64(i%2)*50) }, 3600 + 10},
		{"counts cards", time.Second, func(i int) drivers.Reading {
			return drivers.NewGood(drivers.Card, drivers.Int(int64(i)), drivers.Count)
		}, 13},
	} {
		var last report
		reports := 0
		for i := range int(time.Hour / tc.period) {
			now := record.Reading{At: clock.Stamp{Offset: time.Duration(i) * tc.period}, Reading: tc.at(i)}
			if why := policy.due(last, now, tc.period, false); why != notDue {
				last = last.next(now, why)
				reports++
			}
		}
		if reports > tc.most || reports < 12 {
			t.Errorf("%s: %d reports an hour, want 12 to %d", tc.name, reports, tc.most)
		}
		t.Logf("%s: %d reports an hour", tc.name, reports)
	}
}
