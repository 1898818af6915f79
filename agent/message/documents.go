package message

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/record"
)

// StateDoc is what the state document says of the gateway. The inventory comes
// from the sensors Native was made with.
type StateDoc struct {
	Online      bool
	Run         record.Run
	Predecessor record.Run // zero when there is none
	// Session rises with each connection of a run. Of two states of one run the
	// one with the lower session is out of date, whenever it arrives.
	Session uint64
	Now     clock.Stamp // when this was said
	// Fixes says what time it really was in each boot, the newest boot first, as
	// clock.Table.Fixes has them; only MaxFixes are listed.
	Fixes      []record.Fix
	Versions   map[string]string
	Backlog    [3]uint64 // records held for this platform, by record.Lane
	Conditions []Condition
}

// Condition is something wrong or notable, as package health declares it.
type Condition struct {
	Code     string    `json:"code"`
	Severity string    `json:"severity"`
	Since    time.Time `json:"-"` // zero: unknown
	Subject  string    `json:"subject,omitempty"`
	ZH       string    `json:"zh"`
	EN       string    `json:"en"`
}

// State shapes the state document. It is published retained after each
// connection and whenever it changes, with Online false before a clean end.
func (n *Native) State(d StateDoc) (topic string, payload []byte, err error) {
	body := n.state(d)
	backlog := lanesOf(d.Backlog)
	body.Backlog, body.Clock = &backlog, clockOf(d)
	body.Inventory = n.inventory()
	body.Conditions = make([]conditionJSON, 0, len(d.Conditions))
	for _, c := range d.Conditions {
		body.Conditions = append(body.Conditions, conditionJSON{Condition: c, Since: wall(clock.Stamp{Wall: c.Since})})
	}
	return n.message(ClassState, body)
}

// Will shapes the last will of the connection that d opens: offline, and only
// what will still be true when it is published. Its time is that of the
// connection, not of its end. It leaves out the inventory, because a will may
// not exceed 65,535 bytes (MQTT 3.1.1, section 3.1.3.3) and travels with every
// connection.
func (n *Native) Will(d StateDoc) (topic string, payload []byte, err error) {
	d.Online = false
	body := n.state(d)
	body.Will = true
	return n.message(ClassState, body)
}

func (n *Native) state(d StateDoc) stateJSON {
	body := stateJSON{
		V: version, Gateway: n.gateway.ID, Online: d.Online,
		Run: d.Run.String(), Predecessor: runOf(d.Predecessor), Session: d.Session,
		timeJSON: timeOf(d.Now), Versions: d.Versions,
	}
	if !n.gateway.Place.isZero() {
		body.Place = &n.gateway.Place
	}
	if body.Versions == nil {
		body.Versions = map[string]string{}
	}
	return body
}

func (n *Native) inventory() []sensorJSON {
	list := make([]sensorJSON, 0, len(n.sensors))
	for _, id := range slices.Sorted(maps.Keys(n.sensors)) {
		s := n.sensors[id]
		list = append(list, sensorJSON{ID: id, Driver: s.Driver, Kind: s.Kind, Name: n.name(id), Place: n.place(id)})
	}
	return list
}

type stateJSON struct {
	V           int     `json:"v"`
	Gateway     string  `json:"gateway"`
	Online      bool    `json:"online"`
	Will        bool    `json:"will,omitempty"`
	Run         string  `json:"run"`
	Predecessor *string `json:"predecessor"`
	Session     uint64  `json:"session"`
	timeJSON
	Clock      *clockJSON        `json:"clock,omitempty"`
	Place      *Place            `json:"place,omitempty"`
	Versions   map[string]string `json:"versions"`
	Inventory  []sensorJSON      `json:"inventory,omitzero"`
	Backlog    *lanesJSON        `json:"backlog,omitempty"`
	Conditions []conditionJSON   `json:"conditions,omitzero"`
}

// MaxFixes is how many boots a state document lists.
const MaxFixes = 16

type clockJSON struct {
	Synced bool      `json:"synced"`
	Fixes  []fixJSON `json:"fixes"`
}

// clockOf says synced of the system's clock alone: a corrected stamp is no sign
// of a time service.
func clockOf(d StateDoc) *clockJSON {
	c := &clockJSON{Synced: d.Now.Synced && !d.Now.Corrected, Fixes: []fixJSON{}}
	for _, f := range d.Fixes[:min(len(d.Fixes), MaxFixes)] {
		c.Fixes = append(c.Fixes, fixOf(f))
	}
	return c
}

type sensorJSON struct {
	ID     string    `json:"id"`
	Driver string    `json:"driver,omitempty"`
	Kind   string    `json:"kind,omitempty"`
	Name   *nameJSON `json:"name,omitempty"`
	Place  *Place    `json:"place,omitempty"`
}

type conditionJSON struct {
	Condition
	Since *string `json:"since"`
}

// StateSession reads back whose state a state payload is, so that a gateway can
// tell an older session's late will from its own statement.
func StateSession(payload []byte) (run string, session uint64, online bool, err error) {
	var s struct {
		Run     *string `json:"run"`
		Session *uint64 `json:"session"`
		Online  *bool   `json:"online"`
	}
	if err := json.Unmarshal(payload, &s); err != nil {
		return "", 0, false, fmt.Errorf("read state document: %w", err)
	}
	if s.Run == nil || s.Session == nil || s.Online == nil {
		return "", 0, false, fmt.Errorf("read state document: run, session or online is missing")
	}
	return *s.Run, *s.Session, *s.Online, nil
}

// MaxActive is how many alarms one alarms/active document lists, so that it
// stays under 64 KB, which common platforms allow a message.
const MaxActive = 32

// ActiveDoc is what the alarms/active document says.
type ActiveDoc struct {
	Run      record.Run
	Revision uint64          // rises with each change within the run
	AsOf     record.Position // newest record of the alarms lane it covers; zero: none
	Now      clock.Stamp
	Alarms   []record.Alarm // the most important first; only MaxActive are listed
}

// ActiveAlarms shapes the alarms/active document. It counts as current only
// while state is online.
func (n *Native) ActiveAlarms(d ActiveDoc) (topic string, payload []byte, err error) {
	body := activeJSON{
		V: version, Gateway: n.gateway.ID, Run: d.Run.String(), Revision: d.Revision,
		AsOf: prevOf(&d.AsOf), timeJSON: timeOf(d.Now),
		Total: len(d.Alarms), Alarms: []alarmJSON{},
	}
	for _, a := range d.Alarms[:min(len(d.Alarms), MaxActive)] {
		body.Alarms = append(body.Alarms, n.alarm(a))
	}
	return n.message(ClassActiveAlarms, body)
}

type activeJSON struct {
	V        int       `json:"v"`
	Gateway  string    `json:"gateway"`
	Run      string    `json:"run"`
	Revision uint64    `json:"revision"`
	AsOf     *prevJSON `json:"as_of"`
	timeJSON
	Total  int         `json:"total"`
	Alarms []alarmJSON `json:"alarms"`
}
