package receive

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"watchpost/agent/record"
)

// Position is a record's place in its lane, as spelled in JSON. Run is
// record.Run's text.
type Position struct {
	Run string `json:"run"`
	Seq uint64 `json:"seq"`
}

// ParseRun reads the text of a run: 16 hex digits, a dash and n.
func ParseRun(text string) (record.Run, error) {
	epoch, n, found := strings.Cut(text, "-")
	e, errE := strconv.ParseUint(epoch, 16, 64)
	i, errN := strconv.ParseUint(n, 10, 64)
	r := record.Run{Epoch: e, N: i}
	if !found || errE != nil || errN != nil || r.String() != text {
		return record.Run{}, fmt.Errorf("read run %q: want 16 hex digits, a dash and a number", text)
	}
	return r, nil
}

func (p Position) parse() (record.Position, error) {
	run, err := ParseRun(p.Run)
	return record.Position{Run: run, Seq: p.Seq}, err
}

func positionOf(p record.Position) *Position {
	if p.IsZero() {
		return nil
	}
	return &Position{p.Run.String(), p.Seq}
}

// Name is what people call something.
type Name struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Moment is when something was: Time as far as it is known, Boot and OffsetMS
// always.
type Moment struct {
	Time        *string `json:"time"`
	TimeQuality string  `json:"time_quality"`
	Boot        string  `json:"boot"`
	OffsetMS    int64   `json:"offset_ms"`
}

// Head is what alarms and events begin with.
type Head struct {
	V       int    `json:"v"`
	Gateway string `json:"gateway"`
	Position
	Prev *Position `json:"prev"`
	Obs  uint64    `json:"obs"`
	Moment
}

// Step is the part of an alarm's step that the list of active ones has too.
type Step struct {
	Alarm     *string      `json:"alarm"`
	Sensor    string       `json:"sensor"`
	Name      *Name        `json:"name"`
	Kind      string       `json:"kind"`
	Level     string       `json:"level"`
	State     string       `json:"state"`
	Quantity  string       `json:"quantity"`
	Value     *json.Number `json:"value"`
	Unit      string       `json:"unit"`
	Threshold *json.Number `json:"threshold"`
	By        string       `json:"by"`
	Note      string       `json:"note"`
	Sensors   []string     `json:"sensors"`
	Sentence  *Name        `json:"sentence"`
}

// Alarm is a message of class alarms.
type Alarm struct {
	Head
	Step
}

// Event is a message of class events.
type Event struct {
	Head
	Kind   string `json:"kind"`
	Sensor string `json:"sensor"`
	Name   *Name  `json:"name"`
	State  string `json:"state"`
	First  bool   `json:"first"`
	Start  *Start `json:"start"`
	Loss   *Loss  `json:"loss"`
	Card   *Card  `json:"card"`
	Time   *Fix   `json:"time_fix"`
}

// Lanes is one number for each lane.
type Lanes struct {
	Alarms   uint64 `json:"alarms"`
	Events   uint64 `json:"events"`
	Readings uint64 `json:"readings"`
}

// of is the number of a lane.
func (l Lanes) of(lane string) uint64 {
	switch lane {
	case "alarms":
		return l.Alarms
	case "events":
		return l.Events
	}
	return l.Readings
}

// Start is what a run knows of the one before it.
type Start struct {
	Predecessor  *string `json:"predecessor"`
	Ended        string  `json:"ended"`
	Durable      Lanes   `json:"durable"`
	LostWithinMS uint64  `json:"lost_within_ms"`
	LostAtMost   uint64  `json:"lost_at_most"`
	Quarantined  bool    `json:"quarantined"`
	Salvaged     uint64  `json:"salvaged"`
}

// Loss names records that will never be sent.
type Loss struct {
	Lane   string  `json:"lane"`
	Reason string  `json:"reason"`
	Count  uint64  `json:"count"`
	Ranges []Range `json:"ranges"`
}

// Range is a run of seqs, both ends included.
type Range struct {
	Run   string `json:"run"`
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

// Card is what was presented to a reader.
type Card struct {
	Pseudonym string `json:"pseudonym"`
	Format    string `json:"format"`
}

// Fix is what time it was at one moment of a boot.
type Fix struct {
	Boot     string  `json:"boot"`
	OffsetMS int64   `json:"offset_ms"`
	UTC      *string `json:"utc"`
	StepMS   int64   `json:"step_ms"`
}

// Readings is a message of class readings.
type Readings struct {
	V        int       `json:"v"`
	Gateway  string    `json:"gateway"`
	Run      string    `json:"run"`
	FirstSeq uint64    `json:"first_seq"`
	LastSeq  uint64    `json:"last_seq"`
	Prev     *Position `json:"prev"`
	Boot     string    `json:"boot"`
	Readings []Reading `json:"readings"`
}

// Reading is one of them; Boot is empty where it is the message's.
type Reading struct {
	Seq uint64 `json:"seq"`
	Obs uint64 `json:"obs"`
	Moment
	Sensor   string       `json:"sensor"`
	Quantity string       `json:"quantity"`
	Value    *json.Number `json:"value"`
	Unit     string       `json:"unit"`
	Quality  string       `json:"quality"`
	Reason   string       `json:"reason"`
}

// State is the document of class state, as far as it is looked at.
type State struct {
	V           int     `json:"v"`
	Gateway     string  `json:"gateway"`
	Online      bool    `json:"online"`
	Will        bool    `json:"will"`
	Run         string  `json:"run"`
	Predecessor *string `json:"predecessor"`
	Session     uint64  `json:"session"`
	Moment
	Backlog    Lanes       `json:"backlog"`
	Conditions []Condition `json:"conditions"`
}

// Condition is something wrong or notable that a state lists.
type Condition struct {
	Code     string `json:"code"`
	Severity string `json:"severity"`
	Subject  string `json:"subject"`
	ZH       string `json:"zh"`
	EN       string `json:"en"`
}

// Active is the document of class alarms/active.
type Active struct {
	V        int       `json:"v"`
	Gateway  string    `json:"gateway"`
	Run      string    `json:"run"`
	Revision uint64    `json:"revision"`
	AsOf     *Position `json:"as_of"`
	Moment
	Total  int    `json:"total"`
	Alarms []Step `json:"alarms"`
}
