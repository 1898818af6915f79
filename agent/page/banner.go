package page

import (
	"slices"
	"strings"
	"time"

	"watchpost/agent/health"
	"watchpost/agent/record"
)

// banner is one sentence that answers: is all well?
type banner struct {
	State string // stable, for tests and styles: ok, alarm, fault, stale, notice, uplink, condition, clock, waiting, none
	Tone  tone
	Text  string
	Note  string // what to add or do
	Label string // before Age
	Age   *age
}

// Shape is the outline that goes with the tone.
func (b banner) Shape() string { return b.Tone.shape() }

// uplinkPatience is how long a link may be away before the page speaks of it;
// the condition uplink_down waits as long.
const uplinkPatience = 10 * time.Second

// banners lists all that a banner could say, worst first; never empty.
func (s *shaper) banners() []banner {
	var all []banner
	all = append(all, s.alarmBanner()...)
	all = append(all, s.conditionBanners(func(c health.Active) bool { return c.Severity == health.Critical })...)
	all = append(all, s.faultBanner()...)
	all = append(all, s.staleBanner()...)
	all = append(all, s.noticeBanners()...)
	all = append(all, s.uplinkBanners()...)
	all = append(all, s.conditionBanners(func(c health.Active) bool { return c.Severity != health.Critical })...)
	if !s.view.Clock.Synced {
		all = append(all, banner{State: "clock", Tone: toneInfo, Text: s.get("clock")})
	}
	waiting := slices.ContainsFunc(s.view.Sensors, func(x Sensor) bool { return !x.sampled() })
	switch {
	case len(s.view.Sensors) == 0:
		all = append(all, banner{State: "none", Tone: toneInfo, Text: s.get("none"), Note: s.get("none.note")})
	case waiting:
		all = append(all, banner{State: "waiting", Tone: toneInfo, Text: s.get("waiting")})
	case len(all) == 0:
		all = append(all, s.wellBanner())
	}
	return all
}

func (s *shaper) wellBanner() banner {
	var newest time.Time
	ids := map[string]bool{}
	for _, x := range s.view.Sensors {
		ids[x.ID] = true
		if x.At.After(newest) {
			newest = x.At
		}
	}
	return banner{
		State: "ok", Tone: toneOK, Text: s.get("ok"),
		Label: s.fill("ok.note", uint64(len(ids)), ""), Age: s.ageIf("ago", newest),
	}
}

func (s *shaper) alarmBanner() []banner {
	var open, acked []Alarm
	for _, a := range s.alarms() {
		switch {
		case a.State == record.Cleared:
		case a.known():
			acked = append(acked, a)
		default:
			open = append(open, a)
		}
	}
	var out []banner
	for _, group := range []struct {
		key    string
		alarms []Alarm
	}{{"alarm", open}, {"alarm.acked", acked}} {
		if len(group.alarms) == 0 {
			continue
		}
		worst, key := group.alarms[0], group.key
		if key == "alarm" && len(group.alarms) > 1 {
			key = "alarm.many"
		}
		out = append(out, banner{
			State: "alarm", Tone: levelTone(worst.Level),
			Text:  s.fill(key, uint64(len(group.alarms)), s.of(health.Text{ZH: worst.TextZH, EN: worst.TextEN})),
			Label: s.get("lasts"), Age: s.ageIf("for", worst.Since),
		})
	}
	return out
}

func (s *shaper) faultBanner() []banner {
	faulty := s.pick(func(x Sensor) bool {
		return !s.stale(x) && x.faulty()
	})
	if len(faulty) == 0 {
		return nil
	}
	first := faulty[0]
	b := banner{State: "fault", Tone: toneFault, Text: s.counted("fault", faulty)}
	if len(faulty) == 1 {
		b.Note = s.reason(first.Reason)
	}
	if !first.Since.IsZero() {
		b.Label, b.Age = s.get("lasts"), s.ageIf("for", first.Since)
	}
	return []banner{b}
}

