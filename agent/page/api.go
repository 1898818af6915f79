package page

import (
	"encoding/json"
	"math"
	"net/http"
	"time"

	"watchpost/agent/health"
	"watchpost/agent/record"
	"watchpost/drivers"
)

// viewJSON is the answer of /api/v1/view. Members are added, never renamed.
type viewJSON struct {
	Now        time.Time       `json:"now"`
	Gateway    gatewayJSON     `json:"gateway"`
	Version    string          `json:"version"`
	Build      string          `json:"build,omitempty"`
	Run        string          `json:"run"`
	Synced     bool            `json:"clock_synced"`
	ClockSince *time.Time      `json:"clock_since"`
	Banner     bannerJSON      `json:"banner"`
	Sensors    []sensorJSON    `json:"sensors"`
	Alarms     []alarmJSON     `json:"alarms"`
	Conditions []health.Active `json:"conditions"`
	Platforms  []platformJSON  `json:"platforms"`
	Store      storeJSON       `json:"store"`
	Events     []eventJSON     `json:"events"`
	// CountedSince is since when bytes sent and written are counted.
	CountedSince *time.Time `json:"counted_since"`
}

type gatewayJSON struct {
	ID       string `json:"id"`
	Compound string `json:"compound,omitempty"`
	Building string `json:"building,omitempty"`
}

type bannerJSON struct {
	State string      `json:"state"`
	Text  health.Text `json:"text"`
}

type sensorJSON struct {
	ID       string           `json:"id"`
	Name     health.Text      `json:"name"`
	Place    string           `json:"place,omitempty"`
	Quantity drivers.Quantity `json:"quantity"`
	Value    *drivers.Decimal `json:"value"` // null when there is none: never 0 for a fault
	Unit     drivers.Unit     `json:"unit,omitempty"`
	Quality  string           `json:"quality"` // good, uncertain, fault, or none before the first sample
	Reason   drivers.Reason   `json:"reason,omitempty"`
	Raw      *drivers.Decimal `json:"raw,omitempty"` // what the chip has, whatever the quality
	RawUnit  drivers.Unit     `json:"raw_unit,omitempty"`
	Stale    bool             `json:"stale"`
	// Withheld says that value and times are for those who gave the password.
	Withheld   bool             `json:"withheld,omitempty"`
	At         *time.Time       `json:"at"`
	PeriodS    float64          `json:"period_seconds,omitempty"`
	LastGood   *drivers.Decimal `json:"last_good,omitempty"`
	LastGoodAt *time.Time       `json:"last_good_at,omitempty"`
}

type alarmJSON struct {
	ID     string            `json:"id"`
	Sensor string            `json:"sensor"`
	Text   health.Text       `json:"text"`
	Level  string            `json:"level"`
	State  record.AlarmState `json:"state"`
	Since  time.Time         `json:"since"`
	// KnownSince is when somebody acknowledged it; absent: nobody did. Who did, and
	// what they said, is told to those who gave the password.
	KnownSince *time.Time `json:"acknowledged_at,omitempty"`
	Over       bool       `json:"over,omitempty"`
	KnownBy    string     `json:"acknowledged_by,omitempty"`
	KnownNote  string     `json:"acknowledged_note,omitempty"`
}

type platformJSON struct {
	ID        string            `json:"id"`
	Connected bool              `json:"connected"`
	Via       string            `json:"via,omitempty"`
	Since     *time.Time        `json:"since"`
	LastError string            `json:"last_error,omitempty"`
	Backlog   map[string]uint64 `json:"backlog"`
	// HoldsDays is null while it is not known, and when nothing comes.
	HoldsDays  *float64 `json:"backlog_holds_days"`
	Sent       int64    `json:"sent_bytes"`
	SentPerDay *int64   `json:"sent_per_day_bytes"`
}

type storeJSON struct {
	Durable bool  `json:"durable"`
	Bytes   int64 `json:"bytes"`
	Cap     int64 `json:"cap_bytes"`
	Written int64 `json:"written_bytes"`
	// WrittenPerDay is null while it is not known.
	WrittenPerDay *int64 `json:"written_per_day_bytes"`
}

