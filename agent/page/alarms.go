package page

import (
	"cmp"
	"html/template"
	"slices"
	"strings"

	"watchpost/agent/health"
	"watchpost/agent/record"
)

type alarmRow struct {
	Tone               tone
	Level, State, Text string
	Over               bool
	Age                age
	ID                 string // empty: nothing is left to acknowledge
	Known              string // who acknowledged it and what they said
	Where, Todo        string
	Duty, Phone        string
	Dial               template.URL // of Phone
}

// alarmed is the level of the worst alarm that holds for a sensor; 0: none.
func (s *shaper) alarmed(x Sensor) (worst record.Severity) {
	for _, a := range s.view.Alarms {
		if a.Sensor == x.ID && a.State != record.Cleared && !a.Over {
			worst = max(worst, a.Level)
		}
	}
	return worst
}

// alarms is the view's, those that hold and nobody acknowledged first.
func (s *shaper) alarms() []Alarm {
	order := func(a Alarm) int {
		switch {
		case a.State == record.Cleared:
			return 2
		case a.known():
			return 1
		}
		return 0
	}
	return slices.SortedStableFunc(slices.Values(s.view.Alarms), func(a, b Alarm) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(b.Level, a.Level), a.Since.Compare(b.Since))
	})
}

func (s *shaper) alarm(a Alarm) alarmRow {
	row := alarmRow{
		Tone: levelTone(a.Level), Level: s.level(a.Level), State: s.get("alarm." + string(a.State)),
		Text: s.of(health.Text{ZH: a.TextZH, EN: a.TextEN}), Age: s.age("for", a.Since),
	}
	switch {
	case a.State != record.Cleared && !a.known():
		row.ID = a.ID
	case a.State != record.Cleared:
		row.State, row.Known = s.get("alarm.acknowledged"), s.who(a.KnownBy, a.KnownNote)
	}
	if a.Over {
		row.Tone = toneWarn
	}
	if a.State == record.Cleared {
		row.Tone, row.Over, row.Age = toneOK, true, s.age("ago", a.Since)
		return row
	}
	row.Where, row.Todo, row.Duty, row.Phone = a.Where, s.of(a.Todo), a.Duty, a.Phone
	row.Dial = template.URL("tel:" + digits(a.Phone))
	return row
}

// who is somebody and what they said.
func (s *shaper) who(by, note string) string {
	if by == "" || note == "" {
		return by + note
	}
	return by + s.get("reason.open") + note
}

// digits is a telephone number as a link has it.
func digits(phone string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '+' {
			return r
		}
		return -1
	}, phone)
}

func levelTone(l record.Severity) tone {
	if l >= record.Orange {
		return toneDanger
	}
	return toneWarn
}
