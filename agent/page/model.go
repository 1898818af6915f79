package page

import (
	"cmp"
	"time"

	"watchpost/agent/health"
	"watchpost/drivers"
)

// tone is the colour of a thing; its shape and word say the same.
type tone string

const (
	toneOK     tone = "ok"
	toneInfo   tone = "info"
	toneWarn   tone = "warn"
	toneDanger tone = "danger"
	toneFault  tone = "fault"
	toneStale  tone = "stale"
)

// shape is the outline of a tone, for those who cannot tell the colours apart.
func (t tone) shape() string {
	return map[tone]string{
		toneOK: "●", toneInfo: "◔", toneWarn: "◆", toneDanger: "▲", toneFault: "✕", toneStale: "◔",
	}[t]
}

// age is a moment that is shown as a length of time and counted on by the page.
type age struct {
	Form string // "ago" or "for"
	MS   int64  // Unix time in milliseconds
	ISO  string
	Text string
}

// model is a view in the words of one language, as the templates show it.
type model struct {
	Lang, Other       lang
	Title             string
	Place             string
	NowMS             int64
	NowText           string
	Banner            banner
	Others            []banner // what else a banner could say, worst first
	Sensors           []sensorRow
	Alarms            []alarmRow
	Notes             []noteRow
	Platforms         []platformRow
	Store             storeRow
	Events            []eventRow
	Synced, Unset     bool // the clock; one that is unset shows no hours
	GatewayID         string
	Version, Run      string
	Ago, For          string
	Visitor, CSRF     string // who gave the password, and what marks their forms
	Known, Offered    bool   // somebody did; somebody can
	Fresh             bool   // nobody chose a password yet
	StaleWord, Script string
	Style, Icon       string
	ChartScript       []string
	ChartStyle        string
	Build             string
	ClockAge          *age
	Path, Query       string // of this page, and what its stream is asked with
	MoreEvents        bool
	ZoneMinutes       int      // of the gateway's clock before UTC
	Thing             *thing   // a sensor's page only
	Book              *logbook // the event log only
}

type sensorRow struct {
	Linked       bool // it leads to the sensor's own page
	ID           string
	Name, Place  string
	Tone         tone
	Word, Reason string
	Value, Unit  string // Value is empty where there is none to show
	Grey         bool   // stale: the value is shown as old
	Age          *age
	For          *age
	StaleAtMS    int64 // when the page itself must call it stale; 0: never
	Last         string
	LastAge      *age
	Contact      bool
	Veiled       bool   // there may be a value, for others than this visitor
	Since        string // what a count counts
}

type noteRow struct {
	Tone                           tone
	Subject, Title, Remedy, Detail string
	Age                            age
}

// eventRow is one line of the log, with the time When, or how long ago it was where
// the clock was never right.
type eventRow struct {
	ISO, When, Text, Who string
	Age                  *age
}

// shaper turns a view into a model.
type shaper struct {
	phrase
	zone *time.Location
	view View
}

func (s *shaper) age(form string, at time.Time) age {
	return age{
		Form: form, MS: at.UnixMilli(), ISO: at.UTC().Format(time.RFC3339),
		Text: s.span(form, s.view.Now.Sub(at)),
	}
}

func (s *shaper) ageIf(form string, at time.Time) *age {
	if at.IsZero() {
		return nil
	}
	a := s.age(form, at)
	return &a
}

// epochOver is the first year that a clock which fell back to its epoch does not show.
const epochOver = 2020

// moment is a wall time for people: without the date when it is today's; empty
// when the clock that gave it had fallen back to its epoch.
func (s *shaper) moment(at time.Time) string {
	if !s.view.Clock.Synced && at.Year() < epochOver {
		return ""
	}
	local, now := at.In(s.zone), s.view.Now.In(s.zone)
	text := local.Format("15:04:05")
	if local.YearDay() != now.YearDay() || local.Year() != now.Year() {
		text = local.Format("01-02 15:04")
	}
	if !s.view.Clock.Synced {
		text = s.get("about") + " " + text
	}
	return text
}

func (s *shaper) model() model {
	v := s.view
	m := model{
		Lang: s.lang, Other: s.lang.other(),
		Place:     cmp.Or(joined(v.Gateway.Compound, v.Gateway.Building), v.Gateway.ID, "watchpost"),
		GatewayID: v.Gateway.ID,
		NowMS:     v.Now.UnixMilli(), NowText: s.moment(v.Now),
		Synced: v.Clock.Synced, Unset: s.unset(), ClockAge: s.ageIf("for", v.Clock.Since), Version: v.Version, Build: v.Build, Run: v.Run, Path: "/",
		Ago: s.get("ago"), For: s.get("for"), StaleWord: s.get("state.stale"),
		Store: s.store(), Sensors: s.rows(),
	}
	for i := range m.Sensors {
		m.Sensors[i].Linked = m.Sensors[i].ID != ""
	}
	for _, a := range s.alarms() {
		m.Alarms = append(m.Alarms, s.alarm(a))
	}
	for _, c := range v.Conditions {
		m.Notes = append(m.Notes, s.note(c))
	}
	for _, p := range v.Platforms {
		m.Platforms = append(m.Platforms, s.platform(p))
	}
	for _, e := range v.Events[:min(shownEvents, len(v.Events))] {
		m.Events = append(m.Events, s.event(e))
	}
	m.MoreEvents = len(v.Events) > shownEvents
	all := s.banners()
	m.Banner, m.Others = all[0], all[1:]
	m.Title = m.Banner.Shape() + " " + m.Banner.Text + " · " + m.Place
	return m
}

