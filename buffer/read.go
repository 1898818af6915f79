package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// ErrReopening is returned, wrapped, when records on flash are wanted while the
// store is being opened anew. Trying again later helps.
var ErrReopening = errors.New("store is being opened")

var errNoMemory = errors.New("no more memory for records")

// Next returns records of the lane after a position, in order over all runs: at
// most maxCount, and as many as fit into maxBytes but at least one if there is
// any. The entries are the caller's own.
//
// A platform begins at its Cursor and goes on after the last entry it got. While
// the store cannot be read, Next returns what is in memory; once it can, Next
// returns the older records that were passed over, whatever `after` says, and
// leaves out what was confirmed meanwhile. So `after` must be the last entry
// returned, and not be counted up.
func (b *Buffer) Next(platform string, l Lane, after Position, maxCount, maxBytes int) ([]Entry, error) {
	for {
		entries, spans, from, err := b.nextInMemory(platform, l, after, maxCount, maxBytes)
		after = from
		if err != nil || len(spans) == 0 {
			return entries, err
		}
		found, err := b.readSpans(l, spans)
		if err != nil {
			return nil, fmt.Errorf("read %s for %s: %w", l, platform, err)
		}
		entries = b.choose(platform, l, after, found, maxCount, maxBytes)
		if len(entries) > 0 {
			return entries, nil
		}
		// Deleted or found damaged meanwhile, or confirmed out of turn.
		after = spans[len(spans)-1].end()
	}
}

// nextInMemory serves Next from memory, or says which spans to read, and the
// position after which.
func (b *Buffer) nextInMemory(platform string, l Lane, after Position, maxCount, maxBytes int) ([]Entry, []span, Position, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, nil, after, ErrClosed
	}
	ln, r, err := b.place(platform, l)
	if err != nil {
		return nil, nil, after, fmt.Errorf("next: %w", err)
	}
	if r.stale && b.attached {
		r.stale = false
		if r.cursor.before(after) {
			after = r.cursor
		}
	}
	if spans := ln.spansAfter(after, maxCount, maxBytes); len(spans) > 0 && b.attached {
		return nil, spans, after, nil
	}
	var out []Entry
	for _, it := range ln.ram[ln.ramAfter(after):] {
		if r.skipFrom.before(it.pos) && !r.skipTo.before(it.pos) {
			continue // confirmed while older records could not be read
		}
		if len(out) > 0 && (len(out) >= maxCount || maxBytes < len(it.record) || r.crossesGap(out, it.pos)) {
			break
		}
		maxBytes -= len(it.record)
		out = append(out, Entry{Position: it.pos, Record: bytes.Clone(it.record)})
	}
	if len(out) > 0 {
		b.handedOut(ln, r, out)
	}
	return out, nil, after, nil
}

// crossesGap says that the next record was handed out early and those before it
// were not: confirming them together could not be told from confirming the early
// one alone.
func (r *reader) crossesGap(out []Entry, next Position) bool {
	return r.handedEarly(next) && !r.skipFrom.before(out[len(out)-1].Position)
}

// handedOut remembers what Next returned.
func (b *Buffer) handedOut(ln *lane, r *reader, out []Entry) {
	first, last := out[0].Position, out[len(out)-1].Position
	if ln.handed.before(last) {
		ln.handed = last
	}
	if b.attached {
		if r.inOrder.before(last) {
			r.inOrder = last
		}
		return
	}
	if r.early.before(last) {
		r.early = last
	}
	from := before(first)
	if r.ahead.before(from) && ln.count(r, r.ahead, from) > 0 {
		// What was confirmed past an earlier gap cannot be kept apart from this
		// one: it is sent twice.
		r.ahead = Position{}
		r.skipTo = Position{}
		b.recount(ln, r)
	}
	switch {
	case r.ahead == (Position{}):
		r.skipFrom, r.skipTo, r.ahead = from, Position{}, last
	case r.ahead.before(last):
		r.ahead = last
	}
}

// spansAfter are the spans on flash that hold the records after p, as far as
// they are not in memory.
func (ln *lane) spansAfter(p Position, maxCount, maxBytes int) []span {
	var out []span
	i := ln.flashAfter(p)
	count := 0
	size := int64(0)
	for ; i < len(ln.flash) && count < maxCount && size <= int64(maxBytes) || i < len(ln.flash) && len(out) == 0; i++ {
		s := ln.flash[i]
		if len(ln.ram) > 0 {
			next := s.start()
			if next.before(p) {
				next = Position{Run: s.run, Seq: p.Seq + 1}
			}
			if !next.before(ln.ram[0].pos) {
				break
			}
		}
		out = append(out, s)
		count += int(s.last - s.first + 1)
		size += s.size
	}
	return out
}

