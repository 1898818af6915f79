package gateway

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"watchpost/agent/alarm"
	"watchpost/agent/clock"
	"watchpost/agent/health"
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
		Build:      builtWith(),
		Run:        record.Run(stats.Run).String(),
		Now:        now.Wall,
		Conditions: g.conditions(),
		Store: page.Store{
			Durable: stats.Durable, Bytes: stats.LiveBytes, Cap: stats.MaxBytes, Written: g.wear.sum(stats.BytesWritten),
			WrittenPerDay: int64(g.perDay(stats.BytesWritten)),
		},
		Clock: page.Clock{Synced: now.Synced, Since: g.shown(g.clockIs.see(now))},
	}
	if since, ok := g.wear.since(); ok {
		v.CountedSince = g.shown(since)
	}
	for _, line := range g.live.recent() {
		v.Events = append(v.Events, page.Event{At: g.shown(line.at), TextZH: line.zh, TextEN: line.en, By: line.by, Note: line.note, Private: line.private})
	}
	for _, c := range g.cfg.Sensors {
		v.Sensors = append(v.Sensors, g.viewSensor(c)...)
	}
	active, _, _ := g.live.activeAlarms()
	for _, a := range active {
		v.Alarms = append(v.Alarms, g.viewAlarm(a))
	}
	holds := g.holdsDays()
	for _, u := range g.uplinks {
		s := u.linkState()
		v.Platforms = append(v.Platforms, page.Platform{
			ID: u.platform.ID, Connected: via(s) != "", Via: via(s), Fallback: u.platform.Fallback != nil, Since: g.ago(s.Since), LastError: linkDetail(s), Backlog: u.backlog(),
			HoldsDays: holds, Sent: u.sent.sum(u.bytesSent()), SentPerDay: int64(g.perDay(u.bytesSent())),
		})
	}
	return v
}

// shown is when something was, by the clock as it stands now: what is so old stays
// so old when the clock is set or stepped. Of other boots the table knows.
func (g *gateway) shown(at clock.Stamp) time.Time {
	if now := g.clock.Now(); at.Boot == now.Boot {
		return now.Wall.Add(min(at.Offset-now.Offset, 0))
	}
	at, _ = g.boots.Correct(at)
	return at.Wall
}

// ago is the same for a moment of this process that time.Now gave; the zero time
// is none.
func (g *gateway) ago(at time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	return g.clock.Now().Wall.Add(-time.Since(at))
}

// conditions are those that hold, with times by the clock as it stands now.
func (g *gateway) conditions() []health.Active {
	list := g.health.Active()
	for i := range list {
		list[i].Since = g.ago(list[i].Since)
	}
	return list
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
		r.Raw, r.At, r.Since = s.reading.Raw, g.shown(s.reading.At), g.shown(s.since)
		if s.reading.HasValue() {
			r.Value = &s.reading.Value
		}
		if s.lastGood.HasValue() {
			r.LastGood, r.LastGoodAt = &s.lastGood.Value, g.shown(s.lastGood.At)
			r.Unit = s.lastGood.Unit // a fault has none of its own
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
	var lines []logLine
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
	slices.SortStableFunc(lines, func(a, b logLine) int { return g.shown(b.at).Compare(g.shown(a.at)) })
	g.live.recall(lines)
}

// line words one record of the log.
func (g *gateway) line(rec any) (logLine, bool) {
	switch r := rec.(type) {
	case record.Alarm:
		line := logLine{at: r.At}
		if r.State == record.Acknowledged {
			line.by, line.note = r.By, r.Note
		}
		r.By = ""
		line.zh = alarm.Sentence(r, g.sensorName(r.Sensor, alarm.Chinese), alarm.Chinese)
		line.en = alarm.Sentence(r, g.sensorName(r.Sensor, alarm.English), alarm.English)
		return line, true
	case record.Event:
		zh, en := g.words(r)
		return logLine{at: r.At, zh: zh, en: en, private: r.Kind == record.EventCard}, true
	}
	return logLine{}, false
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