func (s *shaper) staleBanner() []banner {
	old := s.pick(s.stale)
	if len(old) == 0 {
		return nil
	}
	return []banner{{State: "stale", Tone: toneStale, Text: s.counted("stale", old), Age: s.ageIf("ago", old[0].At)}}
}

// noticeBanners say what contacts say is wrong where no alarm was asked for.
func (s *shaper) noticeBanners() []banner {
	var out []banner
	for _, x := range s.pick(func(x Sensor) bool { return notice(x) && !s.stale(x) && s.alarmed(x) == 0 }) {
		word, _ := s.value(x.Quantity, *x.Value, x.Unit)
		out = append(out, banner{State: "notice", Tone: toneWarn, Text: s.name(x) + s.get("reason.open") + word})
	}
	return out
}

func (s *shaper) uplinkBanners() []banner {
	var out []banner
	for _, p := range s.view.Platforms {
		why := slices.IndexFunc(s.view.Conditions, func(c health.Active) bool {
			return c.Subject == p.ID && ofUplink(c.Code)
		})
		patient := !p.Since.IsZero() && s.view.Now.Sub(p.Since) < uplinkPatience
		if p.Connected || why < 0 && (patient || p.Since.IsZero()) {
			continue
		}
		key := "uplink"
		if !s.view.Store.Durable {
			key = "uplink.ram"
		}
		b := banner{State: "uplink", Tone: toneInfo, Text: s.fill(key, p.Waiting(), "")}
		since := p.Since
		if why >= 0 {
			c := s.view.Conditions[why]
			if c.Code != health.UplinkDown {
				b.Note = c.Subject + s.get("reason.open") + s.of(c.Title)
			}
			if since.IsZero() {
				since = c.Since
			}
		}
		b.Label, b.Age = s.get("lasts"), s.ageIf("for", since)
		out = append(out, b)
	}
	return out
}

// conditionBanners says the conditions that no other banner says already.
func (s *shaper) conditionBanners(want func(health.Active) bool) []banner {
	var out []banner
	for _, c := range s.view.Conditions {
		if !want(c) || s.said(c) {
			continue
		}
		n := s.note(c)
		text := n.Title
		if n.Subject != "" {
			text = n.Subject + s.get("reason.open") + n.Title
		}
		out = append(out, banner{
			State: "condition", Tone: n.Tone, Text: text, Note: n.Remedy,
			Label: s.get("lasts"), Age: s.ageIf("for", c.Since),
		})
	}
	return out
}

func (s *shaper) said(c health.Active) bool {
	switch {
	case c.Code == health.SensorFault:
		return len(s.faultBanner()) > 0
	case c.Code == health.ClockUnsynced:
		return !s.view.Clock.Synced
	case c.Code == health.Plaintext:
		return true // it lasts; a row says so, and all may be well beside it
	case ofUplink(c.Code):
		return slices.ContainsFunc(s.view.Platforms, func(p Platform) bool { return p.ID == c.Subject && !p.Connected })
	}
	return false
}

func ofUplink(c health.Code) bool {
	return c == health.UplinkDown || c == health.UplinkRefused || c == health.UplinkUntrusted || c == health.DuplicateClientID
}

// pick lists the sensors of which an observation is wanted, each once.
func (s *shaper) pick(want func(Sensor) bool) []Sensor {
	var out []Sensor
	seen := map[string]bool{}
	for _, x := range s.view.Sensors {
		if !seen[x.ID] && want(x) {
			seen[x.ID] = true
			out = append(out, x)
		}
	}
	return out
}

// counted names one sensor, or counts several and names the first three.
func (s *shaper) counted(key string, sensors []Sensor) string {
	if len(sensors) > 1 {
		key += ".many"
	}
	var names []string
	for _, x := range sensors[:min(len(sensors), 3)] {
		names = append(names, s.name(x))
	}
	list := strings.Join(names, s.get("list.comma"))
	if len(sensors) > 3 {
		list += "…"
	}
	return s.fill(key, uint64(len(sensors)), list)
}
