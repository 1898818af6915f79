package page

import (
	"slices"
	"time"

	"watchpost/agent/health"
	"watchpost/agent/record"
	"watchpost/drivers"
)

// History gives the page the last day of a sensor. It is called from many
// goroutines and must not wait for hardware, flash or network.
type History interface {
	// Series is false for a quantity nothing is kept of. Its times are of the
	// clock as it stands now, those of View.Now.
	Series(sensor string, q drivers.Quantity) (Series, bool)
}

// Series is the last day of one quantity of one sensor.
type Series struct {
	// Begun is since when samples are kept; zero: not known.
	Begun      time.Time
	Step       time.Duration // that one point stands for
	Points     []Point       // oldest first; a step without a sample has none
	Thresholds []Threshold
}

// Point is one step of a series in which there was a sample.
type Point struct {
	At time.Time // when the step began
	// Min, Max and Last mean nothing while Values is 0.
	Min, Max, Last drivers.Decimal
	Values, Faults int             // samples
	Reason         drivers.Reason  // of the faults, or of the doubt
	Worst          drivers.Quality // of all samples of the step
}

// Threshold is a level at which an alarm begins or ends.
type Threshold struct {
	Value  drivers.Decimal
	Level  record.Severity
	Below  bool // the alarm begins or ends below it, not above
	Clears bool // it ends there
}

// gap is a time without values. Reason is empty when there was no sample at all.
type gap struct {
	from, to time.Time
	reason   drivers.Reason
	fault    bool
}

// chart is a series between two times, with its gaps.
type chart struct {
	Series
	from, to time.Time
	points   []Point // with values
	gaps     []gap
}

// newChart finds the gaps of a series. Two values belong together when no fault
// lies between them and no more time than makes a value stale (patience): a
// sensor that is read every five minutes has no gaps of four.
func newChart(s Series, period time.Duration, from, to time.Time) chart {
	c := chart{Series: s, from: from, to: to}
	limit := time.Duration(1<<63 - 1) // a sensor that speaks by itself is never silent
	if period > 0 {
		limit = s.Step + patience(period)
	}
	last := from.Add(-s.Step) // up to here, and for a step, something is known
	if s.Begun.After(from) {
		last = s.Begun.Add(-s.Step)
	}
	open := gap{}
	shut := func(at time.Time) {
		if !open.from.IsZero() {
			open.to = at
			c.gaps = append(c.gaps, open)
		}
		open = gap{}
	}
	for _, p := range s.Points {
		if p.At.Before(from.Add(-s.Step)) || p.At.After(to) {
			continue
		}
		if p.At.Sub(last) > limit && !open.fault {
			c.gaps = append(c.gaps, gap{from: last.Add(s.Step), to: p.At})
		}
		last = p.At
		if p.Values == 0 {
			if !open.fault || open.reason != p.Reason {
				shut(p.At)
				open = gap{from: p.At, reason: p.Reason, fault: true}
			}
			continue
		}
		shut(p.At)
		c.points = append(c.points, p)
	}
	if to.Sub(last) > limit && !open.fault {
		c.gaps = append(c.gaps, gap{from: last.Add(s.Step), to: to})
	}
	shut(to)
	return c
}

// runs are the values between gaps.
func (c chart) runs() (runs [][]Point) {
	rest, gaps := c.points, c.gaps
	for len(rest) > 0 {
		n := len(rest)
		for len(gaps) > 0 {
			if n = slices.IndexFunc(rest, func(p Point) bool { return !p.At.Before(gaps[0].from) }); n != 0 {
				break // the gap is behind the first value
			}
			gaps = gaps[1:]
		}
		if n < 0 || len(gaps) == 0 {
			n = len(rest)
		}
		runs = append(runs, rest[:n])
		rest = rest[n:]
	}
	return runs
}