// readSpans reads spans. One that is not as it was written is given up; one that
// was deleted meanwhile is left out. When the file's structure does not hold the
// store is opened anew, which salvages what is left of it.
func (b *Buffer) readSpans(l Lane, spans []span) ([]Entry, error) {
	found, bad, missing, err := b.readStored(l, spans)
	if err == nil {
		err = b.notDeleted(l, missing)
	}
	if errors.Is(err, errPanicked) || errors.Is(err, errStructure) {
		b.mu.Lock()
		if b.attached {
			b.doubt = err
			b.kick()
		}
		b.mu.Unlock()
		return nil, fmt.Errorf("%w: %w", ErrReopening, err)
	}
	if err != nil {
		return nil, err
	}
	b.unreadable(l, bad)
	return found, nil
}

// notDeleted returns an error when a span that was not found should be there.
func (b *Buffer) notDeleted(l Lane, missing []span) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range missing {
		if b.attached && slices.Contains(b.lanes[l].flash, s) {
			return fmt.Errorf("%w: no value for seq %d of run %d", errStructure, s.first, s.run.N)
		}
	}
	return nil
}

func (b *Buffer) readStored(l Lane, spans []span) (found []Entry, bad, missing []span, err error) {
	b.dbMu.RLock()
	defer b.dbMu.RUnlock()
	if b.db == nil {
		return nil, nil, nil, ErrReopening
	}
	err = guard(func() error {
		return b.db.View(func(tx *bolt.Tx) error {
			bucket := tx.Bucket(laneBucket(l))
			if bucket == nil {
				return fmt.Errorf("%w: no bucket %s", errStructure, l)
			}
			for _, s := range spans {
				raw := bucket.Get(seqKey(s.start()))
				if raw == nil {
					missing = append(missing, s)
					continue
				}
				v, err := checkStored(laneBucket(l), seqKey(s.start()), raw)
				var entries []Entry
				if err == nil {
					entries, err = recordsOf(v)
				}
				if err != nil {
					bad = append(bad, s)
					continue
				}
				found = append(found, entries...)
			}
			return nil
		})
	})
	return found, bad, missing, err
}

// unreadable gives up spans that cannot be read.
func (b *Buffer) unreadable(l Lane, bad []span) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ln := b.lanes[l]
	for _, s := range bad {
		if !b.attached {
			return // the store is looked at anew anyway
		}
		i := slices.Index(ln.flash, s)
		if i < 0 {
			continue
		}
		ln.flash = slices.Delete(slices.Clone(ln.flash), i, i+1)
		ln.flashBytes -= s.size
		ln.doomed = append(ln.doomed, s)
		b.somethingMoved()
		b.lost(ln, s, LossUnreadable)
		b.wakeIfDue()
	}
}

// choose takes from records that were read those that Next returns.
func (b *Buffer) choose(platform string, l Lane, after Position, found []Entry, maxCount, maxBytes int) []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	ln, r, err := b.place(platform, l)
	if err != nil {
		return nil
	}
	var out []Entry
	for _, e := range found {
		if !after.before(e.Position) || r.skipFrom.before(e.Position) && !r.skipTo.before(e.Position) {
			continue
		}
		if len(out) > 0 && (len(out) >= maxCount || maxBytes < len(e.Record) || r.crossesGap(out, e.Position)) {
			break
		}
		maxBytes -= len(e.Record)
		out = append(out, e)
	}
	if len(out) > 0 {
		b.handedOut(ln, r, out)
	}
	return out
}

// Recent returns the newest n records of a lane that are still kept, confirmed
// or not, newest last.
func (b *Buffer) Recent(l Lane, n int) ([]Entry, error) {
	if l >= laneCount {
		return nil, fmt.Errorf("recent: %s: no such lane", l)
	}
	out, spans, err := b.recentInMemory(l, n)
	if err != nil || len(spans) == 0 {
		return out, err
	}
	older, err := b.readSpans(l, spans)
	if err != nil {
		return nil, fmt.Errorf("read recent %s: %w", l, err)
	}
	if len(out) > 0 {
		older = slices.DeleteFunc(older, func(e Entry) bool { return !e.before(out[0].Position) })
	}
	out = append(older, out...)
	return out[max(0, len(out)-n):], nil
}

func (b *Buffer) recentInMemory(l Lane, n int) ([]Entry, []span, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, nil, ErrClosed
	}
	ln := b.lanes[l]
	var out []Entry
	for _, it := range ln.ram[max(0, len(ln.ram)-n):] {
		out = append(out, Entry{Position: it.pos, Record: bytes.Clone(it.record)})
	}
	if !b.attached {
		return out, nil, nil
	}
	var spans []span
	for i := len(ln.flash) - 1; i >= 0 && n-len(out) > 0; i-- {
		s := ln.flash[i]
		if len(ln.ram) > 0 && !s.start().before(ln.ram[0].pos) {
			continue
		}
		spans = append(spans, s)
		n -= int(s.last - s.first + 1)
	}
	slices.Reverse(spans)
	return out, spans, nil
}
