package buffer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// keep owns the store: it opens it, commits what is due, opens it anew after a
// failure, and ends with Close.
func (b *Buffer) keep() {
	defer close(b.ended)
	b.reopen()
	close(b.ready)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		b.mu.Lock()
		at, ok := b.due()
		b.armed = at
		b.mu.Unlock()
		timer.Stop()
		var fire <-chan time.Time
		if ok {
			timer.Reset(time.Until(at))
			fire = timer.C
		}
		select {
		case <-b.stop:
			b.finish()
			return
		case <-b.wake:
			continue
		case <-fire:
			b.act()
		}
	}
}

// act does what is due.
func (b *Buffer) act() {
	b.mu.Lock()
	attached, readOnly := b.attached, b.readOnly
	b.mu.Unlock()
	if !attached || readOnly {
		b.reopen()
		return
	}
	b.commit(false)
}

// plan is what one commit writes, taken from the index while mu was held.
type plan struct {
	rev     uint64
	items   [laneCount][]planned
	notes   []Note
	cursors []value
	moved   []*reader
	marks   []value
	doomed  [laneCount][]span
	noteKey []string // tombstones to delete
	final   bool
	seqs    [laneCount]uint64 // last seq on flash of this run after the commit
	spans   [laneCount][]span // filled in by write
}

type planned struct {
	*item
	record []byte
	change uint32
}

// commit writes what waits in one transaction. final is the last one of a run.
func (b *Buffer) commit(final bool) {
	b.mu.Lock()
	b.expire()
	b.makeRoom()
	p := b.plan(final)
	b.mu.Unlock()
	if p.empty() {
		return
	}
	bytesWritten, err := b.write(p)
	if err == nil {
		b.mu.Lock()
		b.settle(p, bytesWritten)
		b.mu.Unlock()
		b.setState(true, "")
		return
	}
	full := errors.Is(err, bolterrors.ErrMaxSizeReached) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
	b.failed(p, err, full)
	if full {
		b.setState(false, fmt.Sprintf("store is full: %v", err))
		return
	}
	// Whether the transaction is on flash is not known, and an error of fsync is
	// not repeated by the next one: look at the file anew before trusting it.
	b.setState(false, fmt.Sprintf("commit: %v", err))
	b.detach()
	if !final {
		b.reopen()
	}
}

func (p *plan) empty() bool {
	n := len(p.cursors) + len(p.marks) + len(p.noteKey)
	for l := range p.items {
		n += len(p.items[l]) + len(p.doomed[l])
	}
	return n == 0 && !p.final
}

// plan collects what the next commit writes.
func (b *Buffer) plan(final bool) *plan {
	b.rev++
	p := &plan{rev: b.rev, final: final, noteKey: b.oldTombstones()}
	for l, ln := range b.lanes {
		p.seqs[l] = ln.durableSeq
		p.doomed[l], ln.doomed = ln.doomed, nil
		if b.deleteFirst && ln.id != Events {
			continue
		}
		take := ln.queue
		if ln.id == Readings {
			take = ln.ram[b.pendingIndex():]
			if len(ln.ram) > 0 {
				ln.considered = ln.ram[len(ln.ram)-1].pos
			}
		}
		for _, it := range take {
			if it.gone || it.stored || ln.id == Readings && !b.needed(ln.id, it.pos) {
				continue
			}
			p.items[l] = append(p.items[l], planned{item: it, record: it.record, change: it.change})
			p.notes = append(p.notes, b.newestNotes(it)...)
			p.seqs[l] = max(p.seqs[l], it.pos.Seq)
		}
		if final {
			p.seqs[l] = ln.seq
		}
		if ln.newMarks {
			p.marks = append(p.marks, marksValue(ln, b.rev))
			ln.newMarks = false
		}
	}
	b.deleteFirst = false
	b.planCursors(p)
	b.movedAt = time.Time{}
	return p
}

