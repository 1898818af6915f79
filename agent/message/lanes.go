package message

import (
	"fmt"
	"strings"

	"watchpost/agent/alarm"
	"watchpost/agent/clock"
	"watchpost/agent/record"
	"watchpost/drivers"
)

// Alarm shapes one alarm step. Prev is the record sent before it to this
// platform in this lane, nil when there is none.
func (n *Native) Alarm(prev *record.Position, item Item) (topic string, payload []byte, err error) {
	a, ok := item.Record.(record.Alarm)
	if !ok {
		return "", nil, fmt.Errorf("shape %T as alarm: %w", item.Record, ErrWrongRecord)
	}
	if a.Raise.IsZero() && a.State == record.Raised {
		a.Raise = item.Position
	}
	return n.message(ClassAlarms, struct {
		head
		alarmJSON
	}{n.head(prev, item.Position, a.Obs, a.At), n.alarm(a)})
}

type alarmJSON struct {
	Alarm        *string           `json:"alarm"`
	Sensor       string            `json:"sensor"`
	Name         *nameJSON         `json:"name,omitempty"`
	Kind         string            `json:"kind"`
	Level        string            `json:"level"`
	State        record.AlarmState `json:"state"`
	Quantity     drivers.Quantity  `json:"quantity,omitempty"`
	Value        *drivers.Decimal  `json:"value,omitempty"`
	Unit         drivers.Unit      `json:"unit,omitempty"`
	Threshold    *drivers.Decimal  `json:"threshold,omitempty"`
	Since        *string           `json:"since"`
	SinceQuality string            `json:"since_quality"`
	By           string            `json:"by,omitempty"`
	Note         string            `json:"note,omitempty"`
	Acknowledged *ackJSON          `json:"acknowledged,omitempty"`
	Restored     *momentJSON       `json:"restored,omitempty"`
	Sensors      []string          `json:"sensors,omitempty"`
	Place        *Place            `json:"place,omitempty"`
	Sentence     nameJSON          `json:"sentence"`
}

// momentJSON is when something was.
type momentJSON struct {
	Time        *string `json:"time"`
	TimeQuality string  `json:"time_quality"`
}

type ackJSON struct {
	momentJSON
	By   string `json:"by,omitempty"`
	Note string `json:"note,omitempty"`
}

func momentOf(at clock.Stamp) momentJSON { return momentJSON{wall(at), timeQuality(at)} }

func ackOf(a *record.Ack) *ackJSON {
	if a == nil {
		return nil
	}
	return &ackJSON{momentOf(a.At), a.By, a.Note}
}

func restoredOf(at *clock.Stamp) *momentJSON {
	if at == nil {
		return nil
	}
	moment := momentOf(*at)
	return &moment
}

// AlarmID names an alarm for ever: gateway/run/seq of the record that raised it.
func AlarmID(gateway string, raise record.Position) string {
	return fmt.Sprintf("%s/%s/%d", gateway, raise.Run, raise.Seq)
}

// ParseAlarmID is where the alarm with this id was raised; false for what is no
// id of this gateway's alarms.
func ParseAlarmID(gateway, id string) (raise record.Position, ok bool) {
	rest, ok := strings.CutPrefix(id, gateway+"/")
	if !ok {
		return record.Position{}, false
	}
	if n, err := fmt.Sscanf(rest, "%16x-%d/%d", &raise.Run.Epoch, &raise.Run.N, &raise.Seq); n != 3 || err != nil {
		return record.Position{}, false
	}
	return raise, AlarmID(gateway, raise) == id
}

func (n *Native) alarm(a record.Alarm) alarmJSON {
	s := n.sensors[a.Sensor]
	return alarmJSON{
		Alarm: n.alarmID(a), Sensor: a.Sensor, Name: n.name(a.Sensor),
		Kind: a.Kind, Level: a.Level.String(), State: a.State,
		Quantity: a.Quantity, Value: a.Value, Unit: a.Unit, Threshold: a.Threshold,
		Since: wall(a.Since), SinceQuality: timeQuality(a.Since),
		By: a.By, Note: a.Note, Place: n.place(a.Sensor),
		Acknowledged: ackOf(a.Ack), Restored: restoredOf(a.Restored), Sensors: a.Members,
		Sentence: nameJSON{
			ZH: alarm.Sentence(a, s.NameZH, alarm.Chinese),
			EN: alarm.Sentence(a, s.NameEN, alarm.English),
		},
	}
}

