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
	InAlarm  time.Duration // 0: it has no alarm
	Change   bool          // a change reports at once
}

// Platform is what matters of one receiver.
type Platform struct {
	Profile   *message.Native
	TLS       bool // MQTT within TLS
	Shows     bool // and a certificate of the gateway's own
	KeepAlive time.Duration
	// Will, State, Active and Event are topic and payload, in bytes, of the last
	// will, the two documents, and an event as it is typically sent.
	Will, State, Active, Event int
	// HTTPS is the second way; nil: none.
	HTTPS *HTTPS
}

// HTTPS is the second way to a platform.
type HTTPS struct {
	TLS, Shows bool
	Address    string // of the inlet, without the topic
	Authorised int    // length of the Authorization header's value, 0 for none
}

// Plan is what is predicted.
type Plan struct {
	Sensors     []Sensor
	Platforms   []Platform
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
	// SentPerMonth is bytes on the wire in 30 days, to and from all platforms: what
	// IP carries, with the headers of TCP/IP, TLS and MQTT, confirmations, pings,
	// and what a connection costs to open. Calm is with one connection a day, the
	// most with one an hour.
	SentPerMonth Range
	// SecondPerMonth is the same with every second way in use all the time; zero
	// when there is none.
	SecondPerMonth Range
	// SentPerEvent is what one event adds, SentPerAlarmHour an hour of alarm on
	// every sensor that has one.
	SentPerEvent, SentPerAlarmHour float64
	// FlashOnline and FlashOffline are bytes a month written by the readings, with
	// every platform connected and with one of them away. Online it is nothing: a
	// reading that was delivered before its commit was due is never written.
	FlashOnline, FlashOffline Range
	// FlashPerEvent is what one event or alarm step writes, delivered or not.
	FlashPerEvent float64
	// AlarmHourReadings is how many readings an hour of alarm on every sensor that
	// has one adds.
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

// changeEvery is the pace to which the report policy holds changes of value.
const changeEvery = time.Second

const (
	day   = 24 * time.Hour
	month = 30 // days
)

// Predict computes what p costs. The error is that of shaping a message.
func Predict(p Plan) (Forecast, error) {
	f := Forecast{FlashPerEvent: EventBytes}
	for _, s := range p.Sensors {
		reports, alarmed := s.reports()
		n := float64(len(s.Readings))
		f.SamplesPerDay += n * perDay(s.Sample)
		f.ReadingsPerDay = f.ReadingsPerDay.plus(reports, n)
		f.AlarmHourReadings += n * (alarmed - reports.Calm) / 24
	}
	for _, to := range p.Platforms {
		if err := p.send(&f, to); err != nil {
			return Forecast{}, err
		}
	}
	if len(p.Platforms) == 0 { // nobody to keep a reading for
		f.HoldsDays = Range{math.Inf(1), math.Inf(1)}
		return f, nil
	}
	f.FlashOffline = p.written(f.ReadingsPerDay).times(month)
	f.HoldsDays = Range{Calm: p.holds(f.ReadingsPerDay.Calm), Most: p.holds(f.ReadingsPerDay.Most)}
	return f, nil
}

// reports is how often a day a sensor reports each of its quantities, and how
// often in alarm.
func (s Sensor) reports() (r Range, alarmed float64) {
	samples := perDay(s.Sample)
	r.Calm = min(samples, perDay(s.Every))
	r.Most = r.Calm
	if s.Change {
		r.Most = min(samples, r.Calm+perDay(changeEvery))
	}
	return r, max(r.Calm, min(samples, perDay(s.InAlarm)))
}

// send adds to f what goes to and from one platform.
func (p Plan) send(f *Forecast, to Platform) error {
	var calm, busy, alarm traffic
	for _, s := range p.Sensors {
		reports, alarmed := s.reports()
		for _, item := range s.Readings {
			alone, each, err := sizes(to.Profile, item)
			if err != nil {
				return err
			}
			calm.add(reports.Calm, each, alone-each)
			busy.add(reports.Most, each, alone-each)
			alarm.add(alarmed, each, alone-each)
		}
	}
	opening := to.opening()
	mqtt := func(t traffic, connections float64) float64 {
		return t.payload + t.messages(p.Linger)*to.message(t.head) + t.idle(p.Linger, to.KeepAlive)*to.ping() + connections*opening
	}
	sent := Range{mqtt(calm, calmConnections), mqtt(busy, mostConnections)}
	f.SentPerMonth = f.SentPerMonth.plus(sent, month)
	f.SentPerAlarmHour += (mqtt(alarm, calmConnections) - sent.Calm) / 24
	f.SentPerEvent += to.message(float64(to.Event))
	if h := to.HTTPS; h != nil {
		f.SecondPerMonth = f.SecondPerMonth.plus(Range{h.sent(calm, p.Linger), h.sent(busy, p.Linger)}, month)
	}
	return nil
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
