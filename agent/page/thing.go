package page

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"watchpost/drivers"
)

// span is how far back charts and tables reach.
const span = 24 * time.Hour

// thing is the part of a sensor's page that is its own.
type thing struct {
	Row    sensorRow
	Charts []chartModel
	Veiled bool // charts there may be, for others than this visitor
}

// chartModel is one quantity's chart as table and drawing. The script draws the
// chart anew from the same data, asked for at Source.
type chartModel struct {
	Title, Label string
	Source       string // where the script asks for the data
	Digits       uint8  // decimals of the scale
	Off, On      string // a contact's two words
	Begun        string // since when there is anything, if that is less than a day ago
	Thresholds   []thresholdRow
	Hours        []hourRow // newest first
	Sketch       sketch
	Empty        bool
}

type thresholdRow struct {
	Tone tone
	Name string
}

// hourRow is one hour of the table: what was lowest, highest and newest, and
// when there was nothing.
type hourRow struct {
	ISO, When      string
	Min, Max, Last string // empty: none
	Notes          []string
}

// find is the rows of a sensor; none: there is no such sensor.
func (v View) find(id string) (rows []Sensor) {
	for _, x := range v.Sensors {
		if x.ID == id {
			rows = append(rows, x)
		}
	}
	return rows
}

// thing shapes a sensor's page.
func (s *shaper) thing(id string, history History) *thing {
	group := s.view.find(id)
	if len(group) == 0 {
		return nil
	}
	whole := s.view
	s.view.Sensors = group
	t := &thing{Row: s.rows()[0]}
	s.view = whole
	for _, x := range group {
		t.Veiled = t.Veiled || x.veiled
		if c, ok := s.chart(x, history, span); ok {
			t.Charts = append(t.Charts, s.chartModel(x, c))
		}
	}
	return t
}

// chart is the last of a quantity's history, false when none is kept.
func (s *shaper) chart(x Sensor, history History, last time.Duration) (chart, bool) {
	if history == nil || x.veiled {
		return chart{}, false
	}
	series, ok := history.Series(x.ID, x.Quantity)
	if !ok {
		return chart{}, false
	}
	return newChart(series, x.Period, s.view.Now.Add(-last), s.view.Now), true
}

func (s *shaper) chartModel(x Sensor, c chart) chartModel {
	m := chartModel{
		Title: s.get("quantity." + string(x.Quantity)),
		Source: "/api/v1/history?" + url.Values{
			"sensor": {x.ID}, "quantity": {string(x.Quantity)}, "hours": {strconv.Itoa(int(span.Hours()))},
		}.Encode(),
		Hours: s.hours(x, c), Sketch: s.sketch(c), Empty: len(c.points) == 0,
	}
	if _, known := s.texts["quantity."+string(x.Quantity)]; !known {
		m.Title = string(x.Quantity)
	}
	for _, p := range c.points {
		m.Digits = max(m.Digits, p.Last.Scale)
	}
	if x.Quantity.Contact() {
		m.Off, _ = s.value(x.Quantity, drivers.Int(0), x.Unit)
		m.On, _ = s.value(x.Quantity, drivers.Int(1), x.Unit)
	}
	if c.Begun.After(c.from) {
		m.Begun = s.moment(c.Begun)
	}
	for _, t := range c.Thresholds {
		row := thresholdRow{Tone: levelTone(t.Level), Name: s.threshold(t, x.Unit)}
		if t.Clears {
			row.Tone = toneOK
		}
		m.Thresholds = append(m.Thresholds, row)
	}
	m.Label = s.label(x, c, m)
	return m
}

// label says in words what the chart draws.
func (s *shaper) label(x Sensor, c chart, m chartModel) string {
	said := []string{s.name(x), s.get("chart.day")}
	if len(c.points) == 0 {
		return strings.Join(append(said, s.get("chart.empty")), s.get("list.comma"))
	}
	low, high := c.points[0].Min, c.points[0].Max
	for _, p := range c.points {
		low, high = lower(low, p.Min), higher(high, p.Max)
	}
	said = append(said,
		joined(s.get("col.min"), s.worded(x, low)), joined(s.get("col.max"), s.worded(x, high)),
		joined(s.get("col.last"), s.worded(x, c.points[len(c.points)-1].Last)))
	for _, t := range m.Thresholds {
		said = append(said, t.Name)
	}
	if n := len(c.gaps); n > 0 {
		said = append(said, s.fill("chart.gaps", uint64(n), ""))
	}
	return strings.Join(said, s.get("list.comma"))
}

func (s *shaper) worded(x Sensor, v drivers.Decimal) string {
	value, unit := s.value(x.Quantity, v, x.Unit)
	return joined(value, unit)
}