func (b *Buffer) planCursors(p *plan) {
	for name, places := range b.readers {
		for l, r := range places {
			if r.dirty || p.final && r.cursor != r.written {
				r.dirty = false
				p.moved = append(p.moved, r)
				p.cursors = append(p.cursors, value{kind: kindCursor, lane: Lane(l), pos: r.cursor, rev: p.rev, payload: []byte(name)})
			}
		}
	}
}

// write carries out a plan and returns the bytes passed to write.
func (b *Buffer) write(p *plan) (uint64, error) {
	values, err := b.encode(p)
	if err != nil {
		return 0, err
	}
	before := b.db.Stats()
	err = guard(func() error {
		return b.db.Update(func(tx *bolt.Tx) error {
			if err := p.deleteIn(tx); err != nil {
				return err
			}
			for _, v := range values {
				if err := putValue(tx, v); err != nil {
					return err
				}
			}
			if b.opts.seam.beforeCommit != nil {
				return b.opts.seam.beforeCommit()
			}
			return nil
		})
	})
	if err != nil {
		return 0, err
	}
	if b.opts.seam.committed != nil {
		b.opts.seam.committed(!b.db.NoSync)
	}
	after := b.db.Stats()
	return uint64(after.TxStats.GetPageAlloc()-before.TxStats.GetPageAlloc()) + pageSize, nil
}

func (p *plan) deleteIn(tx *bolt.Tx) error {
	for l, spans := range p.doomed {
		bucket := tx.Bucket(laneBucket(Lane(l)))
		if bucket == nil {
			return fmt.Errorf("%w: no bucket %s", errStructure, Lane(l))
		}
		for _, s := range spans {
			if err := bucket.Delete(seqKey(s.start())); err != nil {
				return err
			}
		}
	}
	notes := tx.Bucket(bucketNotes)
	for _, key := range p.noteKey {
		if err := notes.Delete([]byte(key)); err != nil {
			return err
		}
	}
	return nil
}

// encode makes the values of a plan, in an order in which keys rise.
func (b *Buffer) encode(p *plan) ([]value, error) {
	var values []value
	add := func(l Lane, v value, records int) {
		values = append(values, v)
		size := int64(len(v.payload)) + headerSize + sumSize + 32 // key and page element
		p.spans[l] = append(p.spans[l], span{run: v.pos.Run, first: v.pos.Seq, last: v.pos.Seq + uint64(records) - 1, size: size})
	}
	for _, l := range []Lane{Alarms, Events} {
		for _, it := range p.items[l] {
			add(l, value{kind: kindRecord, lane: l, pos: it.pos, rev: p.rev, extra: uint32(time.Now().Unix()), payload: it.record}, 1)
		}
	}
	items := p.items[Readings]
	for len(items) > 0 {
		n := contiguous(items)
		records := make([][]byte, n)
		for i := range records {
			records[i] = items[i].record
		}
		v, n, err := b.blocks.block(items[0].pos, p.rev, records)
		if err != nil {
			return nil, err
		}
		add(Readings, v, n)
		items = items[n:]
	}
	for _, n := range p.notes {
		values = append(values, noteValue(n, p.rev))
	}
	values = append(append(values, p.cursors...), p.marks...)
	for l := range p.items {
		if len(p.items[l]) > 0 || p.final {
			values = append(values, value{kind: kindHigh, lane: Lane(l), pos: Position{Run: b.run, Seq: p.seqs[l]}, rev: p.rev})
		}
	}
	if p.final {
		values = append(values, value{kind: kindClean, pos: Position{Run: b.run}, rev: p.rev})
	}
	return values, nil
}

// contiguous is how many leading records follow one another without a gap.
func contiguous(items []planned) int {
	n := 1
	for n < len(items) && n < 4096 && items[n].pos.Seq == items[n-1].pos.Seq+1 {
		n++
	}
	return n
}

