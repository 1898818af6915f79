package receive

import (
	"maps"
	"slices"

	"watchpost/agent/message"
)

// Summary is what is known at the end.
type Summary struct {
	Gateways []GatewaySummary `json:"gateways"`
	Received uint64           `json:"received"` // records, each once
	Doubles  uint64           `json:"doubles"`
	GivenUp  uint64           `json:"given_up"` // records, as loss events tell
	Missing  int              `json:"missing"`  // gaps that nothing explains
	Wrong    uint64           `json:"wrong"`    // violations, and doubles with other content
	Strange  uint64           `json:"strange"`  // messages that are none of the contract's
}

// Complete reports that nothing is missing without a word, and nothing
// contradicts the contract.
func (s Summary) Complete() bool { return s.Missing == 0 && s.Wrong == 0 }

// GatewaySummary is that of one gateway.
type GatewaySummary struct {
	Gateway string        `json:"gateway"`
	Online  *bool         `json:"online"` // by its newest state; null: none arrived
	Runs    []string      `json:"runs"`   // in the order they were first seen
	GivenUp uint64        `json:"given_up"`
	Lanes   []LaneSummary `json:"lanes"`
	// Current says whether the list of active alarms that arrived last counts.
	Current    bool   `json:"active_current"`
	Documents  uint64 `json:"documents"`
	Outdated   uint64 `json:"outdated"`
	Violations uint64 `json:"violations"` // in documents
}

// LaneSummary is that of one lane.
type LaneSummary struct {
	Lane       string `json:"lane"`
	Received   uint64 `json:"received"`
	Doubles    uint64 `json:"doubles"`
	Differing  uint64 `json:"differing"` // doubles with other content
	Gaps       []Gap  `json:"gaps"`      // unfilled and unexplained, oldest first
	MoreGaps   uint64 `json:"more_gaps"` // beyond those listed
	Explained  []Gap  `json:"explained"` // by loss events
	Filled     uint64 `json:"filled"`    // gaps met by a record that came late
	Violations uint64 `json:"violations"`
}

// Summary says what is known now; the Checker goes on.
func (c *Checker) Summary() Summary {
	s := Summary{Gateways: []GatewaySummary{}, Strange: c.strange}
	for _, name := range slices.Sorted(maps.Keys(c.gateways)) {
		one := c.gateways[name].summary(name)
		s.GivenUp += one.GivenUp
		s.Wrong += one.Violations
		for _, l := range one.Lanes {
			s.Received += l.Received
			s.Doubles += l.Doubles
			s.Missing += len(l.Gaps) + int(l.MoreGaps)
			s.Wrong += l.Violations + l.Differing
		}
		s.Gateways = append(s.Gateways, one)
	}
	return s
}

func (g *gateway) summary(name string) GatewaySummary {
	one := GatewaySummary{
		Gateway: name, Runs: []string{}, GivenUp: g.givenUp, Current: g.current(), Lanes: []LaneSummary{},
		Documents: g.documents.received, Outdated: g.documents.outdated, Violations: g.documents.violations,
	}
	if g.state != nil {
		one.Online = &g.state.Online
	}
	for _, r := range g.runs {
		one.Runs = append(one.Runs, r.run.String())
	}
	for _, class := range []string{message.ClassAlarms, message.ClassEvents, message.ClassReadings} {
		l := g.lanes[class]
		if l == nil {
			continue
		}
		sum := LaneSummary{
			Lane: class, Received: l.received, Doubles: l.doubles, Differing: l.differing,
			Gaps: []Gap{}, MoreGaps: l.forgotten, Explained: []Gap{}, Filled: l.filled, Violations: l.violations,
		}
		for _, gap := range l.gaps {
			if g.explained(class, gap) {
				sum.Explained = append(sum.Explained, gap.public())
			} else {
				sum.Gaps = append(sum.Gaps, gap.public())
			}
		}
		one.Lanes = append(one.Lanes, sum)
	}
	return one
}
