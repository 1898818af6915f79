package gateway

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"watchpost/agent/alarm"
	"watchpost/agent/clock"
	"watchpost/agent/health"
	"watchpost/agent/history"
	"watchpost/agent/record"
	"watchpost/agent/sense"
	"watchpost/buffer"
	"watchpost/drivers"
)

// contactNotes begins the key of the note that keeps a contact's last state, so
// that a door opened while the gateway was off is still an event.
const contactNotes = "contact/"

// babbleCalm is how long a sensor must keep to a possible pace before the
// condition that it does not is over.
const babbleCalm = 10 * time.Second

// appender is where records and their notes go: the buffer.
type appender interface {
	Append(l buffer.Lane, record []byte, notes ...buffer.Note) (buffer.Position, error)
}

// pipeline takes observations in obs order, in one goroutine: live view first,
// then alarms, events and, if the report policy says so, the reading itself.
type pipeline struct {
	g        *gateway
	log      *slog.Logger
	store    appender
	engine   *alarm.Engine
	contacts *sense.Contacts
	cards    *sense.Cards
	history  *history.History         // of what was taken in, for the charts
	babbling map[string]time.Duration // by sensor: when it last spoke too fast, since boot
	lost     bool                     // the last append was refused, and said so
	// started is closed when what earlier runs left has been taken up, or waited
	// for long enough; recalled says that it has been taken up.
	started  chan struct{}
	recalled bool
	fixes    fixes
	acks     chan acknowledgement
	ended    chan struct{} // closed when run has ended
	beat     beat
}

func newPipeline(g *gateway) *pipeline {
	return &pipeline{g: g, log: g.log.With("room", "pipeline"), store: g.buffer, engine: alarm.New(rules(g.cfg)), cards: sense.NewCards(), history: history.New(g.clock.Now().Offset), babbling: map[string]time.Duration{}, started: make(chan struct{}),
		acks: make(chan acknowledgement), ended: make(chan struct{})}
}

// run takes in observations, and what is learnt of the clock, until in is
// closed.
func (p *pipeline) run(ctx context.Context, in <-chan sense.Observation, fixes <-chan clock.Fix) {
	defer close(p.ended)
	p.beat.moved()
	wait := time.NewTimer(storeWait)
	select {
	case <-p.g.buffer.Ready():
	case <-wait.C:
		p.log.Warn("store is not open yet, starting on memory", "waited", storeWait)
	case <-ctx.Done():
	}
	wait.Stop()
	p.start()
	close(p.started)
	look := time.NewTicker(storeWait)
	defer look.Stop()
	tick := time.NewTicker(alarmTick)
	defer tick.Stop()
	for {
		p.beat.moved()
		select {
		case o, more := <-in:
			if !more {
				p.tellFix()
				return
			}
			p.take(o)
		case fix := <-fixes:
			p.fixed(fix)
		case <-p.fixes.due:
			p.tellFix()
		case <-tick.C:
			p.tick(in)
		case ask := <-p.acks:
			ask.done <- p.acknowledge(ask)
		case <-look.C:
			// A store that came late: what it remembers is taken up now, and a second
			// run event says what the first could not know.
			if !p.recalled && p.g.buffer.Ending().Known {
				p.start()
			}
		}
	}
}

// tick takes in what was said before now, and then the time. A sensor that babbles
// puts off no tick: no more is taken than was there.
func (p *pipeline) tick(in <-chan sense.Observation) {
	now, down := p.g.clock.Now(), p.g.busesDown()
	for range len(in) {
		o, more := <-in
		if !more {
			return // run finds it closed too
		}
		p.beat.moved()
		p.take(o)
	}
	_ = p.carry(p.engine.Tick(now, down)) // the buffer's own condition tells people
}