// settle brings the index to what a successful commit left on flash.
func (b *Buffer) settle(p *plan, bytesWritten uint64) {
	b.commits++
	b.written += bytesWritten
	b.backoff = 0
	recount := false
	for l, ln := range b.lanes {
		for _, it := range p.items[l] {
			if it.item.change == it.change {
				it.stored = true
			}
			recount = recount || it.gone
			it.settle(nil)
		}
		for _, s := range p.spans[l] {
			ln.insert(s)
		}
		keep := ln.queue[:0:0]
		for _, it := range ln.queue {
			if !it.stored && !it.gone {
				keep = append(keep, it)
			}
		}
		ln.queue = keep
		ln.durableSeq = p.seqs[l]
		b.trim(ln)
	}
	for _, n := range p.notes {
		if e := b.notes[n.Key]; e.At == n.At && e.Lane == n.Lane {
			e.rev = p.rev
			b.notes[n.Key] = e
		}
	}
	for _, key := range p.noteKey {
		if len(b.notes[key].Value) == 0 {
			delete(b.notes, key)
		}
	}
	for i, r := range p.moved {
		r.written = p.cursors[i].pos
	}
	for l, ln := range b.lanes {
		for _, places := range b.readers {
			r := places[l]
			b.noteMove(ln, r)
			if recount {
				b.recount(ln, r)
			}
		}
		b.release(ln)
	}
}

// insert adds a span to the index; one that begins at the same place is
// replaced.
func (ln *lane) insert(s span) {
	i := ln.flashAfter(s.start())
	if i > 0 && ln.flash[i-1].start() == s.start() {
		i--
	}
	if i < len(ln.flash) && ln.flash[i].start() == s.start() {
		ln.flashBytes += s.size - ln.flash[i].size
		ln.flash[i] = s
		return
	}
	ln.flashBytes += s.size
	ln.flash = append(ln.flash, span{})
	copy(ln.flash[i+1:], ln.flash[i:])
	ln.flash[i] = s
}

// failed puts a plan back after its transaction failed.
func (b *Buffer) failed(p *plan, cause error, full bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for l, ln := range b.lanes {
		for _, it := range p.items[l] {
			it.settle(cause)
		}
		ln.doomed = append(p.doomed[l], ln.doomed...)
		ln.newMarks = ln.newMarks || len(p.marks) > 0
		if n := len(p.items[Readings]); ln.id == Readings && n > 0 {
			ln.considered = before(p.items[Readings][0].pos)
		}
	}
	for _, ln := range b.lanes {
		for _, it := range ln.queue {
			it.settle(cause)
		}
	}
	for _, r := range p.moved {
		r.dirty = true
	}
	b.movedAt = time.Now()
	b.backoff = min(max(2*b.backoff, time.Second), retryEvery)
	b.retryAt = time.Now().Add(b.backoff)
	if full {
		b.deleteFirst = true
		b.giveUpReadings(b.opts.MaxBytes/64, LossFull)
	}
}

// before is the position directly before p in its run.
func before(p Position) Position { return Position{Run: p.Run, Seq: p.Seq - 1} }

// finish is the end of a run.
func (b *Buffer) finish() {
	b.mu.Lock()
	able := b.attached && !b.readOnly
	b.mu.Unlock()
	if able {
		b.commit(true)
		b.mu.Lock()
		b.cleanEnd = b.attached && b.durable
		b.mu.Unlock()
	}
	b.mu.Lock()
	for _, ln := range b.lanes {
		for _, it := range ln.queue {
			it.settle(ErrClosed)
		}
	}
	b.mu.Unlock()
	b.detach()
	b.stopDoctor()
	if b.lock != nil {
		_ = b.lock.Close() // gives the directory free; nothing was written that counts
	}
}

// startValue states the run that opened the store, its bounds and the number of
// platforms.
func (b *Buffer) startValue() value {
	payload := binary.BigEndian.AppendUint64(nil, uint64(b.opts.CommitEvery))
	payload = binary.BigEndian.AppendUint64(payload, uint64(b.opts.PendingMax))
	return value{kind: kindStart, pos: Position{Run: b.run}, rev: b.rev, extra: uint32(len(b.readers)), payload: payload}
}
