package buffer

import (
	"encoding/binary"
	"slices"
	"time"
)

// mark says when a platform's confirmations had come how far: what is kept for
// a time after confirmation is measured from it.
type mark struct {
	pos Position
	at  int64 // wall time, unix seconds
}

const (
	markEvery = 24 * 60 * 60 // seconds
	markSize  = 32
	// plausibleTime is older than any build of this program; an earlier wall time
	// is a clock that was never set.
	plausibleTime = 1735689600 // 2025-01-01
	// maxLossRanges bounds one loss event.
	maxLossRanges = 64
)

func marksValue(ln *lane, rev uint64) value {
	var payload []byte
	for _, m := range ln.marks {
		payload = binary.BigEndian.AppendUint64(payload, m.pos.Run.Epoch)
		payload = binary.BigEndian.AppendUint64(payload, m.pos.Run.N)
		payload = binary.BigEndian.AppendUint64(payload, m.pos.Seq)
		payload = binary.BigEndian.AppendUint64(payload, uint64(m.at))
	}
	return value{kind: kindMarks, lane: ln.id, rev: rev, payload: payload}
}

func marksOf(v value) []mark {
	var out []mark
	for raw := v.payload; len(raw) >= markSize; raw = raw[markSize:] {
		m := mark{at: int64(binary.BigEndian.Uint64(raw[24:]))}
		m.pos.Run.Epoch = binary.BigEndian.Uint64(raw)
		m.pos.Run.N = binary.BigEndian.Uint64(raw[8:])
		m.pos.Seq = binary.BigEndian.Uint64(raw[16:])
		out = append(out, m)
	}
	return out
}

// expire dooms alarms and events that were confirmed longer ago than Keep. It
// runs with commits only: when nothing is written nothing grows.
func (b *Buffer) expire() {
	now := time.Now().Unix()
	for _, ln := range b.lanes[:Readings] {
		for i := range ln.marks {
			if ln.marks[i].at < plausibleTime && now >= plausibleTime || ln.marks[i].at > now {
				ln.marks[i].at = now // made by a clock that was not right
			}
		}
		for len(ln.marks) > 0 && ln.marks[0].at <= now-int64(b.opts.Keep/time.Second) {
			b.doom(ln, confirmedSpans(ln, ln.marks[0].pos))
			ln.marks = ln.marks[1:]
			ln.newMarks = true
		}
		low := b.low(ln.id)
		n := len(ln.marks)
		if n > 0 && (!ln.marks[n-1].pos.before(low) || now-ln.marks[n-1].at < markEvery) {
			continue
		}
		if confirmedSpans(ln, low) > 0 {
			ln.marks = append(ln.marks, mark{pos: low, at: now})
			ln.newMarks = true
		}
	}
}

// confirmedSpans is the number of leading spans on flash up to low.
func confirmedSpans(ln *lane, low Position) int {
	n := 0
	for n < len(ln.flash) && !low.before(ln.flash[n].end()) {
		n++
	}
	return n
}

// liveBytes is what the store holds and has to.
func (b *Buffer) liveBytes() int64 {
	n := b.notesBytes
	for _, ln := range b.lanes {
		n += ln.flashBytes
	}
	return n
}

// makeRoom gives up records on flash until what waits for the next commit fits
// under the cap: confirmed alarms and events beyond their reserved quarter
// first, then readings, then events, then alarms.
func (b *Buffer) makeRoom() {
	waiting := int64(0)
	for _, ln := range b.lanes[:Readings] {
		for _, it := range ln.queue {
			waiting += int64(len(it.record)) + headerSize + sumSize + 32
		}
	}
	for _, it := range b.lanes[Readings].ram[b.pendingIndex():] {
		waiting += int64(len(it.record) + len(it.record)/16 + 8) // at worst: not to be deflated
	}
	over := func() int64 { return b.liveBytes() + waiting - b.opts.MaxBytes }
	if over() <= 0 {
		return
	}
	slack := b.opts.MaxBytes / 64 // not again for each commit
	reserved := b.opts.MaxBytes / 4
	kept := []*lane{b.lanes[Events], b.lanes[Alarms]}
	for _, ln := range kept {
		low := b.low(ln.id)
		for over() > -slack && len(ln.flash) > 0 && !low.before(ln.flash[0].end()) &&
			b.lanes[Events].flashBytes+b.lanes[Alarms].flashBytes > reserved {
			b.doom(ln, 1)
		}
	}
	if n := over() + slack; n > 0 {
		b.giveUpReadings(n, LossFull)
	}
	for _, ln := range kept {
		for over() > 0 && len(ln.flash) > 0 {
			b.giveUpFlash(ln, LossFull)
		}
	}
}

