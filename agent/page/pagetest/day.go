package pagetest

import (
	"math"
	"time"

	"watchpost/agent/page"
	"watchpost/agent/record"
	"watchpost/drivers"
)

// Day is a page.History with a made-up day, the same each time: the sump's level
// with a gap, a fault and a flood at the end, the tank's of the last five hours,
// the smoke detector's contact, the reader's cards, and nothing of the others.
type Day struct{ now time.Time }

// NewDay makes the day before now.
func NewDay(now time.Time) Day { return Day{now} }

// What is missing of the sump's day, in minutes of it.
const (
	SilentFrom, SilentTo = 300, 340 // no sample at all
	FaultFrom, FaultTo   = 700, 790 // a broken wire
)

const dayMinutes = 24 * 60

// Series is the made-up day of a sensor.
func (d Day) Series(sensor string, q drivers.Quantity) (page.Series, bool) {
	switch {
	case sensor == "sump-1" && q == drivers.Level:
		return d.sump(), true
	case sensor == "tank-1" && q == drivers.Level:
		return d.tank(), true
	case sensor == "smoke-2f" && q == drivers.Smoke:
		return d.smoke(), true
	case sensor == "reader-e" && q == drivers.Card:
		return d.cards(), true
	}
	return page.Series{}, false
}

func (d Day) minute(n int) time.Time { return d.now.Add(time.Duration(n-dayMinutes) * time.Minute) }

func (d Day) sump() page.Series {
	s := page.Series{
		Begun: d.now.Add(-30 * time.Hour), Step: time.Minute,
		Thresholds: []page.Threshold{
			{Value: *decimal(1800, 3), Level: record.Orange},
			{Value: *decimal(1600, 3), Level: record.Orange, Below: true, Clears: true},
		},
	}
	for n := range dayMinutes {
		p := page.Point{At: d.minute(n), Values: 60, Worst: drivers.Good}
		switch {
		case n >= SilentFrom && n < SilentTo:
			continue
		case n >= FaultFrom && n < FaultTo:
			p.Values, p.Faults, p.Worst, p.Reason = 0, 60, drivers.Fault, drivers.BrokenWire
			s.Points = append(s.Points, p)
			continue
		case n == 900:
			p.Values, p.Faults, p.Worst, p.Reason = 58, 2, drivers.Fault, drivers.NoAnswer
		}
		level := 420 + int64(120*math.Sin(float64(n)/90))
		if n > 1300 {
			level += int64(n-1300) * 1045 / 100
		}
		p.Min, p.Max, p.Last = *decimal(level-15, 3), *decimal(level+20, 3), *decimal(level, 3)
		s.Points = append(s.Points, p)
	}
	return s
}

func (d Day) tank() page.Series {
	s := page.Series{Begun: d.now.Add(-5 * time.Hour), Step: time.Minute}
	for n := dayMinutes - 300; n < dayMinutes; n++ {
		level := *decimal(2310+int64(n%7), 3)
		s.Points = append(s.Points, page.Point{At: d.minute(n), Min: level, Max: level, Last: level, Values: 1, Worst: drivers.Good})
	}
	return s
}

func (d Day) cards() page.Series {
	s := page.Series{Begun: d.now.Add(-30 * time.Hour), Step: time.Minute}
	for n := range dayMinutes {
		count := drivers.Int(int64(n / 11))
		s.Points = append(s.Points, page.Point{At: d.minute(n), Min: count, Max: count, Last: count, Values: 12, Worst: drivers.Good})
	}
	return s
}

func (d Day) smoke() page.Series {
	s := page.Series{Begun: d.now.Add(-30 * time.Hour), Step: time.Minute}
	for n := range dayMinutes {
		state := drivers.Int(0)
		if n >= 1200 && n < 1230 {
			state = drivers.Int(1)
		}
		s.Points = append(s.Points, page.Point{At: d.minute(n), Min: state, Max: state, Last: state, Values: 6, Worst: drivers.Good})
	}
	return s
}