// historyJSON is the answer of /api/v1/history. Times are Unix milliseconds,
// values have the decimals they were read with. The columns are of equal length;
// where there is a gap they have one row of null. Members are added, never
// renamed.
type historyJSON struct {
	Sensor     string             `json:"sensor"`
	Name       health.Text        `json:"name"`
	Quantity   drivers.Quantity   `json:"quantity"`
	Unit       drivers.Unit       `json:"unit"`
	Now        int64              `json:"now"`
	From       int64              `json:"from"`
	Begun      *int64             `json:"begun"` // nothing older is known; null: not said
	StepMS     int64              `json:"step_ms"`
	Thresholds []thresholdJSON    `json:"thresholds"`
	Gaps       []gapJSON          `json:"gaps"`
	Times      []int64            `json:"times"`
	Min        []*drivers.Decimal `json:"min"`
	Max        []*drivers.Decimal `json:"max"`
	Last       []*drivers.Decimal `json:"last"`
	Faults     []int              `json:"faults"` // samples that failed beside the values
}

type thresholdJSON struct {
	Name   health.Text     `json:"name"`
	Level  string          `json:"level"`
	Value  drivers.Decimal `json:"value"`
	Below  bool            `json:"below"`
	Clears bool            `json:"clears"`
}

type gapJSON struct {
	From   int64          `json:"from"`
	To     int64          `json:"to"`
	Reason drivers.Reason `json:"reason"` // empty: there was no sample
	Text   health.Text    `json:"text"`
}

// document is the chart as JSON.
func (c chart) document(x Sensor) historyJSON {
	inZH, inEN := &shaper{phrase: newPhrase(zh)}, &shaper{phrase: newPhrase(en)}
	out := historyJSON{
		Sensor: x.ID, Name: health.Text{ZH: x.NameZH, EN: x.NameEN}, Quantity: x.Quantity, Unit: x.Unit,
		Now: c.to.UnixMilli(), From: c.from.UnixMilli(), StepMS: c.Step.Milliseconds(),
		Thresholds: []thresholdJSON{}, Gaps: []gapJSON{}, Times: []int64{},
		Min: []*drivers.Decimal{}, Max: []*drivers.Decimal{}, Last: []*drivers.Decimal{}, Faults: []int{},
	}
	if !c.Begun.IsZero() {
		begun := c.Begun.UnixMilli()
		out.Begun = &begun
	}
	for _, t := range c.Thresholds {
		out.Thresholds = append(out.Thresholds, thresholdJSON{
			health.Text{ZH: inZH.threshold(t, x.Unit), EN: inEN.threshold(t, x.Unit)}, t.Level.String(), t.Value, t.Below, t.Clears,
		})
	}
	for _, g := range c.gaps {
		out.Gaps = append(out.Gaps, gapJSON{
			g.from.UnixMilli(), g.to.UnixMilli(), g.reason, health.Text{ZH: inZH.gapWord(g), EN: inEN.gapWord(g)},
		})
	}
	for i, run := range c.runs() {
		if i > 0 {
			out.row(run[0].At.Add(-1).UnixMilli(), nil, nil, nil, 0)
		}
		for _, p := range run {
			out.row(p.At.UnixMilli(), &p.Min, &p.Max, &p.Last, p.Faults)
		}
	}
	return out
}

func (h *historyJSON) row(at int64, low, high, last *drivers.Decimal, faults int) {
	h.Times = append(h.Times, at)
	h.Min, h.Max, h.Last = append(h.Min, low), append(h.Max, high), append(h.Last, last)
	h.Faults = append(h.Faults, faults)
}

// threshold names a threshold, such as 橙色报警：高于 1.800 m.
func (s *shaper) threshold(t Threshold, u drivers.Unit) string {
	key := "threshold.above"
	switch {
	case t.Clears && t.Below:
		key = "threshold.over.below"
	case t.Clears:
		key = "threshold.over.above"
	case t.Below:
		key = "threshold.below"
	}
	name := s.fill(key, 0, joined(t.Value.String(), string(u)))
	if t.Clears {
		return name
	}
	return s.level(t.Level) + name
}

// gapWord says why there is nothing.
func (s *shaper) gapWord(g gap) string {
	if !g.fault {
		return s.get("gap.none")
	}
	return s.get("gap.fault") + s.get("reason.open") + s.reason(g.reason)
}