func lower(a, b drivers.Decimal) drivers.Decimal {
	if b.Compare(a) < 0 {
		return b
	}
	return a
}

func higher(a, b drivers.Decimal) drivers.Decimal {
	if b.Compare(a) > 0 {
		return b
	}
	return a
}

// hours is the table: whole hours of the gateway's zone, the newest first, from
// the one in which anything is known.
func (s *shaper) hours(x Sensor, c chart) (rows []hourRow) {
	begin := c.from
	if c.Begun.After(begin) {
		begin = c.Begun
	}
	for start := s.last(c.to, time.Hour); start.Add(time.Hour).After(begin); start = start.Add(-time.Hour) {
		rows = append(rows, s.hour(x, c, start))
	}
	return rows
}

func (s *shaper) hour(x Sensor, c chart, start time.Time) hourRow {
	end := start.Add(time.Hour)
	row := hourRow{ISO: start.UTC().Format(time.RFC3339), When: s.mark(start)}
	var low, high, last drivers.Decimal
	values, faults := 0, 0
	for _, p := range c.points {
		if p.At.Before(start) || !p.At.Before(end) {
			continue
		}
		if values == 0 {
			low, high = p.Min, p.Max
		}
		low, high, last = lower(low, p.Min), higher(high, p.Max), p.Last
		values += p.Values
		faults += p.Faults
	}
	if values > 0 {
		row.Min, row.Max, row.Last = s.worded(x, low), s.worded(x, high), s.worded(x, last)
	}
	for _, g := range c.gaps {
		from, to := g.from, g.to
		if from.Before(start) {
			from = start
		}
		if to.After(end) {
			to = end
		}
		if from.Before(to) {
			row.Notes = append(row.Notes, fmt.Sprintf("%s–%s %s", s.mark(from), s.mark(to), s.gapWord(g)))
		}
	}
	if faults > 0 {
		row.Notes = append(row.Notes, s.fill("table.faults", uint64(faults), ""))
	}
	return row
}

func (p *Page) serveThing(w http.ResponseWriter, r *http.Request) {
	p.serveSensor(w, r, r.PathValue("sensor"), "thing.html")
}

// serveSensor answers with a sensor's page, or the part of it that changes.
func (p *Page) serveSensor(w http.ResponseWriter, r *http.Request, id, name string) {
	v := p.source.View()
	if len(v.find(id)) == 0 {
		refuse(w, http.StatusNotFound, "refuse.sensor")
		return
	}
	p.sendHTML(w, r, name, v, p.ofSensor(id))
}

// ofSensor puts a sensor's own part into a model.
func (p *Page) ofSensor(id string) func(*shaper, *model) {
	return func(s *shaper, m *model) {
		m.Thing = s.thing(id, p.history)
		_, east := s.view.Now.In(s.zone).Zone()
		m.ZoneMinutes = east / 60
		m.Alarms, m.Notes = nil, nil
		for _, a := range s.alarms() {
			if a.Sensor == id {
				m.Alarms = append(m.Alarms, s.alarm(a))
			}
		}
		for _, c := range s.view.Conditions {
			if c.Subject == id {
				m.Notes = append(m.Notes, s.note(c))
			}
		}
		m.Title = joined(m.Thing.Row.Name, m.Thing.Row.Value) + m.Thing.Row.Unit + " · " + m.Thing.Row.Word
		m.Path, m.Query = "/t/"+url.PathEscape(id), "&sensor="+url.QueryEscape(id)
	}
}

// serveHistory answers with the last hours of one quantity of a sensor; without
// a quantity, of the first that is kept.
func (p *Page) serveHistory(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	last := span
	if asked := query.Get("hours"); asked != "" {
		hours, err := strconv.Atoi(asked)
		if err != nil || hours < 1 || hours > int(span.Hours()) {
			refuse(w, http.StatusBadRequest, "refuse.hours")
			return
		}
		last = time.Duration(hours) * time.Hour
	}
	s := &shaper{phrase: newPhrase(zh), zone: p.look.zone, view: p.looker(r).sees(p.source.View())}
	asked, veiled := query.Get("quantity"), false
	for _, x := range s.view.find(query.Get("sensor")) {
		if asked != "" && asked != string(x.Quantity) {
			continue
		}
		veiled = veiled || x.veiled
		c, ok := s.chart(x, p.history, last)
		if !ok {
			continue
		}
		body, err := json.Marshal(c.document(x))
		if err != nil {
			p.log.Error("history not encoded", "err", err)
			refuse(w, http.StatusInternalServerError, "refuse.made")
			return
		}
		p.send(w, r, "application/json; charset=utf-8", append(body, '\n'))
		return
	}
	if veiled {
		refuse(w, http.StatusForbidden, "chart.veiled")
		return
	}
	refuse(w, http.StatusNotFound, "refuse.history")
}
