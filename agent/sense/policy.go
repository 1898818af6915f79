package sense

import (
	"time"

	"watchpost/agent/record"
	"watchpost/drivers"
)

// Policy says which readings are recorded and sent. Sampling goes on at its own
// pace: alarms and the local page see every sample.
type Policy struct {
	// Every is the longest time without a report; 0 reports every sample.
	Every time.Duration
	// InAlarm replaces Every while the sensor has an active alarm; 0 does not.
	InAlarm time.Duration
	// Change is the difference to the last reported value that is reported at
	// once; zero reports no change by itself.
	Change drivers.Decimal
}

// report is what was last reported of one quantity.
type report struct {
	reading drivers.Reading
	at      time.Duration // offset since boot
}

// due reports whether now is to be sent, last having been the report before it.
// A change of quality or reason always is.
func (p Policy) due(last report, now record.Reading, period time.Duration, inAlarm bool) bool {
	if now.Quality != last.reading.Quality || now.Reason != last.reading.Reason {
		return true
	}
	every := p.Every
	if inAlarm && p.InAlarm > 0 {
		every = min(every, p.InAlarm)
	}
	// Half a period of slack: samples never fall exactly on the report's beat,
	// and waiting for the next one would stretch every report by a period.
	if now.At.Offset-last.at >= every-period/2 {
		return true
	}
	if !now.HasValue() {
		return false
	}
	if now.Quantity.Contact() {
		return now.Value.Compare(last.reading.Value) != 0
	}
	return p.Change.Coefficient > 0 && distance(now.Value, last.reading.Value).Compare(p.Change) >= 0
}

// distance is |a-b|. Values of one quantity share their scale; if a driver
// ever mixes scales, the finer one is used.
func distance(a, b drivers.Decimal) drivers.Decimal {
	for a.Scale < b.Scale {
		a = drivers.Decimal{Coefficient: a.Coefficient * 10, Scale: a.Scale + 1}
	}
	for b.Scale < a.Scale {
		b = drivers.Decimal{Coefficient: b.Coefficient * 10, Scale: b.Scale + 1}
	}
	d := a.Coefficient - b.Coefficient
	if d < 0 {
		d = -d
	}
	return drivers.Decimal{Coefficient: d, Scale: a.Scale}
}
