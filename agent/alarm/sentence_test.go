package alarm

import (
	"testing"

	"watchpost/agent/record"
	"watchpost/drivers"
)

func TestSentence(t *testing.T) {
	high := record.Alarm{Sensor: "pit", Kind: "level_high", State: record.Raised, Value: decimal(t, "1.84"),
		Threshold: decimal(t, "1.50"), Unit: drivers.Metre}
	with := func(a record.Alarm, change func(*record.Alarm)) record.Alarm { change(&a); return a }
	smoke := record.Alarm{Sensor: "det", Kind: "smoke", State: record.Raised, Value: decimal(t, "1"), Unit: drivers.Switch}
	for _, c := range []struct {
		a      record.Alarm
		zh, en string
	}{
		{high, "地下车库集水井水位 1.84 m，高于警戒 1.50 m", "Pump pit: level 1.84 m, above 1.50 m"},
		{with(high, func(a *record.Alarm) { a.Value = decimal(t, "1.500") }),
			"地下车库集水井水位 1.500 m，达到警戒 1.50 m", "Pump pit: level 1.500 m, has reached 1.50 m"},
		{with(high, func(a *record.Alarm) { a.Note = "over_range" }),
			"地下车库集水井水位 1.84 m，高于警戒 1.50 m（读数存疑）", "Pump pit: level 1.84 m, above 1.50 m (reading uncertain)"},
		{with(high, func(a *record.Alarm) { a.State = record.Escalated }),
			"地下车库集水井水位 1.84 m，高于警戒 1.50 m（警报升级）", "Pump pit: level 1.84 m, above 1.50 m (escalated)"},
		{with(high, func(a *record.Alarm) {
			a.State, a.Value, a.Threshold = record.Cleared, decimal(t, "1.38"), decimal(t, "1.40")
		}),
			"地下车库集水井水位 1.38 m，已低于 1.40 m，警报解除", "Pump pit: level 1.38 m, back below 1.40 m, alarm cleared"},
		{with(high, func(a *record.Alarm) { a.State, a.By = record.Acknowledged, "p-41" }),
			"地下车库集水井水位 1.84 m，高于警戒 1.50 m，已知晓，知晓人 p-41", "Pump pit: level 1.84 m, above 1.50 m, acknowledged by p-41"},
		{with(high, func(a *record.Alarm) { a.State, a.Value, a.Note = record.Cleared, nil, NoteRuleRemoved }),
			"地下车库集水井警报解除：规则已撤销", "Pump pit: alarm cleared, its rule was removed"},
		{with(high, func(a *record.Alarm) { a.Value, a.Threshold = nil, nil }), "地下车库集水井水位过高", "Pump pit: level too high"},
		{smoke, "地下车库集水井烟雾报警", "Pump pit: smoke alarm"},
		{with(smoke, func(a *record.Alarm) { a.State = record.Cleared }), "地下车库集水井烟雾报警解除", "Pump pit: smoke alarm cleared"},
		{with(smoke, func(a *record.Alarm) { a.Kind = "door_forced" }), "地下车库集水井：门被强行打开", "Pump pit: door forced open"},
		{with(smoke, func(a *record.Alarm) { a.Kind, a.State = "door_held", record.Cleared }),
			"地下车库集水井：门已关，未关门警报解除", "Pump pit: door closed, held-open alarm cleared"},
		{with(smoke, func(a *record.Alarm) { a.Kind = "gas" }), "地下车库集水井警报", "Pump pit: alarm"},
		{with(high, func(a *record.Alarm) {
			a.State, a.Level, a.Value, a.Threshold = record.Lowered, record.Yellow, decimal(t, "1.38"), decimal(t, "1.40")
		}),
			"地下车库集水井水位 1.38 m，已低于 1.40 m，警报降为黄色", "Pump pit: level 1.38 m, back below 1.40 m, alarm lowered to yellow"},
		{with(smoke, func(a *record.Alarm) { at := stamp(9); a.State, a.Restored = record.Restored, &at }),
			"地下车库集水井烟雾触点已恢复，尚无人知晓", "Pump pit: smoke contact back to normal, not acknowledged yet"},
		{with(smoke, func(a *record.Alarm) { at := stamp(9); a.State, a.Restored, a.By = record.Acknowledged, &at, "p-41" }),
			"地下车库集水井烟雾触点已恢复，已知晓，知晓人 p-41", "Pump pit: smoke contact back to normal, acknowledged by p-41"},
		{record.Alarm{Kind: "fault", State: record.Raised, Note: "broken_wire"}, "地下车库集水井：读不到数据", "Pump pit: cannot be read"},
		{record.Alarm{Kind: "fault", State: record.Cleared}, "地下车库集水井：恢复读数，警报解除", "Pump pit: can be read again, alarm cleared"},
		{record.Alarm{Kind: "stale", State: record.Raised, Note: NoteSilent}, "地下车库集水井：没有任何消息", "Pump pit: gives no sign of life"},
		{record.Alarm{Kind: "stale", State: record.Cleared}, "地下车库集水井：重新有消息，警报解除", "Pump pit: heard again, alarm cleared"},
		{record.Alarm{Kind: "bus_down", State: record.Raised, Members: []string{"a", "b"}}, "地下车库集水井：总线不通，2 个传感器读不到", "Pump pit: bus is down, 2 sensors cannot be read"},
		{record.Alarm{Kind: "bus_down", State: record.Cleared, Members: []string{"a", "b"}}, "地下车库集水井：总线恢复，警报解除", "Pump pit: bus works again, alarm cleared"},
	} {
		if got := Sentence(c.a, "地下车库集水井", Chinese); got != c.zh {
			t.Errorf("got  %s\nwant %s", got, c.zh)
		}
		if got := Sentence(c.a, "Pump pit", English); got != c.en {
			t.Errorf("got  %s\nwant %s", got, c.en)
		}
	}
	if got := Sentence(smoke, "", English); got != "det: smoke alarm" {
		t.Errorf("without a name: %s", got)
	}
}

// How an alarm ended is said as it is, and no note of a person is taken for it.
func TestSentencesOfEnds(t *testing.T) {
	folded := record.Alarm{Sensor: "pit", Kind: "fault", State: record.Cleared, Level: record.Yellow, Note: NoteFolded}
	if got := Sentence(folded, "集水井", Chinese) + "|" + Sentence(folded, "Sump", English); got != "集水井：仍读不到数据，并入总线警报|Sump: still cannot be read, now part of the alarm of its bus" {
		t.Error(got)
	}
	for _, note := range []string{NoteRuleRemoved, NoteFolded, NoteSilent} {
		a := record.Alarm{Sensor: "det", Kind: "smoke", State: record.Acknowledged, Level: record.Red, By: "Wang", Note: note}
		if got := Sentence(a, "Detector", English); got != "Detector: smoke alarm, acknowledged by Wang" {
			t.Errorf("note %s: %s", note, got)
		}
	}
}