// giveUpReadings gives up the oldest readings on flash worth n bytes. The oldest
// are those that only the platform with the oldest cursor still needs, as far as
// there are such.
func (b *Buffer) giveUpReadings(n int64, why LossReason) {
	ln := b.lanes[Readings]
	for n > 0 && len(ln.flash) > 0 {
		n -= ln.flash[0].size
		b.giveUpFlash(ln, why)
	}
}

// giveUpFlash gives up the oldest span of a lane.
func (b *Buffer) giveUpFlash(ln *lane, why LossReason) {
	s := ln.flash[0]
	b.doom(ln, 1)
	b.lost(ln, s, why)
	ln.dropFromMemory(s)
}

// lost accounts for a span that is in the index no more, and announces what some
// platform still needed of it.
func (b *Buffer) lost(ln *lane, s span, why LossReason) {
	needed := false
	for _, places := range b.readers {
		r := places[ln.id]
		n := s.missing(r, Position{}, everything)
		r.Held -= n
		r.GivenUp += n
		needed = needed || n > 0
	}
	if !needed {
		return
	}
	for s.first < s.last && !b.needed(ln.id, s.start()) {
		s.first++
	}
	b.announce(ln.id, why, s.run, s.first, s.last)
}

// dropFromMemory forgets the records of a span that are also in memory.
func (ln *lane) dropFromMemory(s span) {
	kept := ln.ram[:0:0]
	for _, it := range ln.ram {
		if !it.pos.before(s.start()) && !s.end().before(it.pos) {
			it.gone = true
			ln.ramBytes -= len(it.record)
			continue
		}
		kept = append(kept, it)
	}
	if len(kept) < len(ln.ram) {
		ln.ram = kept
		ln.queue = slices.DeleteFunc(ln.queue, func(it *item) bool { return it.gone })
	}
}

// limitMemory keeps records in memory under their cap while the store does not
// take them: oldest readings go first, then events, then alarms.
func (b *Buffer) limitMemory() {
	total := 0
	for _, ln := range b.lanes {
		total += ln.ramBytes
	}
	over := total - b.opts.MemoryBytes - b.opts.TailBytes
	for _, l := range []Lane{Readings, Events, Alarms} {
		ln := b.lanes[l]
		for over > 0 && len(ln.ram) > 1 { // the newest is the one being appended
			it := ln.ram[0]
			ln.ram = ln.ram[1:]
			ln.ramBytes -= len(it.record)
			over -= len(it.record)
			if it.stored || l == Readings && !b.needed(l, it.pos) {
				continue
			}
			it.gone = true
			it.settle(errNoMemory)
			ln.queue = slices.DeleteFunc(ln.queue, func(q *item) bool { return q == it })
			b.lost(ln, span{run: it.pos.Run, first: it.pos.Seq, last: it.pos.Seq}, LossMemory)
		}
	}
}

// openLoss is a loss event that no platform has read yet.
type openLoss struct {
	loss Loss
	item *item
}

// announce adds a range to the loss event of the lane and reason that was not
// read yet, or appends a new one.
func (b *Buffer) announce(l Lane, why LossReason, run Run, first, last uint64) {
	if b.opts.EncodeLoss == nil {
		return
	}
	ln := b.lanes[Events]
	open := ln.loss[l]
	usable := open != nil && open.loss.Reason == why && ln.handed.before(open.item.pos) && !open.item.gone &&
		slices.Contains(ln.ram, open.item)
	if !usable || !open.loss.extend(run, first, last) {
		loss := Loss{Lane: l, Reason: why, Count: last - first + 1, Ranges: []Range{{Run: run, First: first, Last: last}}}
		ln.loss[l] = &openLoss{loss: loss, item: b.add(Events, b.opts.EncodeLoss(loss.clone()), nil)}
		return
	}
	record := b.opts.EncodeLoss(open.loss.clone())
	ln.ramBytes += len(record) - len(open.item.record)
	open.item.record = record
	open.item.change++
	if open.item.stored {
		open.item.stored = false
		open.item.at = time.Now()
		ln.queue = append(ln.queue, open.item)
	}
}

func (l Loss) clone() Loss {
	l.Ranges = slices.Clone(l.Ranges)
	return l
}

// extend adds a range; false means that the event is full.
func (l *Loss) extend(run Run, first, last uint64) bool {
	r := &l.Ranges[len(l.Ranges)-1]
	switch {
	case r.Run == run && r.Last+1 == first:
		r.Last = last
	case r.Run == run && first >= r.First && last <= r.Last:
		// Announced already, for another platform.
		return true
	case len(l.Ranges) < maxLossRanges:
		l.Ranges = append(l.Ranges, Range{Run: run, First: first, Last: last})
	default:
		return false
	}
	l.Count += last - first + 1
	return true
}
