package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"watchpost/agent/alarm"
	"watchpost/agent/health"
	"watchpost/agent/message"
	"watchpost/agent/page"
	"watchpost/agent/record"
	"watchpost/buffer"
	"watchpost/configs"
	"watchpost/drivers"
	"watchpost/drivers/all"
)

// alarmTick is the pace at which the engine looks for sensors that say nothing.
const alarmTick = time.Second

// missedSamples is how many of its own periods a slow sensor may miss, whatever
// fault_after says.
const missedSamples = 3

// rules makes the alarm rules of the configuration.
func rules(cfg *configs.Config) (list []alarm.Rule) {
	for _, s := range cfg.Sensors {
		if s.Alarm == nil {
			continue
		}
		if s.Alarm.Above != nil || len(s.Alarm.Levels) > 0 {
			list = append(list, levelRule(s))
		} else {
			for _, kind := range contactAlarms(s) {
				list = append(list, alarm.Rule{Sensor: s.ID, Kind: kind, Level: severity(s.Alarm.Level), Latched: latched(s.Alarm, kind)})
			}
		}
		if !s.Alarm.FaultLevel.Off() {
			list = append(list, alarm.Rule{
				Sensor: s.ID, Kind: alarm.Fault, Level: severity(configs.Level(s.Alarm.FaultLevel)),
				After: max(s.Alarm.FaultAfter, missedSamples*s.Sample), Parents: parents(s.Options),
			})
		}
	}
	return list
}

func levelRule(s configs.Sensor) alarm.Rule {
	a := s.Alarm
	rule := alarm.Rule{
		Sensor: s.ID, Kind: alarm.LevelHigh, Level: severity(a.Level), Confirm: a.Confirm,
		Above: decimal(a.Above), ClearBelow: decimal(a.ClearBelow), Latched: latched(a, alarm.LevelHigh),
	}
	for _, l := range a.Levels {
		above := drivers.Decimal(l.Above)
		clear := above
		if a.Hysteresis != nil {
			clear = less(above, drivers.Decimal(*a.Hysteresis))
		}
		rule.Levels = append(rule.Levels, alarm.Threshold{Level: severity(l.Level), Above: above, ClearBelow: clear})
	}
	return rule
}

// latched is whether an alarm waits for a person after its condition ended:
// smoke does unless it is told not to, since nobody knows what burnt.
func latched(a *configs.Alarm, kind alarm.Kind) bool {
	if a.Latch != nil {
		return *a.Latch
	}
	return kind == alarm.Smoke
}

// less is a - b, with the decimals of the finer of the two.
func less(a, b drivers.Decimal) drivers.Decimal {
	for a.Scale < b.Scale {
		a.Coefficient, a.Scale = a.Coefficient*10, a.Scale+1
	}
	for b.Scale < a.Scale {
		b.Coefficient, b.Scale = b.Coefficient*10, b.Scale+1
	}
	a.Coefficient -= b.Coefficient
	return a
}

// contactAlarms is what a contact's alarm is raised for. A door that is watched
// with its way out may be open: only forced or held open is an alarm.
func contactAlarms(s configs.Sensor) (kinds []alarm.Kind) {
	driver, ok := all.Lookup(s.Driver)
	if !ok {
		return nil
	}
	quantities := driver.Quantities(s.Options)
	for _, q := range quantities {
		kind, ok := alarm.ForContact(q)
		if !ok || kind == alarm.DoorOpen && len(quantities) > 1 {
			continue
		}
		kinds = append(kinds, kind)
	}
	return kinds
}

func severity(l configs.Level) record.Severity {
	switch l {
	case configs.Blue:
		return record.Blue
	case configs.Yellow:
		return record.Yellow
	case configs.Orange:
		return record.Orange
	}
	return record.Red
}

// busesDown names the buses and lines that are down now.
func (g *gateway) busesDown() (names []string) {
	for _, c := range g.health.Active() {
		if c.Code == health.BusDown {
			names = append(names, c.Subject)
		}
	}
	return names
}

// carry records steps, each with its note in one transaction, and shows the
// alarms as they then are. The error is that of the first that is not durable;
// the alarms go on either way.
func (p *pipeline) carry(steps []alarm.Step) (err error) {
	for _, step := range steps {
		at, kept := p.tellKept(buffer.Alarms, step.Alarm, record.EncodeAlarm(step.Alarm), buffer.Note{Key: step.Key, Value: step.Note})
		p.engine.Committed(step.Key, at)
		p.publishAlarms(at)
		if err == nil {
			err = kept
		}
	}
	return err
}

// retire ends an alarm whose rule has gone from the configuration.
func (p *pipeline) retire(key string, value []byte, at record.Position) {
	step, err := alarm.Retire(key, value, at, p.g.clock.Now())
	if err != nil {
		p.log.Warn("alarm without a rule cannot be ended", "note", key, "err", err)
		return
	}
	p.tell(buffer.Alarms, step.Alarm, record.EncodeAlarm(step.Alarm), buffer.Note{Key: step.Key, Value: step.Note})
}

