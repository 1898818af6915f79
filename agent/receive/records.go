package receive

import (
	"encoding/json"
	"fmt"
	"hash/fnv"

	"watchpost/agent/record"
)

// single takes in the one record of an alarm or event message.
func (c *Checker) single(g *gateway, v *Verdict, h Head, sum uint64) {
	at, err := h.Position.parse()
	if err != nil {
		g.violated(v, nil, misread(err))
		return
	}
	prev, err := previous(h.Prev)
	if err != nil {
		g.violated(v, &h.Position, misread(err))
		return
	}
	g.ran(v, at.Run, h.Boot)
	c.record(g, v, at, prev, h.Obs, sum)
}

// readings takes in each reading of a message: within it the one before is prev.
func (c *Checker) readings(g *gateway, v *Verdict, b *Readings) {
	run, err := ParseRun(b.Run)
	if err != nil {
		g.violated(v, nil, misread(err))
		return
	}
	prev, err := previous(b.Prev)
	if err != nil {
		g.violated(v, nil, misread(err))
		return
	}
	last := len(b.Readings) - 1
	if b.FirstSeq != b.Readings[0].Seq || b.LastSeq != b.Readings[last].Seq {
		g.violated(v, &Position{b.Run, b.FirstSeq}, words{"first_seq、last_seq 与列表不符", "first_seq and last_seq are not those of the list"})
	}
	for i, r := range b.Readings {
		at := record.Position{Run: run, Seq: r.Seq}
		if i > 0 && r.Seq <= b.Readings[i-1].Seq {
			g.violated(v, positionOf(at), words{"列表未按 seq 排序", "the list is not in the order of seq"})
		}
		if wrong := r.wrong(); wrong != (words{}) {
			g.violated(v, positionOf(at), wrong)
		}
		if r.Boot == "" {
			r.Boot = b.Boot
		}
		g.ran(v, run, r.Boot)
		c.record(g, v, at, prev, r.Obs, r.fingerprint())
		prev = at
	}
}

// wrong says what a reading's value and quality contradict.
func (r Reading) wrong() words {
	switch {
	case r.Quality == "fault" && r.Value != nil:
		return say("%s 的故障读数带有数值", "a fault of %s has a value", r.Sensor)
	case r.Quality != "fault" && r.Value == nil:
		return say("%s 的读数质量为 %s，却没有数值", "a reading of %s of quality %s has no value", r.Sensor, r.Quality)
	case r.Quality != "good" && r.Reason == "":
		return say("%s 的读数质量为 %s，却没有原因", "a reading of %s of quality %s has no reason", r.Sensor, r.Quality)
	}
	return words{}
}

func (c *Checker) record(g *gateway, v *Verdict, at, prev record.Position, obs, sum uint64) {
	if at.Seq == 0 {
		g.violated(v, positionOf(at), words{"seq 为 0", "seq is 0"})
		return
	}
	l := g.lane(v.Class)
	a := l.take(at, prev, obs, sum, c.options.FromStart)
	if !a.double {
		v.New++
	}
	switch {
	case a.differs:
		v.find(Finding{Kind: Differs, Lane: v.Class, At: positionOf(at), Text: "the record came before with other content", ZH: "该记录先前来过，内容不同"})
	case a.double:
		v.find(Finding{Kind: Double, Lane: v.Class, At: positionOf(at)})
	}
	if a.gap != nil {
		public := a.gap.public()
		v.find(Finding{Kind: FoundGap, Lane: v.Class, At: positionOf(at), Gap: &public})
	}
	if a.filled != nil {
		public := a.filled.public()
		v.find(Finding{Kind: FilledGap, Lane: v.Class, At: positionOf(at), Gap: &public})
	}
	if a.wrong != (words{}) {
		g.violated(v, positionOf(at), a.wrong)
	}
}

func previous(p *Position) (record.Position, error) {
	if p == nil {
		return record.Position{}, nil
	}
	prev, err := p.parse()
	if err == nil && prev.Seq == 0 {
		err = fmt.Errorf("prev names seq 0")
	}
	return prev, err
}

func (g *gateway) lane(name string) *lane {
	l := g.lanes[name]
	if l == nil {
		l = new(lane)
		g.lanes[name] = l
	}
	return l
}

// violated notes what contradicts the contract.
func (g *gateway) violated(v *Verdict, at *Position, what words) {
	f := Finding{Kind: Violation, At: at, Text: what.en, ZH: what.zh}
	if isLane(v.Class) {
		f.Lane = v.Class
		g.lane(v.Class).violations++
	} else {
		g.documents.violations++
	}
	v.find(f)
}

// fingerprint is of what is in the record and does not change when it is sent
// again.
func (a *Alarm) fingerprint() uint64 {
	step := a.Step
	step.Name, step.Sentence = nil, nil
	return fingerprint(a.Obs, a.Boot, a.OffsetMS, step)
}

func (e *Event) fingerprint() uint64 {
	content := *e
	content.Head, content.Name = Head{}, nil
	return fingerprint(e.Obs, e.Boot, e.OffsetMS, content)
}

func (r Reading) fingerprint() uint64 {
	r.Time, r.TimeQuality = nil, ""
	return fingerprint(r)
}

// fingerprint is the same for the same content.
func fingerprint(parts ...any) uint64 {
	h := fnv.New64a()
	// Words and numbers always encode, and a hash takes all.
	_ = json.NewEncoder(h).Encode(parts)
	return h.Sum64()
}
