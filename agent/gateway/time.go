package gateway

import (
	"watchpost/agent/clock"
	"watchpost/agent/record"
	"watchpost/buffer"
)

// recallClock takes up what earlier runs knew of the clock.
func (p *pipeline) recallClock() {
	for _, note := range p.g.buffer.Notes(clock.NoteKey) {
		known, err := clock.DecodeTable(note.Value)
		if err != nil {
			p.log.Warn("clock table of an earlier run cannot be taken up: its times stay as they were believed", "err", err)
			continue
		}
		p.g.boots.Adopt(known)
	}
}

// fixed tells what was learnt of the clock, and keeps it for what is sent after
// the next start.
func (p *pipeline) fixed(fix clock.Fix) {
	p.log.Info("clock is known", "boot", fix.Boot, "utc", fix.UTC, "step", fix.Step)
	event := record.Event{At: p.g.clock.Now(), Kind: record.EventTime, Time: &fix}
	p.tell(buffer.Events, event, record.EncodeEvent(event), p.clockNote()...)
	p.g.changed.notify() // state lists the fixes
}

// clockNote is the clock table, when it holds what is not durable yet.
func (p *pipeline) clockNote() []buffer.Note {
	if !p.g.boots.Unsaved() {
		return nil
	}
	value, revision := p.g.boots.Note()
	p.g.boots.Saved(revision)
	return []buffer.Note{{Key: clock.NoteKey, Value: value}}
}
