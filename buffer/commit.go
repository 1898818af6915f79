package buffer

import (
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
	b.rest()
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
			b.busy()
			b.act()
			b.rest()
		}
	}
}

// act does what is due.
func (b *Buffer) act() {
	b.mu.Lock()
	attached, readOnly, doubt := b.attached, b.readOnly, b.doubt
	b.doubt = nil
	b.mu.Unlock()
	if doubt != nil && attached {
		b.setState(false, fmt.Sprintf("read store: %v", doubt))
		b.detach()
		b.reopen()
		return
	}
	if !attached || readOnly {
		b.reopen()
		return
	}
	b.commit(false)
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
		if e := b.notes[key]; len(e.Value) == 0 && e.rev > 0 {
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
	// When others fill the disk, giving up our records makes no lasting room: they
	// wait on flash and in memory until there is some.
	ours := errors.Is(cause, bolterrors.ErrMaxSizeReached) || b.liveBytes() >= b.opts.MaxBytes/8*7
	if full && ours {
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