// alarmID is nil when nobody knows where the alarm was raised.
func (n *Native) alarmID(a record.Alarm) *string {
	if a.Raise.IsZero() {
		return nil
	}
	id := AlarmID(n.gateway.ID, a.Raise)
	return &id
}

// Event shapes one event. Prev is as for Alarm.
func (n *Native) Event(prev *record.Position, item Item) (topic string, payload []byte, err error) {
	e, ok := item.Record.(record.Event)
	if !ok {
		return "", nil, fmt.Errorf("shape %T as event: %w", item.Record, ErrWrongRecord)
	}
	body := eventJSON{
		head:   n.head(prev, item.Position, e.Obs, e.At),
		Kind:   e.Kind,
		Sensor: e.Sensor,
		State:  e.State,
		First:  e.First,
		Start:  startOf(e.Start),
		Loss:   lossOf(e.Loss),
		Card:   cardOf(e.Card),
		Time:   timeFixOf(e.Time),
		Place:  n.place(e.Sensor),
	}
	if e.Sensor != "" {
		body.Name = n.name(e.Sensor)
	}
	return n.message(ClassEvents, body)
}

type eventJSON struct {
	head
	Kind   record.EventKind `json:"kind"`
	Sensor string           `json:"sensor,omitempty"`
	Name   *nameJSON        `json:"name,omitempty"`
	State  string           `json:"state,omitempty"`
	First  bool             `json:"first,omitempty"`
	Start  *startJSON       `json:"start,omitempty"`
	Loss   *lossJSON        `json:"loss,omitempty"`
	Card   *cardJSON        `json:"card,omitempty"`
	Time   *timeFixJSON     `json:"time_fix,omitempty"`
	Place  *Place           `json:"place,omitempty"`
}

type startJSON struct {
	Predecessor  *string   `json:"predecessor"`
	Ended        string    `json:"ended"`
	Durable      lanesJSON `json:"durable"`
	LostWithinMS uint64    `json:"lost_within_ms"`
	LostAtMost   uint64    `json:"lost_at_most"`
	Quarantined  bool      `json:"quarantined"`
	Salvaged     uint64    `json:"salvaged"`
}

func startOf(s *record.Start) *startJSON {
	if s == nil {
		return nil
	}
	return &startJSON{
		Predecessor: runOf(s.Predecessor), Ended: s.Ended, Durable: lanesOf(s.Durable),
		LostWithinMS: s.LostWithinMS, LostAtMost: s.LostAtMost,
		Quarantined: s.Quarantined, Salvaged: s.Salvaged,
	}
}

// runOf is nil for the zero run, which is none.
func runOf(r record.Run) *string {
	if r == (record.Run{}) {
		return nil
	}
	text := r.String()
	return &text
}

// lanesJSON is one number for each lane.
type lanesJSON struct {
	Alarms   uint64 `json:"alarms"`
	Events   uint64 `json:"events"`
	Readings uint64 `json:"readings"`
}

func lanesOf(n [3]uint64) lanesJSON {
	return lanesJSON{Alarms: n[record.Alarms], Events: n[record.Events], Readings: n[record.Readings]}
}

type lossJSON struct {
	Lane   string      `json:"lane"`
	Reason string      `json:"reason"`
	Count  uint64      `json:"count"`
	Ranges []rangeJSON `json:"ranges"`
}

