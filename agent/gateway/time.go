package gateway

import (
	"time"

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

// fixEvery is the least time between two events about the clock: one that is
// stepped to and fro, by two time services or a bad one, must not fill flash and
// uplink.
const fixEvery = time.Minute

// fixes is what was learnt of the clock and not told yet.
type fixes struct {
	untold *clock.Fix // nil: none
	last   time.Time  // when one was told
	due    <-chan time.Time
}

// fixed tells what was learnt of the clock, or takes it into what will be told
// in a while: the newest state, and how far the clock was moved in all.
func (p *pipeline) fixed(fix clock.Fix) {
	if earlier := p.fixes.untold; earlier != nil {
		fix.Step += earlier.Step
		p.fixes.untold = &fix
		return
	}
	p.fixes.untold = &fix
	if rest := fixEvery - time.Since(p.fixes.last); !p.fixes.last.IsZero() && rest > 0 {
		p.fixes.due = time.After(rest)
		return
	}
	p.tellFix()
}

// tellFix tells what was learnt and is not told yet.
func (p *pipeline) tellFix() {
	fix := p.fixes.untold
	if fix == nil {
		return
	}
	p.fixes = fixes{last: time.Now()}
	p.log.Info("clock is known", "boot", fix.Boot, "utc", fix.UTC, "step", fix.Step)
	event := record.Event{At: p.g.clock.Now(), Kind: record.EventTime, Time: fix}
	p.tell(buffer.Events, event, record.EncodeEvent(event))
	p.g.changed.notify() // state lists the fixes
}

// clockNote is the clock table and its revision, when it holds what is not
// durable yet. While the clock is stepped to and fro that waits for the event;
// and until the table of earlier runs is read, ours must not take its place.
func (p *pipeline) clockNote() (note []buffer.Note, revision uint64) {
	if !p.recalled || p.fixes.untold != nil || !p.g.boots.Unsaved() {
		return nil, 0
	}
	value, revision := p.g.boots.Note()
	return []buffer.Note{{Key: clock.NoteKey, Value: value}}, revision
}
