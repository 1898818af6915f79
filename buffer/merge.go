package buffer

import (
	"bytes"
	"time"

	bolt "go.etcd.io/bbolt"
)

// content is what a store's file holds, without the records themselves.
type content struct {
	flash   [laneCount][]span
	notes   map[string]noteEntry
	cursors map[string]Position // by lane and platform, as in the key
	high    [laneCount]Position
	marks   [laneCount][]mark
	start   Run
	clean   Run
	within  time.Duration
	atMost  uint64
	rev     uint64
	maxN    uint64
}

// load reads the index of a store.
func load(db *bolt.DB) (*content, error) {
	c := &content{notes: map[string]noteEntry{}, cursors: map[string]Position{}}
	err := guard(func() error {
		return db.View(func(tx *bolt.Tx) error {
			return tx.ForEach(func(name []byte, bucket *bolt.Bucket) error {
				return bucket.ForEach(func(key, raw []byte) error {
					v, err := checkStored(name, key, raw)
					if err != nil {
						return err
					}
					return c.take(key, v, len(raw))
				})
			})
		})
	})
	return c, err
}

func (c *content) take(key []byte, v value, size int) error {
	c.rev = max(c.rev, v.rev)
	switch v.kind {
	case kindRecord, kindBlock:
		s := span{run: v.pos.Run, first: v.pos.Seq, last: v.pos.Seq, size: int64(size) + 32}
		if v.kind == kindBlock {
			if v.extra == 0 {
				return errDamaged
			}
			s.last += uint64(v.extra) - 1
		}
		c.flash[v.lane] = append(c.flash[v.lane], s)
		c.maxN = max(c.maxN, s.run.N)
	case kindNote:
		n, err := noteOf(v)
		if err != nil {
			return err
		}
		c.notes[n.Key] = noteEntry{Note: n, rev: v.rev}
	case kindCursor:
		c.cursors[string(key)] = v.pos
	case kindHigh:
		c.high[v.lane] = v.pos
	case kindMarks:
		c.marks[v.lane] = marksOf(v)
	case kindStart:
		c.start = v.pos.Run
		c.within, c.atMost = bounds(v)
		c.maxN = max(c.maxN, v.pos.Run.N)
	case kindClean:
		c.clean = v.pos.Run
	}
	return nil
}

// merge makes the index fit the store that was just opened.
func (b *Buffer) merge(c *content, readOnly bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := !b.ending.Known
	if first {
		b.setEnding(c)
	}
	b.rev = max(b.rev, c.rev)
	b.mergeNotes(c)
	b.attached, b.readOnly = true, readOnly
	b.retryAt, b.backoff, b.movedAt = time.Time{}, 0, time.Time{}
	if readOnly {
		b.retryAt = time.Now().Add(retryEvery)
	}
	var old [laneCount][]span
	for l, ln := range b.lanes {
		old[l] = ln.flash
		b.mergeLane(ln, c, Lane(l))
	}
	b.mergeReaders(c)
	for l, ln := range b.lanes {
		b.announceMissing(ln, old[l])
	}
	for _, ln := range b.lanes {
		b.release(ln)
		b.trim(ln)
	}
	for _, n := range b.notes {
		if n.rev == 0 {
			b.somethingMoved()
		}
	}
}

// setEnding states how the predecessor ended, from what it left.
func (b *Buffer) setEnding(c *content) {
	e := &b.ending
	e.Known = true
	if e.Predecessor == (Run{}) {
		e.Predecessor = c.start // the run file was lost
	}
	e.Clean = c.clean == e.Predecessor && e.Quarantined == "" && e.Predecessor != Run{}
	for l := range b.lanes {
		if c.high[l].Run == e.Predecessor {
			e.Durable[l] = c.high[l].Seq
		}
		for _, s := range c.flash[l] {
			if s.run == e.Predecessor {
				e.Durable[l] = max(e.Durable[l], s.last)
			}
		}
	}
	if !e.Clean && e.Predecessor != (Run{}) {
		e.LostWithin, e.LostAtMost = b.opts.CommitEvery, uint64(b.opts.PendingMax)
		if c.start == e.Predecessor {
			e.LostWithin, e.LostAtMost = c.within, c.atMost
		}
	}
}

func (b *Buffer) mergeLane(ln *lane, c *content, l Lane) {
	ln.flash = c.flash[l]
	ln.flashBytes = 0
	for _, s := range ln.flash {
		ln.flashBytes += s.size
	}
	ln.doomed = nil
	ln.marks, ln.newMarks = c.marks[l], false
	ln.considered = Position{}
	ln.queue = nil
	for _, it := range ln.ram {
		// A record that was changed after it was written is written again.
		it.stored = it.change == 0 && ln.onFlash(it.pos)
		if it.stored {
			ln.considered = it.pos
			it.settle(nil)
			for _, n := range it.notes {
				if e := b.notes[n.Key]; e.order == it.order {
					e.rev = b.rev
					b.notes[n.Key] = e
				}
			}
		} else if l != Readings {
			ln.queue = append(ln.queue, it)
		}
	}
	if c.high[l].Run == b.run {
		ln.durableSeq = c.high[l].Seq
	}
}

// announceMissing says which records of an earlier index are neither on flash nor
// in memory any more, though some platform needs them: the salvage of a store
// that was found damaged while it was open did not find them.
func (b *Buffer) announceMissing(ln *lane, old []span) {
	for _, s := range old {
		var first, last uint64
		for seq := s.first; seq <= s.last; seq++ {
			p := Position{Run: s.run, Seq: seq}
			if i := ln.ramAfter(before(p)); i < len(ln.ram) && ln.ram[i].pos == p || ln.onFlash(p) || !b.needed(ln.id, p) {
				continue
			}
			if first != 0 && last+1 != seq {
				b.announce(ln.id, LossUnreadable, s.run, first, last)
				first = 0
			}
			if first == 0 {
				first = seq
			}
			last = seq
		}
		if first != 0 {
			b.announce(ln.id, LossUnreadable, s.run, first, last)
		}
	}
}

// mergeReaders sets the cursors. A platform that the store does not know begins
// where the slowest known one is, so that it is not sent what is only kept for
// the log.
func (b *Buffer) mergeReaders(c *content) {
	var least [laneCount]Position
	var any [laneCount]bool
	for key, p := range c.cursors {
		for l := range least {
			if bytes.HasPrefix([]byte(key), []byte("cursor/"+Lane(l).String()+"/")) && (!any[l] || p.before(least[l])) {
				least[l], any[l] = p, true
			}
		}
	}
	for name, places := range b.readers {
		for l, r := range places {
			p, ok := c.cursors["cursor/"+Lane(l).String()+"/"+name]
			if !ok {
				p = least[l]
			}
			r.written = p
			if r.cursor.before(p) {
				r.cursor = p
			}
			b.recount(b.lanes[l], r)
			r.stale = r.ahead != (Position{})
			b.moved(b.lanes[l], r)
		}
	}
}