// start takes up what the notes of earlier runs remember, as far as the store is
// there to tell, and announces the run.
func (p *pipeline) start() {
	p.recalled = p.g.buffer.Ending().Known // before its notes are read: they are whole then
	p.recallClock()
	known := map[string]string{}
	for _, note := range p.g.buffer.Notes(contactNotes) {
		known[strings.TrimPrefix(note.Key, contactNotes)] = string(note.Value)
	}
	if p.contacts == nil {
		p.contacts = sense.NewContacts(known)
	}
	for _, note := range p.g.buffer.Notes(alarm.NotePrefix) {
		at := recordPosition(note.At)
		err := p.engine.Restore(note.Key, note.Value, at)
		switch {
		case errors.Is(err, alarm.ErrNoRule):
			p.retire(note.Key, note.Value, at)
		case err != nil && !errors.Is(err, alarm.ErrActive):
			p.log.Warn("alarm of an earlier run cannot be taken up", "note", note.Key, "err", err)
		}
	}
	p.publishAlarms(record.Position{})
	p.g.recall()
	started := record.Event{At: p.g.clock.Now(), Kind: record.EventRun, Start: recordStart(p.g.buffer.Ending())}
	p.tell(buffer.Events, started, record.EncodeEvent(started))
}

// take is the way of one reading through the agent.
func (p *pipeline) take(o sense.Observation) {
	p.g.live.see(o.Reading)
	p.history.Add(o.Reading.Sensor, o.Reading.At.Offset, o.Reading.Reading)
	p.condition(o)
	_ = p.carry(p.engine.Observe(o.Reading)) // the buffer's own condition tells people
	if event, changed := p.contacts.Observe(o.Reading); changed {
		var notes []buffer.Note
		for _, n := range p.contacts.Notes(o.Reading) {
			notes = append(notes, buffer.Note{Key: contactNotes + n.Key, Value: []byte(n.State)})
		}
		p.tell(buffer.Events, event, record.EncodeEvent(event), notes...)
	}
	if event, presented := p.cards.Observe(o); presented {
		p.tell(buffer.Events, event, record.EncodeEvent(event))
	}
	if o.Due {
		p.append(buffer.Readings, record.EncodeReading(o.Reading))
	}
	p.g.sampled.notify()
}

// condition keeps the table of conditions in step with a sensor.
func (p *pipeline) condition(o sense.Observation) {
	r := o.Reading
	why, faulty := p.g.live.fault(r.Sensor)
	set(p.g.health, faulty, health.SensorFault, r.Sensor, string(why))
	if r.Quantity == drivers.Card {
		set(p.g.health, r.Quality == drivers.Uncertain, health.ReaderMisreads, r.Sensor, string(r.Reason))
	}
	last, babbles := p.babbling[r.Sensor]
	switch {
	case p.contacts.Babbling(r.Sensor)+p.cards.Babbling(r.Sensor)+o.Folded > 0:
		p.babbling[r.Sensor] = r.At.Offset
		p.g.health.Set(health.SensorBabbling, r.Sensor, "")
	case babbles && r.At.Offset-last >= babbleCalm:
		delete(p.babbling, r.Sensor)
		p.g.health.Clear(health.SensorBabbling, r.Sensor)
	}
}

// tell is append for what people read in the log too.
func (p *pipeline) tell(lane buffer.Lane, rec any, encoded []byte, notes ...buffer.Note) record.Position {
	at, _ := p.tellKept(lane, rec, encoded, notes...)
	return at
}

// tellKept is tell, with the error of what is not durable.
func (p *pipeline) tellKept(lane buffer.Lane, rec any, encoded []byte, notes ...buffer.Note) (record.Position, error) {
	if line, ok := p.g.line(rec); ok {
		p.g.live.remember(line)
	}
	return p.keep(lane, encoded, notes...)
}

// append hands a record to the buffer, and with it the clock table when that is
// not kept yet. A record that is in memory only is on its way all the same: the
// buffer's own condition tells people.
func (p *pipeline) append(lane buffer.Lane, rec []byte, notes ...buffer.Note) record.Position {
	at, _ := p.keep(lane, rec, notes...)
	return at
}

// keep is append, with the error of what is not durable.
func (p *pipeline) keep(lane buffer.Lane, rec []byte, notes ...buffer.Note) (record.Position, error) {
	p.beat.moved()
	table, revision := p.clockNote()
	at, err := p.store.Append(lane, rec, append(notes, table...)...)
	refused := err != nil && !errors.Is(err, buffer.ErrNotDurable)
	if table != nil && !refused {
		p.g.boots.Saved(revision)
	}
	if refused && !p.lost {
		p.log.Error("record was not taken", "lane", lane, "err", err)
	}
	p.lost = refused
	return recordPosition(at), err
}
