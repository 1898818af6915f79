package gateway

import (
	"errors"
	"fmt"
	"time"

	"watchpost/agent/alarm"
	"watchpost/agent/page"
	"watchpost/agent/record"
	"watchpost/buffer"
	"watchpost/configs"
	"watchpost/drivers"
)

// unmoved is how long the pipeline may take nothing in, beyond the slowest
// sensor's period, before the gateway counts as not ready.
const unmoved = 30 * time.Second

// View is everything the page shows. It waits for no hardware and no network.
func (g *gateway) View() page.View {
	now := g.clock.Now()
	stats := g.buffer.Stats()
	v := page.View{
		Gateway:    page.Gateway{ID: g.cfg.Gateway.ID, Compound: g.cfg.Gateway.Compound, Building: g.cfg.Gateway.Building},
		Version:    g.opts.Version,
		Run:        record.Run(stats.Run).String(),
		Now:        now.Wall,
		Conditions: g.health.Active(),
		Store: page.Store{
			Durable: stats.Durable, Bytes: stats.LiveBytes, Cap: stats.MaxBytes, WrittenToday: g.wear.today(stats.BytesWritten),
		},
		Clock:  page.Clock{Synced: now.Synced},
		Events: g.live.recent(),
	}
	for _, c := range g.cfg.Sensors {
		v.Sensors = append(v.Sensors, g.viewSensor(c)...)
	}
	active, _, _ := g.live.activeAlarms()
	for _, a := range active {
		a = record.CorrectedAlarm(a, g.boots.Correct)
		v.Alarms = append(v.Alarms, page.Alarm{
			ID: a.Sensor + "/" + a.Kind, Sensor: a.Sensor, Level: a.Level, State: a.State, Since: a.Since.Wall,
			TextZH: alarm.Sentence(a, g.sensorName(a.Sensor, alarm.Chinese), alarm.Chinese),
			TextEN: alarm.Sentence(a, g.sensorName(a.Sensor, alarm.English), alarm.English),
		})
	}
	for _, u := range g.uplinks {
		s := u.linkState()
		v.Platforms = append(v.Platforms, page.Platform{
			ID: u.platform.ID, Connected: s.Connected, Since: s.Since, LastError: s.LastError, Backlog: u.backlog(),
		})
	}
	return v
}

// Changed is closed at the next change worth showing.
func (g *gateway) Changed() <-chan struct{} { return g.sampled.changed() }

// viewSensor is one row for each quantity of a sensor; before the first sample
// one row that says there is none.
func (g *gateway) viewSensor(c configs.Sensor) (rows []page.Sensor) {
	row := page.Sensor{ID: c.ID, NameZH: c.Name.Zh, NameEN: c.Name.En, Place: c.Place.At, Period: c.Sample}
	if row.NameZH == "" {
		row.NameZH = c.ID
	}
	for _, s := range g.live.sights(c.ID) {
		r := row
		r.Quantity, r.Unit, r.Quality, r.Reason = s.reading.Quantity, s.reading.Unit, s.reading.Quality, s.reading.Reason
		r.Raw, r.At, r.Since = s.reading.Raw, s.reading.At.Wall, s.since.Wall
		if s.reading.HasValue() {
			r.Value = &s.reading.Value
		}
		if s.lastGood.HasValue() {
			r.LastGood, r.LastGoodAt = &s.lastGood.Value, s.lastGood.At.Wall
		}
		rows = append(rows, r)
	}
	if rows == nil {
		for _, q := range g.quantities(c.ID) {
			r := row
			r.Quantity = q
			rows = append(rows, r)
		}
	}
	return rows
}

// quantities is what a sensor observes.
func (g *gateway) quantities(id string) []drivers.Quantity {
	for _, s := range g.sensors {
		if s.ID == id {
			return s.Quantities
		}
	}
	return nil
}

// sensorName is what people call a sensor in a language.
func (g *gateway) sensorName(id, lang string) string {
	for _, c := range g.cfg.Sensors {
		if c.ID != id {
			continue
		}
		if lang == alarm.English && c.Name.En != "" {
			return c.Name.En
		}
		if c.Name.Zh != "" {
			return c.Name.Zh
		}
	}
	return id
}

// recall takes the newest alarms and events of earlier runs, and losses found at
// the start of this one, into the log.
func (g *gateway) recall() {
	var lines []page.Event
	for _, lane := range []buffer.Lane{buffer.Alarms, buffer.Events} {
		entries, err := g.buffer.Recent(lane, recentEvents)
		if err != nil {
			continue // the store's own condition says so
		}
		for _, e := range entries {
			rec, err := record.Decode(e.Record)
			if err != nil {
				continue // of a newer release; it will be given up when it is sent
			}
			if event, _ := rec.(record.Event); e.Run == g.buffer.Run() && event.Kind != record.EventLoss {
				continue // in the log since it was told; of losses the buffer tells
			}
			if line, ok := g.line(rec); ok {
				lines = append(lines, line)
			}
		}
	}
	g.live.remember(lines...)
}

// line words one record of the log.
func (g *gateway) line(rec any) (page.Event, bool) {
	switch r := record.Corrected(rec, g.boots.Correct).(type) {
	case record.Alarm:
		return page.Event{
			At:     r.At.Wall,
			TextZH: alarm.Sentence(r, g.sensorName(r.Sensor, alarm.Chinese), alarm.Chinese),
			TextEN: alarm.Sentence(r, g.sensorName(r.Sensor, alarm.English), alarm.English),
		}, true
	case record.Event:
		zh, en := g.words(r)
		return page.Event{At: r.At.Wall, TextZH: zh, TextEN: en}, true
	}
	return page.Event{}, false
}

// Live is nil while the process runs as it should: it answered.
func (g *gateway) Live() error { return nil }

// Ready is nil while the pipeline moves. A dead uplink is no reason.
func (g *gateway) Ready() error {
	slowest := time.Duration(0)
	for _, s := range g.sensors {
		slowest = max(slowest, s.Every)
	}
	if len(g.sensors) == 0 {
		return nil
	}
	last := g.live.lastMove()
	if last.IsZero() {
		return errors.New("no sensor has been read yet")
	}
	if since := time.Since(last); since > slowest*3+unmoved {
		return fmt.Errorf("no sensor has been read for %v", since.Round(time.Second))
	}
	return nil
}
