package buffer

import (
	"encoding/binary"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

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

func (p *plan) empty() bool {
	n := len(p.cursors) + len(p.marks) + len(p.noteKey) + len(p.notes)
	for l := range p.items {
		n += len(p.items[l]) + len(p.doomed[l])
	}
	return n == 0 && !p.final
}

// plan collects what the next commit writes.
func (b *Buffer) plan(final bool) *plan {
	b.rev++
	p := &plan{rev: b.rev, final: final, noteKey: b.oldTombstones(), notes: b.unwrittenNotes()}
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
	b.planCursors(p)
	b.movedAt = time.Time{}
	if b.deleteFirst {
		b.deleteFirst = false
		b.movedAt = time.Now() // what was held back is still due
	}
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

// startValue states the run that opened the store, its bounds and the number of
// platforms.
func (b *Buffer) startValue() value {
	payload := binary.BigEndian.AppendUint64(nil, uint64(b.opts.CommitEvery))
	payload = binary.BigEndian.AppendUint64(payload, uint64(b.opts.PendingMax))
	return value{kind: kindStart, pos: Position{Run: b.run}, rev: b.rev, extra: uint32(len(b.readers)), payload: payload}
}