type eventJSON struct {
	At   time.Time   `json:"at"`
	Text health.Text `json:"text"`
	By   string      `json:"by,omitempty"`
	Note string      `json:"note,omitempty"`
}

func (p *Page) serveJSON(w http.ResponseWriter, r *http.Request) {
	body, err := json.MarshalIndent(p.look.document(p.looker(r).sees(p.source.View())), "", "  ")
	if err != nil {
		p.log.Error("view not encoded", "err", err)
		refuse(w, http.StatusInternalServerError, "refuse.made")
		return
	}
	p.send(w, r, "application/json; charset=utf-8", append(body, '\n'))
}

func (l *look) document(v View) viewJSON {
	inZH := &shaper{phrase: newPhrase(zh), zone: l.zone, view: v}
	inEN := &shaper{phrase: newPhrase(en), zone: l.zone, view: v}
	said := inZH.banners()[0]
	out := viewJSON{
		Now: v.Now.UTC(), Gateway: gatewayJSON(v.Gateway), Version: v.Version, Build: v.Build, Run: v.Run,
		Synced: v.Clock.Synced, ClockSince: known(v.Clock.Since), CountedSince: known(v.CountedSince),
		Banner:  bannerJSON{said.State, health.Text{ZH: said.Text, EN: inEN.banners()[0].Text}},
		Sensors: []sensorJSON{}, Alarms: []alarmJSON{}, Platforms: []platformJSON{}, Events: []eventJSON{},
		Conditions: append([]health.Active{}, v.Conditions...),
		Store:      storeJSON{v.Store.Durable, v.Store.Bytes, v.Store.Cap, v.Store.Written, counted(v.Store.WrittenPerDay)},
	}
	for _, x := range v.Sensors {
		out.Sensors = append(out.Sensors, sensorDocument(x, inZH.stale(x)))
	}
	for _, a := range v.Alarms {
		out.Alarms = append(out.Alarms, alarmJSON{
			a.ID, a.Sensor, health.Text{ZH: a.TextZH, EN: a.TextEN}, a.Level.String(), a.State, a.Since.UTC(),
			known(a.KnownSince), a.Over, a.KnownBy, a.KnownNote,
		})
	}
	for _, x := range v.Platforms {
		backlog := map[string]uint64{}
		for _, lane := range record.Lanes() {
			backlog[lane.String()] = x.Backlog[lane]
		}
		out.Platforms = append(out.Platforms, platformJSON{
			x.ID, x.Connected, x.Via, known(x.Since), x.LastError, backlog, days(x.HoldsDays), x.Sent, counted(x.SentPerDay),
		})
	}
	for _, e := range v.Events {
		out.Events = append(out.Events, eventJSON{e.At.UTC(), health.Text{ZH: e.TextZH, EN: e.TextEN}, e.By, e.Note})
	}
	return out
}

func sensorDocument(x Sensor, stale bool) sensorJSON {
	out := sensorJSON{
		ID: x.ID, Name: health.Text{ZH: x.NameZH, EN: x.NameEN}, Place: x.Place, Quantity: x.Quantity,
		Unit: x.Unit, Quality: x.Quality.String(), Reason: x.Reason, Stale: stale, At: known(x.At),
		PeriodS: x.Period.Seconds(), LastGood: x.LastGood, LastGoodAt: known(x.LastGoodAt), Withheld: x.veiled,
	}
	if x.Raw.Unit != "" {
		out.Raw, out.RawUnit = &x.Raw.Value, x.Raw.Unit
	}
	switch x.Quality {
	case drivers.Good, drivers.Uncertain:
		out.Value = x.Value
	case 0:
		out.Quality = "none"
	}
	return out
}

// counted is nil for a number of bytes that is not known.
func counted(bytes int64) *int64 {
	if bytes <= 0 {
		return nil
	}
	return &bytes
}

// days is nil for what is not known or has no end.
func days(n float64) *float64 {
	if n <= 0 || math.IsInf(n, 0) || math.IsNaN(n) {
		return nil
	}
	n = math.Round(n*10) / 10
	return &n
}

func known(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}