func (s *shaper) event(e Event) eventRow {
	row := eventRow{
		ISO: e.At.UTC().Format(time.RFC3339), When: s.moment(e.At),
		Text: s.of(health.Text{ZH: e.TextZH, EN: e.TextEN}), Who: s.who(e.By, e.Note),
	}
	// How long ago it was is right even where the time is not, if the clock has
	// stood so ever since.
	unset := s.view.Clock.Since
	if row.When == "" || !s.view.Clock.Synced && !unset.IsZero() && !e.At.Before(unset) && !e.At.After(s.view.Now) {
		row.Age = s.ageIf("ago", e.At)
	}
	return row
}

func (p phrase) of(t health.Text) string { return p.lang.of(t) }

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}

func (s *shaper) name(x Sensor) string {
	return cmp.Or(s.of(health.Text{ZH: x.NameZH, EN: x.NameEN}), x.NameZH, x.NameEN, x.ID)
}

// stale reports a value older than three periods: the source has stopped, and
// what it said last must not pass for now.
func (s *shaper) stale(x Sensor) bool { return x.stale(s.view.Now) }

func (x Sensor) stale(now time.Time) bool {
	return x.old || x.Period > 0 && !x.At.IsZero() && now.Sub(x.At) > patience(x.Period)
}

// patience is three periods, and never less than three views of a stream: a
// sensor sampled faster than views come would look stale between two of them.
func patience(period time.Duration) time.Duration { return max(3*period, 3*pace) }

func (s *shaper) sensor(x Sensor) sensorRow {
	row := sensorRow{
		ID: x.ID, Name: s.name(x), Place: x.Place, Reason: s.reason(x.Reason),
		Age: s.ageIf("ago", x.At), Contact: x.Quantity.Contact(), Veiled: x.veiled,
	}
	hasValue := shown(x)
	if hasValue {
		row.Value, row.Unit = s.value(x.Quantity, *x.Value, x.Unit)
	}
	switch {
	case !x.sampled():
		row.Tone, row.Word, row.Value = toneStale, s.get("state.waiting"), ""
		return row
	case s.stale(x):
		row.Tone, row.Word, row.Grey = toneStale, s.get("state.stale"), true
	case x.faulty():
		row.Tone, row.Word, row.For = toneFault, s.get("state.fault"), s.ageIf("for", x.Since)
	case s.alarmed(x) > 0:
		row.Tone, row.Word = levelTone(s.alarmed(x)), s.get("state.alarm")
	case notice(x):
		row.Tone, row.Word = toneWarn, s.get("state.notice")
	case x.Quality == drivers.Uncertain:
		row.Tone, row.Word = toneWarn, s.get("state.uncertain")
	default:
		row.Tone, row.Word = toneOK, s.get("state.good")
	}
	if x.Period > 0 && !row.Grey && !x.veiled {
		row.StaleAtMS = x.At.Add(patience(x.Period)).UnixMilli()
	}
	if !hasValue && x.LastGood != nil {
		value, unit := s.value(x.Quantity, *x.LastGood, x.Unit)
		row.Last, row.LastAge = joined(value, unit), s.ageIf("ago", x.LastGoodAt)
	}
	return row
}

// value is a number with its unit, or the word for a contact's state.
func (s *shaper) value(q drivers.Quantity, v drivers.Decimal, u drivers.Unit) (value, unit string) {
	if q.Contact() {
		state := ".0"
		if v.Compare(drivers.Int(0)) != 0 {
			state = ".1"
		}
		return s.get(string(q) + state), ""
	}
	switch u {
	case drivers.Switch:
		return v.String(), ""
	case drivers.Count:
		return v.String(), s.get(plural(string(q), v))
	}
	return v.String(), string(u)
}

func (s *shaper) note(c health.Active) noteRow {
	row := noteRow{
		Tone: severityTone(c.Severity), Subject: s.subject(c.Subject), Title: s.of(c.Title),
		Remedy: s.of(c.Remedy), Detail: c.Detail, Age: s.age("for", c.Since),
	}
	if c.Code == health.SensorFault || c.Code == health.BusDown {
		row.Tone = toneFault
	}
	if r, ok := s.reasons[c.Detail]; ok {
		row.Detail = s.of(r.What)
	}
	if c.Reason != (health.Text{}) {
		row.Detail = s.of(c.Reason)
	}
	for _, p := range s.view.Platforms {
		if p.ID == c.Subject && !p.Connected && p.LastError == c.Detail {
			row.Detail = "" // the platform's own card has it, for the technician
		}
	}
	return row
}

func severityTone(s health.Severity) tone {
	switch s {
	case health.Critical:
		return toneDanger
	case health.Warning:
		return toneWarn
	}
	return toneInfo
}

// subject is a sensor's name where the subject is a sensor, else as it is.
func (s *shaper) subject(id string) string {
	for _, x := range s.view.Sensors {
		if x.ID == id {
			return s.name(x)
		}
	}
	return id
}
