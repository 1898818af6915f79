package alarm

import (
	"fmt"

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
	return name + w.step(a)
}

// words are the pieces of a language's sentences.
type words struct {
	level, other, high     string          // after the name: what it is about
	above, reached, below  string          // before a threshold
	cleared, removed       string          // how it ended
	folded                 string          // it goes on as another alarm
	raised, over, restored map[Kind]string // of what is no level: while it holds, cleared, restored
	lowered, back          string          // a milder level; a condition that ended
	acked, by, unacked     string
	doubt, escalated       string
	colours                [5]string // by record.Severity
	members                func(n int) string
}

func chinese() words {
	return words{
		level: "水位", other: "警报", high: "过高",
		above: "，高于警戒 ", reached: "，达到警戒 ", below: "，已低于 ",
		cleared: "，警报解除", removed: "警报解除：规则已撤销", folded: "：仍读不到数据，并入总线警报",
		raised: map[Kind]string{
			Smoke: "烟雾报警", DoorOpen: "：门被打开", DoorForced: "：门被强行打开", DoorHeld: "：门长时间未关",
			Fault: "：读不到数据", Stale: "：没有任何消息", BusDown: "：总线不通"},
		over: map[Kind]string{
			Smoke: "烟雾报警解除", DoorOpen: "：门已关，警报解除", DoorForced: "：门已关，强行开门警报解除", DoorHeld: "：门已关，未关门警报解除",
			Fault: "：恢复读数，警报解除", Stale: "：重新有消息，警报解除", BusDown: "：总线恢复，警报解除"},
		restored: map[Kind]string{
			Smoke: "烟雾触点已恢复", DoorOpen: "：门已关", DoorForced: "：门已关，曾被强行打开", DoorHeld: "：门已关，曾长时间未关"},
		lowered: "，警报降为", back: "，已恢复",
		acked: "，已知晓", by: "，知晓人 ", unacked: "，尚无人知晓",
		doubt: "（读数存疑）", escalated: "（警报升级）",
		colours: [5]string{"", "蓝色", "黄色", "橙色", "红色"},
		members: func(n int) string { return fmt.Sprintf("，%d 个传感器读不到", n) },
	}
}

func english() words {
	return words{
		level: ": level", other: ": alarm", high: " too high",
		above: ", above ", reached: ", has reached ", below: ", back below ",
		cleared: ", alarm cleared", removed: ": alarm cleared, its rule was removed", folded: ": still cannot be read, now part of the alarm of its bus",
		raised: map[Kind]string{
			Smoke: ": smoke alarm", DoorOpen: ": door opened", DoorForced: ": door forced open", DoorHeld: ": door held open",
			Fault: ": cannot be read", Stale: ": gives no sign of life", BusDown: ": bus is down"},
		over: map[Kind]string{
			Smoke: ": smoke alarm cleared", DoorOpen: ": door closed, alarm cleared",
			DoorForced: ": door closed, forced-open alarm cleared", DoorHeld: ": door closed, held-open alarm cleared",
			Fault: ": can be read again, alarm cleared", Stale: ": heard again, alarm cleared", BusDown: ": bus works again, alarm cleared"},
		restored: map[Kind]string{
			Smoke: ": smoke contact back to normal", DoorOpen: ": door closed", DoorForced: ": door closed, was forced open", DoorHeld: ": door closed, was held open"},
		lowered: ", alarm lowered to ", back: ", over",
		acked: ", acknowledged", by: " by ", unacked: ", not acknowledged yet",
		doubt: " (reading uncertain)", escalated: " (escalated)",
		colours: [5]string{"", "blue", "yellow", "orange", "red"},
		members: func(n int) string { return fmt.Sprintf(", %d sensors cannot be read", n) },
	}
}

func (w words) step(a record.Alarm) string {
	doubt := ""
	if a.Note != "" && a.Value != nil {
		doubt = w.doubt
	}
	switch {
	case a.State == record.Cleared && a.Note == NoteRuleRemoved: // a person may note the same
		return w.removed
	case a.State == record.Cleared && a.Note == NoteFolded:
		return w.folded
	case a.State == record.Acknowledged:
		text := w.condition(a) + w.acked
		if a.By != "" {
			text += w.by + a.By
		}
		return text
	case a.State == record.Escalated:
		return w.condition(a) + w.escalated + doubt
	}
	return w.condition(a) + doubt
}

// condition is what the alarm is about, as it now stands.
func (w words) condition(a record.Alarm) string {
	kind := Kind(a.Kind)
	text, known := w.raised[kind]
	if !known {
		text = w.other // a kind of a later release
	}
	switch {
	case kind == LevelHigh:
		return w.levelHigh(a)
	case a.State == record.Cleared && known:
		return w.over[kind]
	case a.State == record.Cleared:
		return text + w.cleared
	case a.Restored != nil && w.restored[kind] != "":
		return w.restored[kind] + w.waiting(a)
	case a.Restored != nil:
		return text + w.back + w.waiting(a)
	case len(a.Members) > 0:
		return text + w.members(len(a.Members))
	}
	return text
}

// waiting says that a restored alarm waits for a person.
func (w words) waiting(a record.Alarm) string {
	if a.State == record.Acknowledged {
		return ""
	}
	return w.unacked
}

func (w words) levelHigh(a record.Alarm) string {
	text := w.level
	if a.Value != nil {
		text += " " + amount(*a.Value, a.Unit)
	}
	cleared := a.State == record.Cleared
	switch {
	case a.Threshold == nil && cleared:
		return text + w.cleared
	case a.Threshold == nil:
		return text + w.high
	case cleared:
		return text + w.below + amount(*a.Threshold, a.Unit) + w.cleared
	case a.Restored != nil:
		return text + w.below + amount(*a.Threshold, a.Unit) + w.waiting(a)
	case a.Value != nil && a.Value.Compare(*a.Threshold) < 0: // on the way down
		text += w.below + amount(*a.Threshold, a.Unit)
		if a.State == record.Lowered && a.Level <= record.Red {
			text += w.lowered + w.colours[a.Level]
		}
		return text
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
