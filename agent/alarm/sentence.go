package alarm

import (
	"watchpost/agent/record"
	"watchpost/drivers"
)

// Languages of Sentence.
const (
	Chinese = "zh"
	English = "en"
)

// Sentence says a in one sentence a property manager understands, in Chinese
// for "zh" and in English otherwise. Name is the sensor's name in that
// language; empty means its id.
func Sentence(a record.Alarm, name, lang string) string {
	if name == "" {
		name = a.Sensor
	}
	w := english()
	if lang == Chinese {
		w = chinese()
	}
	text := name + w.step(a)
	if a.Note != "" && a.Note != NoteRuleRemoved && a.Value != nil {
		text += w.doubt
	}
	return text
}

// words are the pieces of a language's sentences.
type words struct {
	level, other               string          // after the name: what it is about
	above, reached, below      string          // before a threshold
	cleared, removed, acked    string          // what became of it
	raised, over               map[Kind]string // what a contact's alarm says
	doubt, by, escalated, high string
}

func chinese() words {
	return words{
		level: "水位", other: "警报",
		above: "，高于警戒 ", reached: "，达到警戒 ", below: "，已低于 ",
		cleared: "，警报解除", removed: "警报解除：规则已撤销", acked: "警报已确认",
		raised: map[Kind]string{Smoke: "烟雾报警", DoorOpen: "：门被打开", DoorForced: "：门被强行打开", DoorHeld: "：门长时间未关"},
		over:   map[Kind]string{Smoke: "烟雾报警解除", DoorOpen: "：门已关，警报解除", DoorForced: "：门已关，强行开门警报解除", DoorHeld: "：门已关，未关门警报解除"},
		doubt:  "（读数存疑）", by: "，确认人 ", escalated: "（警报升级）", high: "过高",
	}
}

func english() words {
	return words{
		level: ": level", other: ": alarm",
		above: ", above ", reached: ", has reached ", below: ", back below ",
		cleared: ", alarm cleared", removed: ": alarm cleared, its rule was removed", acked: ": alarm acknowledged",
		raised: map[Kind]string{Smoke: ": smoke alarm", DoorOpen: ": door opened", DoorForced: ": door forced open", DoorHeld: ": door held open"},
		over: map[Kind]string{
			Smoke: ": smoke alarm cleared", DoorOpen: ": door closed, alarm cleared",
			DoorForced: ": door closed, forced-open alarm cleared", DoorHeld: ": door closed, held-open alarm cleared"},
		doubt: " (reading uncertain)", by: " by ", escalated: " (escalated)", high: " too high",
	}
}

func (w words) step(a record.Alarm) string {
	switch {
	case a.Note == NoteRuleRemoved:
		return w.removed
	case a.State == record.Acknowledged:
		if a.By == "" {
			return w.acked
		}
		return w.acked + w.by + a.By
	}
	text := w.condition(a)
	if a.State == record.Escalated {
		text += w.escalated
	}
	return text
}

func (w words) condition(a record.Alarm) string {
	holds := a.State != record.Cleared
	kind := Kind(a.Kind)
	switch {
	case kind == LevelHigh:
		return w.levelHigh(a, holds)
	case holds && w.raised[kind] != "":
		return w.raised[kind]
	case !holds && w.over[kind] != "":
		return w.over[kind]
	}
	if holds { // a kind of a later release
		return w.other
	}
	return w.other + w.cleared
}

func (w words) levelHigh(a record.Alarm, over bool) string {
	text := w.level
	if a.Value != nil {
		text += " " + amount(*a.Value, a.Unit)
	}
	switch {
	case a.Threshold == nil && over:
		return text + w.high
	case a.Threshold == nil:
		return text + w.cleared
	case !over:
		return text + w.below + amount(*a.Threshold, a.Unit) + w.cleared
	case a.Value != nil && a.Value.Compare(*a.Threshold) == 0:
		return text + w.reached + amount(*a.Threshold, a.Unit)
	}
	return text + w.above + amount(*a.Threshold, a.Unit)
}

func amount(d drivers.Decimal, u drivers.Unit) string {
	if u == "" {
		return d.String()
	}
	return d.String() + " " + string(u)
}
