package buffer

import (
	"fmt"
	"time"
)

// place finds a platform's place in a lane.
func (b *Buffer) place(platform string, l Lane) (*lane, *reader, error) {
	places, ok := b.readers[platform]
	if !ok || l >= laneCount {
		return nil, nil, fmt.Errorf("platform %q, %s: no such platform or lane", platform, l)
	}
	return b.lanes[l], places[l], nil
}

// Cursor is the last position that the platform has confirmed: where Next goes
// on after a lost connection. The zero Position is before every record.
func (b *Buffer) Cursor(platform string, l Lane) Position {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, r, err := b.place(platform, l)
	if err != nil {
		return Position{}
	}
	if !b.attached && r.cursor.before(r.skipTo) {
		return r.skipTo
	}
	return r.cursor
}

// Confirm says that the platform has everything up to a position, which must be
// one that Next returned. Cursors only move forward; an older position is no
// error. A position that was handed out ahead of older records, in a gap since
// forgotten, moves nothing: its record is returned by Next again.
func (b *Buffer) Confirm(platform string, l Lane, upTo Position) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	ln, r, err := b.place(platform, l)
	if err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	if (Position{Run: b.run, Seq: ln.seq}).before(upTo) {
		return fmt.Errorf("confirm %s for %s: position %d of run %d was never appended", l, platform, upTo.Seq, upTo.Run.N)
	}
	if n, ok := ln.advance(r, upTo); ok {
		r.Confirmed += n
		r.Held -= n
		b.moved(ln, r)
	}
	return nil
}

// handedEarly says that p is part of what was handed out while older records
// could not be read.
func (r *reader) handedEarly(p Position) bool {
	return r.ahead != (Position{}) && r.skipFrom.before(p) && !r.ahead.before(p)
}

// advance settles what the platform was handed up to a position, and returns how
// many records that are. It is false when the position was handed out early and
// the gap before it is no longer known: the cursor must not pass records that
// were never sent, so these are sent again.
func (ln *lane) advance(r *reader, upTo Position) (uint64, bool) {
	if r.handedEarly(upTo) {
		n := ln.count(r, r.skipFrom, upTo)
		if r.skipTo.before(upTo) {
			r.skipTo = upTo
		}
		return n, true
	}
	if r.inOrder.before(upTo) && !r.early.before(upTo) {
		return 0, false
	}
	n := ln.count(r, r.cursor, upTo)
	if r.cursor.before(upTo) {
		r.cursor = upTo
	}
	return n, true
}

// GiveUp says that the platform will never get the record at p, which Next
// returned first: it cannot be encoded or read. It counts as given up and is
// announced as a loss.
func (b *Buffer) GiveUp(platform string, l Lane, p Position, why LossReason) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	ln, r, err := b.place(platform, l)
	if err != nil {
		return fmt.Errorf("give up: %w", err)
	}
	n := ln.count(r, before(p), p)
	if n == 0 {
		return nil
	}
	from := r.cursor
	if r.handedEarly(p) {
		from = r.skipFrom
	}
	if earlier := ln.count(r, from, before(p)); earlier > 0 {
		return fmt.Errorf("give up %s for %s: %d older records are not confirmed", l, platform, earlier)
	}
	if _, ok := ln.advance(r, p); !ok {
		return nil // it is returned by Next again
	}
	r.GivenUp += n
	r.Held -= n
	b.announce(l, why, p.Run, p.Seq, p.Seq)
	b.moved(ln, r)
	return nil
}

// moved follows a move of a cursor.
func (b *Buffer) moved(ln *lane, r *reader) {
	if r.skipTo != (Position{}) && b.attached && !r.skipTo.before(r.cursor) && ln.count(r, r.cursor, r.skipFrom) == 0 {
		r.cursor = r.skipTo
	}
	if !r.cursor.before(r.ahead) { // past all that was handed out early
		// The skipped span stays: Next may be asked for what comes before it.
		r.ahead, r.stale = Position{}, false
	}
	b.noteMove(ln, r)
	b.release(ln)
	b.trim(ln)
	b.wakeIfDue()
}

// noteMove marks a cursor to be written when it passed a record on flash. Moves
// over records in memory need no write: after a power cut they are gone anyway.
func (b *Buffer) noteMove(ln *lane, r *reader) {
	if r.dirty || !b.attached || !r.written.before(r.cursor) {
		return
	}
	i := ln.flashAfter(r.written)
	if i < len(ln.flash) && !r.cursor.before(ln.flash[i].start()) {
		r.dirty = true
		b.somethingMoved()
	}
}

// somethingMoved starts the time within which cursors and deletions are written.
func (b *Buffer) somethingMoved() {
	if b.movedAt.IsZero() {
		b.movedAt = time.Now()
	}
}

// release dooms blocks of readings that every platform has; alarms and events
// stay until they expire.
func (b *Buffer) release(ln *lane) {
	if ln.id != Readings || !b.attached {
		return
	}
	low := b.low(ln.id)
	n := 0
	for n < len(ln.flash) && !low.before(ln.flash[n].end()) {
		n++
	}
	b.doom(ln, n)
}

// doom queues the n oldest spans for deletion.
func (b *Buffer) doom(ln *lane, n int) {
	if n == 0 {
		return
	}
	for _, s := range ln.flash[:n] {
		ln.flashBytes -= s.size
	}
	ln.doomed = append(ln.doomed, ln.flash[:n]...)
	ln.flash = ln.flash[n:]
	b.somethingMoved()
}