type rangeJSON struct {
	Run   string `json:"run"`
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

func lossOf(l *record.Loss) *lossJSON {
	if l == nil {
		return nil
	}
	body := &lossJSON{Lane: l.Lane.String(), Reason: l.Reason, Count: l.Count, Ranges: []rangeJSON{}}
	for _, r := range l.Ranges {
		body.Ranges = append(body.Ranges, rangeJSON{Run: r.Run.String(), First: r.First, Last: r.Last})
	}
	return body
}

type cardJSON struct {
	Pseudonym string `json:"pseudonym,omitempty"`
	Format    string `json:"format"`
}

func cardOf(c *record.Card) *cardJSON {
	if c == nil {
		return nil
	}
	return &cardJSON{Pseudonym: c.Pseudonym, Format: c.Format}
}

// fixJSON is what time it was at one moment of a boot.
type fixJSON struct {
	Boot     string  `json:"boot"`
	OffsetMS int64   `json:"offset_ms"`
	UTC      *string `json:"utc"`
}

func fixOf(f record.Fix) fixJSON {
	return fixJSON{Boot: f.Boot.String(), OffsetMS: f.Offset.Milliseconds(), UTC: wall(clock.Stamp{Wall: f.UTC})}
}

type timeFixJSON struct {
	fixJSON
	StepMS int64 `json:"step_ms"`
}

func timeFixOf(f *record.Fix) *timeFixJSON {
	if f == nil {
		return nil
	}
	return &timeFixJSON{fixOf(*f), f.Step.Milliseconds()}
}

// Readings shapes one or more readings of one run, in the order of their seqs.
// Prev is the record sent before the first of them to this platform in this
// lane, nil when there is none. Within the message each reading's predecessor
// is the one before it in the list.
func (n *Native) Readings(prev *record.Position, items []Item) (topic string, payload []byte, err error) {
	if len(items) == 0 {
		return "", nil, fmt.Errorf("shape no readings: %w", ErrWrongRecord)
	}
	first, last := items[0].Position, items[len(items)-1].Position
	body := readingsJSON{
		V: version, Gateway: n.gateway.ID, Run: first.Run.String(),
		FirstSeq: first.Seq, LastSeq: last.Seq, Prev: prevOf(prev),
		Readings: make([]readingJSON, 0, len(items)),
	}
	for i, item := range items {
		r, ok := item.Record.(record.Reading)
		switch {
		case !ok:
			return "", nil, fmt.Errorf("shape %T as reading: %w", item.Record, ErrWrongRecord)
		case item.Position.Run != first.Run:
			return "", nil, fmt.Errorf("shape readings of runs %s and %s together: %w", first.Run, item.Position.Run, ErrWrongRecord)
		case i > 0 && item.Position.Seq <= items[i-1].Position.Seq:
			return "", nil, fmt.Errorf("shape reading %d after %d: %w", item.Position.Seq, items[i-1].Position.Seq, ErrWrongRecord)
		}
		one := readingOf(item.Position.Seq, r)
		if i == 0 {
			body.Boot = one.Boot
		}
		if one.Boot == body.Boot {
			one.Boot = ""
		}
		body.Readings = append(body.Readings, one)
	}
	return n.message(ClassReadings, body)
}

type readingsJSON struct {
	V        int           `json:"v"`
	Gateway  string        `json:"gateway"`
	Run      string        `json:"run"`
	FirstSeq uint64        `json:"first_seq"`
	LastSeq  uint64        `json:"last_seq"`
	Prev     *prevJSON     `json:"prev"`
	Boot     string        `json:"boot"`
	Readings []readingJSON `json:"readings"`
}

// readingJSON leaves out boot where it is the message's own, which is always
// so: a run does not outlive its boot.
type readingJSON struct {
	Seq uint64 `json:"seq"`
	Obs uint64 `json:"obs"`
	timeJSON
	Sensor   string           `json:"sensor"`
	Quantity drivers.Quantity `json:"quantity"`
	Value    *drivers.Decimal `json:"value,omitempty"`
	Unit     drivers.Unit     `json:"unit,omitempty"`
	Quality  string           `json:"quality"`
	Reason   drivers.Reason   `json:"reason,omitempty"`
}

func readingOf(seq uint64, r record.Reading) readingJSON {
	one := readingJSON{
		Seq: seq, Obs: r.Obs, timeJSON: timeOf(r.At),
		Sensor: r.Sensor, Quantity: r.Quantity,
		Quality: drivers.Fault.String(), Reason: r.Reason,
	}
	if r.HasValue() {
		one.Value, one.Unit, one.Quality = &r.Value, r.Unit, r.Quality.String()
	}
	return one
}