// publishAlarms shows the active alarms on page and in the document.
func (p *pipeline) publishAlarms(asOf record.Position) {
	p.g.live.setAlarms(p.engine.Active(), p.engine.Revision(), asOf)
	p.g.changed.notify()
	p.g.sampled.notify()
}

// acknowledgement is one that waits for the pipeline.
type acknowledgement struct {
	alarm, by, note string
	done            chan error // holds one answer, so that nobody is waited for
}

// errNotRunning is what is said to an acknowledgement when the agent ends.
var errNotRunning = errors.New("the agent is ending")

// AcknowledgeAlarm notes that somebody knows of the alarm of this id
// (message.AlarmID), and is durable when it returns nil. It silences the output
// and ends no condition; an alarm that only waited for it is over. Once more for
// the same alarm is no error. The error wraps alarm.ErrUnknown, alarm.ErrOver,
// buffer.ErrNotDurable (it counts all the same, until a power cut) or ctx's; after
// ctx's it may still be carried out. It is safe for concurrent use.
func (g *gateway) AcknowledgeAlarm(ctx context.Context, alarmID, by, note string) error {
	ask := acknowledgement{alarmID, by, note, make(chan error, 1)}
	select {
	case g.pipeline.acks <- ask:
	case <-g.pipeline.ended:
		return fmt.Errorf("acknowledge alarm %q: %w", alarmID, errNotRunning)
	case <-ctx.Done():
		return fmt.Errorf("acknowledge alarm %q: %w", alarmID, ctx.Err())
	}
	select {
	case err := <-ask.done:
		switch {
		case err == nil:
			return nil
		case errors.Is(err, alarm.ErrOver), errors.Is(err, alarm.ErrUnknown):
			err = fmt.Errorf("%w: %w", page.ErrOver, err)
		case errors.Is(err, buffer.ErrNotDurable):
			err = fmt.Errorf("%w: %w", page.ErrNotKept, err)
		}
		return fmt.Errorf("acknowledge alarm %q: %w", alarmID, err)
	case <-ctx.Done():
		return fmt.Errorf("acknowledge alarm %q: %w", alarmID, ctx.Err())
	}
}

// acknowledge carries one out, in the pipeline's goroutine.
func (p *pipeline) acknowledge(ask acknowledgement) error {
	raise, ok := message.ParseAlarmID(p.g.cfg.Gateway.ID, ask.alarm)
	if !ok {
		return alarm.ErrUnknown
	}
	steps, err := p.engine.Acknowledge(raise, ask.by, ask.note, p.g.clock.Now())
	if err != nil {
		return err
	}
	return p.carry(steps)
}

// viewAlarm is an alarm as the page shows it. Its sentence names nobody: the page
// tells apart who may know.
func (g *gateway) viewAlarm(a record.Alarm) page.Alarm {
	a.By = ""
	shown := page.Alarm{
		ID: message.AlarmID(g.cfg.Gateway.ID, a.Raise), Sensor: a.Sensor, Level: a.Level, State: a.State, Since: g.shown(a.Since),
		TextZH: alarm.Sentence(a, g.sensorName(a.Sensor, alarm.Chinese), alarm.Chinese),
		TextEN: alarm.Sentence(a, g.sensorName(a.Sensor, alarm.English), alarm.English),
		Over:   a.Restored != nil,
		Todo:   health.Text{ZH: alarm.Advice(alarm.Kind(a.Kind), alarm.Chinese), EN: alarm.Advice(alarm.Kind(a.Kind), alarm.English)},
	}
	s, _ := g.sensor(a.Sensor) // of a bus, the gateway's own place
	shown.Where = where(g.cfg.Gateway, s.Place)
	// What to do about a flood is nothing to do about a broken wire.
	if s.Alarm != nil && alarm.Kind(a.Kind) != alarm.Fault && alarm.Kind(a.Kind) != alarm.Stale {
		shown.Todo.ZH, shown.Todo.EN = cmp.Or(s.Alarm.Todo.Zh, shown.Todo.ZH), cmp.Or(s.Alarm.Todo.En, shown.Todo.EN)
	}
	if d := g.cfg.Gateway.Duty; d != nil {
		shown.Duty, shown.Phone = d.Name, d.Phone
	}
	if a.Ack != nil {
		shown.KnownBy, shown.KnownNote, shown.KnownSince = a.Ack.By, a.Ack.Note, g.shown(a.Ack.At)
	}
	return shown
}

// sensor is the configuration of a sensor.
func (g *gateway) sensor(id string) (configs.Sensor, bool) {
	for _, s := range g.cfg.Sensors {
		if s.ID == id {
			return s, true
		}
	}
	return configs.Sensor{}, false
}

// where is a sensor's place in words, from the large to the small, and at least
// whose gateway it is.
func where(gw configs.Gateway, p configs.Place) string {
	var parts []string
	for _, part := range []string{cmp.Or(p.Building, gw.Building), p.Unit, p.Room, p.At} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return cmp.Or(strings.Join(parts, " "), gw.Compound, gw.ID)
}
