package gateway

import (
	"time"

	"watchpost/agent/alarm"
	"watchpost/agent/history"
	"watchpost/agent/page"
	"watchpost/drivers"
)

var _ page.History = (*gateway)(nil)

// Series is the last day of a quantity, for the page's chart. Its times are, like
// those of the whole page, counted back from now: a clock that was set tears no
// chart.
func (g *gateway) Series(sensor string, q drivers.Quantity) (page.Series, bool) {
	days := g.pipeline.history
	now := g.clock.Now()
	read, ok := days.Read(sensor, q, now.Offset-history.Span, now.Offset)
	if !ok {
		return page.Series{}, false
	}
	wall := func(offset time.Duration) time.Time { return now.Wall.Add(offset - now.Offset) }
	s := page.Series{Begun: wall(days.Begun()), Step: history.Step, Thresholds: thresholds(rules(g.cfg), sensor, q)}
	for _, p := range read.Points {
		s.Points = append(s.Points, page.Point{
			At: wall(p.Start), Min: p.Min, Max: p.Max, Last: p.Last,
			Values: p.Values, Faults: p.Faults, Reason: p.Reason, Worst: p.Worst,
		})
	}
	return s, true
}

// thresholds are the levels at which alarms on a quantity begin and end.
func thresholds(rules []alarm.Rule, sensor string, q drivers.Quantity) (list []page.Threshold) {
	for _, r := range rules {
		if r.Sensor != sensor || r.Kind != alarm.LevelHigh || r.Quantity != q && (r.Quantity != "" || q != drivers.Level) {
			continue
		}
		levels := r.Levels
		if r.Above != nil {
			one := alarm.Threshold{Level: r.Level, Above: *r.Above, ClearBelow: *r.Above}
			if r.ClearBelow != nil {
				one.ClearBelow = *r.ClearBelow
			}
			levels = append([]alarm.Threshold{one}, levels...)
		}
		for _, l := range levels {
			list = append(list, page.Threshold{Value: l.Above, Level: l.Level})
			if l.ClearBelow.Compare(l.Above) < 0 {
				list = append(list, page.Threshold{Value: l.ClearBelow, Level: l.Level, Below: true, Clears: true})
			}
		}
	}
	return list
}
