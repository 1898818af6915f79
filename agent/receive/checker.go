package receive

import (
	"encoding/json"
	"fmt"
	"strings"

	"watchpost/agent/message"
	"watchpost/agent/record"
)

// Options say what a Checker is to expect.
type Options struct {
	Root string // of the topics; empty means message.DefaultRoot
	// FromStart says that nothing was sent before: what the first record of a lane
	// names in prev counts as missing.
	FromStart bool
}

// Finding is one thing that a message shows.
type Finding struct {
	Kind FindingKind `json:"finding"`
	Lane string      `json:"lane,omitempty"` // empty for documents
	At   *Position   `json:"at,omitempty"`   // the record that shows it
	Gap  *Gap        `json:"gap,omitempty"`  // FoundGap and FilledGap
	Text string      `json:"text,omitempty"` // in English: what is wrong
	ZH   string      `json:"zh,omitempty"`   // the same in Chinese
}

// words are a finding's text in both languages; empty for none.
type words struct{ zh, en string }

// say fills both languages with the same values.
func say(zh, en string, values ...any) words {
	return words{fmt.Sprintf(zh, values...), fmt.Sprintf(en, values...)}
}

// misread is a run or position that cannot be read.
func misread(err error) words { return say("位置无法解读：%v", "%v", err) }

// FindingKind says what was found.
type FindingKind string

// The kinds. Double, FilledGap, Outdated, NewRun and ToldLoss are as the
// contract has them; FoundGap, Differs and Violation are faults, FoundGap until
// it is filled or explained.
const (
	Double    FindingKind = "double"
	Differs   FindingKind = "differs" // a double with other content
	FoundGap  FindingKind = "gap"
	FilledGap FindingKind = "filled"
	ToldLoss  FindingKind = "loss"      // the gateway says what it gave up
	NewRun    FindingKind = "run"       // a run that was not seen before
	Outdated  FindingKind = "outdated"  // a document older than one that arrived
	Violation FindingKind = "violation" // contradicts the contract
)

// Verdict is what became of one message.
type Verdict struct {
	Gateway string
	Class   string
	// Body is *Alarm, *Event, *Readings, *State or *Active; nil when the payload
	// does not keep its schema, or the class is none of the contract's.
	Body     any
	Findings []Finding
	// New counts the records that arrived for the first time.
	New int
}

func (v *Verdict) find(f Finding) { v.Findings = append(v.Findings, f) }

func (v *Verdict) outdated(why words) {
	v.find(Finding{Kind: Outdated, Text: why.en, ZH: why.zh})
}

// Checker holds what arrives to the contract. It is for one goroutine.
type Checker struct {
	options  Options
	schemas  map[string]*schema
	gateways map[string]*gateway
	strange  uint64 // messages on topics that name no gateway or class
}

// New makes a Checker that has seen nothing.
func New(o Options) (*Checker, error) {
	all, err := schemas()
	if err != nil {
		return nil, err
	}
	o.Root = strings.TrimSuffix(o.Root, "/")
	if o.Root == "" {
		o.Root = message.DefaultRoot
	}
	return &Checker{options: o, schemas: all, gateways: map[string]*gateway{}}, nil
}

// gateway is what is known of one gateway.
type gateway struct {
	lanes     map[string]*lane
	runs      []runSeen // in the order they were first seen
	losses    map[string]map[record.Run]spans
	givenUp   uint64 // records, as told
	state     *State
	active    *Active
	documents documentCounts
}

type documentCounts struct{ received, outdated, violations uint64 }

// runSeen is what was said of a run.
type runSeen struct {
	run         record.Run
	boot        string // of its records
	predecessor *string
	told        bool   // predecessor was told
	before      *Start // how its predecessor ended; nil: not told
}

// Take checks one message. Retained is the flag it was delivered with.
func (c *Checker) Take(topic string, payload []byte, retained bool) Verdict {
	name, class, ok := c.parse(topic)
	if !ok {
		return Verdict{}
	}
	v := Verdict{Gateway: name, Class: class}
	s := c.schemas[class]
	if s == nil { // commands and replies are none of a receiver's
		c.strange++
		return v
	}
	g := c.gateway(name)
	if wrong := s.wrong(payload); wrong != (words{}) {
		g.violated(&v, nil, wrong)
		return v
	}
	body, err := decode(class, payload)
	switch {
	case err != nil:
		g.violated(&v, nil, say("无法解读：%v", "cannot be decoded: %v", err))
		return v
	case body.from() != name:
		g.violated(&v, nil, say("内容属于网关 %q", "the payload is of gateway %q", body.from()))
		return v
	case retained && isLane(class):
		g.violated(&v, nil, words{"记录被设为保留消息", "a record is retained"})
	}
	v.Body = body
	switch b := body.(type) {
	case *Alarm:
		c.single(g, &v, b.Head, b.fingerprint())
	case *Event:
		c.single(g, &v, b.Head, b.fingerprint())
		g.event(&v, b)
	case *Readings:
		c.readings(g, &v, b)
	case *State:
		g.takeState(&v, b)
	case *Active:
		g.takeActive(&v, b)
	}
	return v
}

// parse takes a topic apart.
func (c *Checker) parse(topic string) (gateway, class string, ok bool) {
	rest, ok := strings.CutPrefix(topic, c.options.Root+"/")
	if ok {
		gateway, class, ok = strings.Cut(rest, "/")
	}
	if !ok || gateway == "" {
		c.strange++
		return "", "", false
	}
	return gateway, class, true
}

func (c *Checker) gateway(name string) *gateway {
	g := c.gateways[name]
	if g == nil {
		g = &gateway{lanes: map[string]*lane{}}
		c.gateways[name] = g
	}
	return g
}

func isLane(class string) bool {
	return class == message.ClassAlarms || class == message.ClassEvents || class == message.ClassReadings
}

// sender is a payload that says whose it is.
type sender interface{ from() string }

func (h *Head) from() string     { return h.Gateway }
func (r *Readings) from() string { return r.Gateway }
func (s *State) from() string    { return s.Gateway }
func (a *Active) from() string   { return a.Gateway }

// decode reads a payload of one of the contract's classes.
func decode(class string, payload []byte) (body sender, err error) {
	switch class {
	case message.ClassAlarms:
		body = new(Alarm)
	case message.ClassEvents:
		body = new(Event)
	case message.ClassReadings:
		body = new(Readings)
	case message.ClassState:
		body = new(State)
	default:
		body = new(Active)
	}
	return body, json.Unmarshal(payload, body)
}
