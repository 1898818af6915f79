// Package budget predicts what a configuration costs: how many readings a day
// it reports, how much data a month that is, and how much it wears the flash.
// An installer reads the figures before leaving, a city multiplies them by its
// gateways.
//
// The figures come from the messages themselves, shaped by package message, and
// from what the store was measured to write (EventBytes, CommitBytes and
// HeldBytes, which a test of agent/gateway holds to the store).
package budget

import (
	"math"
	"time"

	"watchpost/agent/message"
)

// Sensor is what matters of one sensor.
type Sensor struct {
	ID string
	// Readings are one reading of each quantity, as it is typically sent.
	Readings []message.Item
	Sample   time.Duration
	Every    time.Duration // the report policy's
	InAlarm  time.Duration
	Change   bool // a change reports at once
}

// Plan is what is predicted.
type Plan struct {
	Sensors     []Sensor
	Profile     *message.Native
	Platforms   int
	KeepAlive   time.Duration
	Linger      time.Duration // how long readings wait for company
	CommitEvery time.Duration
	MaxBytes    int64
}

// Range is a figure on a calm day, when every sensor reports only as often as
// it must, and at the most, when every sample is a change.
type Range struct{ Calm, Most float64 }

// Forecast is what a plan costs.
type Forecast struct {
	// SamplesPerDay are read and shown, and seen by the alarms.
	SamplesPerDay float64
	// ReadingsPerDay are reported.
	ReadingsPerDay Range
	// SentPerMonth is bytes on the wire, both directions, with TCP/IP headers, to
	// all platforms, over 30 days. TLS and reconnections come on top.
	SentPerMonth Range
	// FlashOnline and FlashOffline are bytes a month written by the readings, with
	// every platform connected and with one of them away. Online it is nothing: a
	// reading that was delivered before its commit was due is never written.
	FlashOnline, FlashOffline Range
	// FlashPerEvent is what one event or alarm step writes, delivered or not.
	FlashPerEvent float64
	// AlarmHourReadings is how many readings an hour of alarm on every sensor
	// adds.
	AlarmHourReadings float64
	// HoldsDays is how long an outage may last until the store is full; without a
	// platform there is none.
	HoldsDays Range
}

// EventBytes is what one event or alarm step writes to flash: a commit of its
// own, with its note.
const EventBytes = 12 << 10

// CommitBytes is what a commit of n readings writes to flash: meta, leaf and
// branch pages of 4 KiB, and the readings deflated in blocks.
func CommitBytes(n float64) float64 { return 12<<10 + 55*n }

// HeldBytes is what n readings of one commit take in the store while they wait.
func HeldBytes(n float64) float64 { return 120 + 19*n }

// What TCP/IP and MQTT 3.1.1 add, in bytes.
const (
	segment = 40 // IPv4 and TCP headers
	// publishHead is a PUBLISH's fixed header with a three-byte length, the
	// topic's length and the packet id (MQTT 3.1.1 section 3.3).
	publishHead = 1 + 3 + 2 + 2
	puback      = 4
	ping        = 2
)

// changeEvery is the pace to which the report policy holds changes of value.
const changeEvery = time.Second

const (
	day   = 24 * time.Hour
	month = 30 // days
)

// Predict computes what p costs. The error is that of shaping a message.
func Predict(p Plan) (Forecast, error) {
	f := Forecast{FlashPerEvent: EventBytes}
	var bytes Range // payload of the readings themselves, a day
	head := 0.0
	for _, s := range p.Sensors {
		samples := perDay(s.Sample)
		reports := Range{Calm: min(samples, perDay(s.Every))}
		reports.Most = min(samples, reports.Calm+perDay(changeEvery))
		if !s.Change {
			reports.Most = reports.Calm
		}
		for _, item := range s.Readings {
			f.SamplesPerDay += samples
			f.ReadingsPerDay = f.ReadingsPerDay.plus(reports, 1)
			f.AlarmHourReadings += max(0, min(samples, perDay(s.InAlarm))-reports.Calm) / 24
			alone, each, err := sizes(p.Profile, item)
			if err != nil {
				return Forecast{}, err
			}
			head = max(head, alone-each)
			bytes = bytes.plus(reports, each)
		}
	}
	f.SentPerMonth = p.sent(f.ReadingsPerDay, bytes, head).times(month * float64(p.Platforms))
	if p.Platforms == 0 { // nobody to keep a reading for
		f.HoldsDays = Range{math.Inf(1), math.Inf(1)}
		return f, nil
	}
	f.FlashOffline = p.written(f.ReadingsPerDay).times(month)
	f.HoldsDays = Range{Calm: p.holds(f.ReadingsPerDay.Calm), Most: p.holds(f.ReadingsPerDay.Most)}
	return f, nil
}

// sizes is the payload and topic of one reading alone, and what it adds to a
// message that has others.
func sizes(profile *message.Native, item message.Item) (alone, each float64, err error) {
	topic, one, err := profile.Readings(&item.Position, []message.Item{item})
	if err != nil {
		return 0, 0, err
	}
	next := item
	next.Position.Seq++
	_, two, err := profile.Readings(&item.Position, []message.Item{item, next})
	if err != nil {
		return 0, 0, err
	}
	each = float64(len(two) - len(one))
	return float64(len(topic) + len(one)), each, nil
}

// sent is bytes a day to one platform.
func (p Plan) sent(readings, bytes Range, head float64) Range {
	one := func(n, bytes float64) float64 {
		// Reports of different sensors fall at different moments: a message has its
		// own reading and those that come within the linger.
		company := 1 + n*p.Linger.Seconds()/day.Seconds()
		messages := n / company
		// PUBLISH and PUBACK, each acknowledged by the other side's TCP.
		exchange := publishHead + head + segment + puback + segment + segment
		pings := max(0, perDay(p.KeepAlive)-messages) * (2*ping + 3*segment)
		return bytes + messages*exchange + pings
	}
	return Range{one(readings.Calm, bytes.Calm), one(readings.Most, bytes.Most)}
}

// commits is how many commits a day n readings a day make while a platform is
// away: one each CommitEvery, none when nothing came.
func (p Plan) commits(n float64) float64 {
	most := perDay(p.CommitEvery)
	return most * (1 - math.Exp(-n/most))
}

// written is bytes a day to flash while a platform is away.
func (p Plan) written(readings Range) Range {
	one := func(n float64) float64 {
		if n == 0 {
			return 0
		}
		commits := p.commits(n)
		return commits * CommitBytes(n/commits)
	}
	return Range{one(readings.Calm), one(readings.Most)}
}

// HoldsDays is how many days free bytes last for so many readings a day when
// nothing is sent; +Inf when none come.
func HoldsDays(free int64, readingsPerDay float64, commitEvery time.Duration) float64 {
	return Plan{CommitEvery: commitEvery, MaxBytes: free}.holds(readingsPerDay)
}

func (p Plan) holds(n float64) float64 {
	if n == 0 {
		return math.Inf(1)
	}
	commits := p.commits(n)
	return float64(p.MaxBytes) / (commits * HeldBytes(n/commits))
}

// perDay is how often something with this period happens in a day; a period of
// 0 never does.
func perDay(period time.Duration) float64 {
	if period <= 0 {
		return 0
	}
	return day.Seconds() / period.Seconds()
}

func (r Range) plus(more Range, factor float64) Range {
	return Range{r.Calm + more.Calm*factor, r.Most + more.Most*factor}
}

func (r Range) times(factor float64) Range { return Range{r.Calm * factor, r.Most * factor} }
