package sense

import (
	"math"
	"time"

	"watchpost/agent/record"
	"watchpost/drivers"
)

// The allowance of early reports, apart for changes of state and of value: so
// many at once, then one each second. A sensor sampled once a second never
// meets it; a loose wire sampled at 10 Hz does, and must not fill the flash.
const (
	reportBurst = 10
	reportEvery = time.Second
)

// Policy says which readings are recorded and sent. Sampling goes on at its own
// pace: alarms and the local page see every sample.
//
// Whoever replays the reports of one quantity knows, at each sample:
//
//   - a report that is younger than Every (InAlarm, if that is shorter and the
//     sensor is in alarm), or is this sample. Between samples it grows older by
//     the time to the next one.
//   - quality, reason and, of a contact, the value. Each change of them is
//     reported at once, unless ten were within the last 10 s; those beyond are
//     folded into the newest state, which is reported with the first sample
//     that is a second after the last such report. Only their count is lost.
//   - with Change set, a value less than Change away while the quality is one
//     with a value; under the same allowance, counted apart.
//
// So a sensor never sends more than one report for each Every (less half a
// sample period) and, for changes of state and of value each, ten and one a
// second.
type Policy struct {
	// Every is the longest time without a report; 0 reports every sample.
	Every time.Duration
	// InAlarm replaces Every while the sensor has an active alarm, where it is
	// shorter; 0 does not.
	InAlarm time.Duration
	// Change is the difference to the last reported value that is reported at
	// once; zero reports no change by itself. Counts have none: a counter is
	// reported at the pace of Every.
	Change drivers.Decimal
}

// report is what was last reported of one quantity. The zero report is none.
type report struct {
	reading        drivers.Reading
	at             time.Duration // offset since boot
	states, values allowance     // left for early reports
}

// cause is why a reading is reported.
type cause uint8

const (
	notDue   cause = iota
	dueFirst       // nothing was reported before
	dueBeat        // the last report is old enough
	dueState       // quality, reason or a contact changed
	dueValue       // the value left the band around the last report
)

// due says whether and why now is to be reported, last having been the report
// before it and period the time between samples.
func (p Policy) due(last report, now record.Reading, period time.Duration, inAlarm bool) cause {
	at := now.At.Offset
	every := p.Every
	if inAlarm && p.InAlarm > 0 {
		every = min(every, p.InAlarm)
	}
	switch {
	case last.reading.Quality == 0:
		return dueFirst
	// Half a period of slack: samples never fall exactly on the report's beat,
	// and waiting for the next one would stretch every report by a period.
	case at-last.at >= every-min(period, every)/2:
		return dueBeat
	case otherState(last.reading, now.Reading) && last.states.left(at, reportEvery, reportBurst):
		return dueState
	case p.otherValue(last.reading, now.Reading) && last.values.left(at, reportEvery, reportBurst):
		return dueValue
	}
	return notDue
}

// next is the report that follows when now is reported because of why.
func (last report) next(now record.Reading, why cause) report {
	next := report{reading: now.Reading, at: now.At.Offset, states: last.states, values: last.values}
	switch why {
	case dueState:
		next.states.spend(next.at, reportEvery)
	case dueValue:
		next.values.spend(next.at, reportEvery)
	}
	return next
}

// otherState reports whether quality, reason or a contact's value changed.
func otherState(last, now drivers.Reading) bool {
	if now.Quality != last.Quality || now.Reason != last.Reason {
		return true
	}
	return now.Quantity.Contact() && now.HasValue() && now.Value.Compare(last.Value) != 0
}

// otherValue reports whether the value left the band around the last report.
func (p Policy) otherValue(last, now drivers.Reading) bool {
	if p.Change.Coefficient <= 0 || !now.HasValue() || !last.HasValue() || now.Quantity.Contact() || now.Unit == drivers.Count {
		return false
	}
	d, ok := distance(now.Value, last.Value)
	return !ok || d.Compare(p.Change) >= 0
}

// distance is |a-b|; not ok is one beyond any band. Values of one quantity
// share their scale; if a driver ever mixes scales, the finer one is used.
func distance(a, b drivers.Decimal) (d drivers.Decimal, ok bool) {
	for a.Scale < b.Scale || b.Scale < a.Scale {
		coarse := &a
		if b.Scale < a.Scale {
			coarse = &b
		}
		if c := coarse.Coefficient; c > math.MaxInt64/10 || c < math.MinInt64/10 {
			return d, false
		}
		coarse.Coefficient *= 10
		coarse.Scale++
	}
	high, low := max(a.Coefficient, b.Coefficient), min(a.Coefficient, b.Coefficient)
	difference := high - low
	if difference < 0 { // overflowed
		return d, false
	}
	return drivers.Decimal{Coefficient: difference, Scale: a.Scale}, true
}

// allowance bounds a rate: a burst at once, then one each interval. The zero
// allowance is a whole one. Times are offsets since boot.
type allowance struct {
	spent time.Duration // when all that was spent will have come back
}

// left reports whether one may be spent now.
func (a allowance) left(now, interval time.Duration, burst int) bool {
	return a.wait(now, interval, burst) <= 0
}

// wait is how long it takes until one may be spent.
func (a allowance) wait(now, interval time.Duration, burst int) time.Duration {
	return a.spent - now - interval*time.Duration(burst-1)
}

// spend takes one.
func (a *allowance) spend(now, interval time.Duration) { a.spent = max(a.spent, now) + interval }
