package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"watchpost/agent/clock"
	"watchpost/agent/record"
)

// DefaultRoot is the root of all topics unless another is configured.
const DefaultRoot = "watchpost/v1"

// The classes of messages, as spelled in topics.
const (
	ClassAlarms       = "alarms"
	ClassEvents       = "events"
	ClassReadings     = "readings"
	ClassState        = "state"
	ClassActiveAlarms = "alarms/active"
)

// version is the "v" of every payload.
const version = 1

// ErrWrongRecord is returned, wrapped, for an item whose record does not belong
// into the message asked for.
var ErrWrongRecord = errors.New("wrong record for this message")

// Gateway is who speaks.
type Gateway struct {
	Root  string // of the topics; empty means DefaultRoot
	ID    string // must not hold the characters / + #
	Place Place
}

// SensorInfo is what messages say of a sensor beside its id.
type SensorInfo struct {
	NameZH string
	NameEN string
	Place  Place
	Kind   string // what it observes: "level", "smoke", "door", "card"
	Driver string
}

// Item is a record and its name in its lane. Record is a record.Reading,
// record.Event or record.Alarm.
type Item struct {
	Position record.Position
	Record   any
}

// Native shapes records and documents into the native profile. It is immutable
// and safe for concurrent use. The payloads it returns are the caller's.
type Native struct {
	root    string
	gateway Gateway
	sensors map[string]SensorInfo
}

// New makes the native profile of one gateway. The map is copied.
func New(g Gateway, sensors map[string]SensorInfo) *Native {
	root := strings.TrimSuffix(g.Root, "/")
	if root == "" {
		root = DefaultRoot
	}
	n := &Native{root: root + "/" + g.ID + "/", gateway: g, sensors: make(map[string]SensorInfo, len(sensors))}
	for id, s := range sensors {
		n.sensors[id] = s
	}
	return n
}

// Topic is the full topic of a class.
func (n *Native) Topic(class string) string { return n.root + class }

// message joins topic and payload.
func (n *Native) message(class string, payload any) (topic string, body []byte, err error) {
	body, err = marshal(payload)
	if err != nil {
		return "", nil, fmt.Errorf("shape %s message: %w", class, err)
	}
	return n.Topic(class), body, nil
}

// marshal leaves <, > and & as they are: payloads are no HTML, and people read
// them.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func (n *Native) name(sensor string) *nameJSON {
	s := n.sensors[sensor]
	if s.NameZH == "" && s.NameEN == "" {
		return nil
	}
	return &nameJSON{ZH: s.NameZH, EN: s.NameEN}
}

func (n *Native) place(sensor string) *Place {
	p := n.sensors[sensor].Place.within(n.gateway.Place)
	if p.isZero() {
		return nil
	}
	return &p
}

// head is what every lane message of one record begins with.
type head struct {
	V       int       `json:"v"`
	Gateway string    `json:"gateway"`
	Run     string    `json:"run"`
	Seq     uint64    `json:"seq"`
	Prev    *prevJSON `json:"prev"`
	Obs     uint64    `json:"obs"`
	timeJSON
}

func (n *Native) head(prev *record.Position, at record.Position, obs uint64, when clock.Stamp) head {
	return head{
		V: version, Gateway: n.gateway.ID, Run: at.Run.String(), Seq: at.Seq,
		Prev: prevOf(prev), Obs: obs, timeJSON: timeOf(when),
	}
}

// timeJSON is one moment: what was believed, and what is always known.
type timeJSON struct {
	Time        *string `json:"time"`
	TimeQuality string  `json:"time_quality"`
	Boot        string  `json:"boot,omitempty"`
	OffsetMS    int64   `json:"offset_ms"`
}

func timeOf(s clock.Stamp) timeJSON {
	return timeJSON{Time: wall(s), TimeQuality: timeQuality(s), Boot: s.Boot.String(), OffsetMS: s.Offset.Milliseconds()}
}

// wall is nil when the gateway had no idea of the time.
func wall(s clock.Stamp) *string {
	if s.Wall.IsZero() {
		return nil
	}
	text := s.Wall.UTC().Format("2006-01-02T15:04:05.000Z")
	return &text
}

func timeQuality(s clock.Stamp) string {
	switch {
	case s.Wall.IsZero() || !s.Synced:
		return "unsynced"
	case s.Corrected:
		return "corrected"
	}
	return "synced"
}

type prevJSON struct {
	Run string `json:"run"`
	Seq uint64 `json:"seq"`
}

func prevOf(p *record.Position) *prevJSON {
	if p == nil || p.IsZero() {
		return nil
	}
	return &prevJSON{Run: p.Run.String(), Seq: p.Seq}
}

type nameJSON struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}
