package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// Append takes a record, with notes that are to be durable together with it.
//
// Alarms and events are on flash when it returns nil; Next may return them
// earlier. Readings return at once and are on flash at the latest CommitEvery
// later, unless every platform has confirmed them by then.
//
// ErrNotDurable, wrapped with its cause, says that the record was taken, has its
// position and will be sent, but is in memory only; that is also so when the
// storage does not answer within 5 s. Any other error says that the record was
// not taken.
func (b *Buffer) Append(l Lane, record []byte, notes ...Note) (Position, error) {
	if err := checkAppend(l, record, notes); err != nil {
		return Position{}, err
	}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return Position{}, ErrClosed
	}
	it := b.add(l, bytes.Clone(record), notes)
	b.limitMemory()
	var wait *waiter
	var cause error
	if it.gone {
		cause = fmt.Errorf("append to %s: %w: %w", l, ErrNotDurable, errNoMemory)
	} else if !b.durable {
		cause = fmt.Errorf("append to %s: %w: %s", l, ErrNotDurable, b.why)
	} else if l != Readings {
		wait = &waiter{done: make(chan struct{})}
		it.wait = wait
	}
	b.wakeIfDue()
	b.mu.Unlock()
	if wait == nil {
		return it.pos, cause
	}
	limit := time.NewTimer(appendWithin)
	defer limit.Stop()
	select {
	case <-wait.done:
		if wait.err != nil {
			return it.pos, fmt.Errorf("append to %s: %w: %w", l, ErrNotDurable, wait.err)
		}
		return it.pos, nil
	case <-limit.C:
		return it.pos, fmt.Errorf("append to %s: %w: storage did not answer within %v", l, ErrNotDurable, appendWithin)
	}
}

func checkAppend(l Lane, record []byte, notes []Note) error {
	if l >= laneCount {
		return fmt.Errorf("append to %s: no such lane", l)
	}
	if len(record) > maxRecord {
		return fmt.Errorf("append to %s: record has %d bytes, at most %d", l, len(record), maxRecord)
	}
	for _, n := range notes {
		if n.Key == "" || len(n.Key) > maxNoteKey || len(n.Value) > maxRecord {
			return fmt.Errorf("append to %s: note %q: key is empty, or key or value too long", l, n.Key)
		}
	}
	return nil
}

// add gives a record its place in memory and wakes who waits for it.
func (b *Buffer) add(l Lane, record []byte, notes []Note) *item {
	ln := b.lanes[l]
	ln.seq++
	b.order++
	it := &item{pos: Position{Run: b.run, Seq: ln.seq}, record: record, at: time.Now(), order: b.order}
	for _, n := range notes {
		n = Note{Key: n.Key, Value: bytes.Clone(n.Value), At: it.pos, Lane: l}
		it.notes = append(it.notes, n)
		b.setNote(n, it.order)
	}
	ln.ram = append(ln.ram, it)
	ln.ramBytes += len(record)
	if l != Readings {
		ln.queue = append(ln.queue, it)
	}
	for _, places := range b.readers {
		places[l].Offered++
		places[l].Held++
	}
	close(ln.appended)
	ln.appended = make(chan struct{})
	b.trim(ln)
	return it
}

// Appended is closed at the next append to the lane.
func (b *Buffer) Appended(l Lane) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l >= laneCount {
		return nil
	}
	return b.lanes[l].appended
}

// trim drops records from memory that are needed there no more: those on flash,
// and readings that every platform has, beyond the tail kept for a re-send.
func (b *Buffer) trim(ln *lane) {
	room := b.opts.TailBytes
	if ln.id != Readings {
		room /= 8
	}
	drop := 0
	for drop < len(ln.ram) {
		it := ln.ram[drop]
		free := it.stored || ln.id == Readings && !b.needed(ln.id, it.pos)
		if !free || ln.ramBytes <= room && time.Since(it.at) <= b.opts.TailFor {
			break
		}
		ln.ramBytes -= len(it.record)
		drop++
	}
	clear(ln.ram[:drop])
	ln.ram = ln.ram[drop:]
}

// pendingIndex is where in memory the readings begin that no commit took yet.
func (b *Buffer) pendingIndex() int {
	ln := b.lanes[Readings]
	from := b.low(Readings)
	if from.before(ln.considered) {
		from = ln.considered
	}
	return ln.ramAfter(from)
}

func (b *Buffer) pendingReadings() int { return len(b.lanes[Readings].ram) - b.pendingIndex() }

// due is when the keeper has to act next; false means not before it is woken.
func (b *Buffer) due() (time.Time, bool) {
	if b.doubt != nil {
		return time.Now(), true
	}
	if !b.attached || b.readOnly {
		return b.retryAt, true
	}
	var at time.Time
	earlier := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for _, ln := range b.lanes {
		if len(ln.queue) > 0 {
			earlier(ln.queue[0].at.Add(groupWithin))
		}
	}
	if i := b.pendingIndex(); i < len(b.lanes[Readings].ram) {
		if len(b.lanes[Readings].ram)-i >= b.opts.PendingMax {
			earlier(time.Now())
		}
		earlier(b.lanes[Readings].ram[i].at.Add(b.opts.CommitEvery))
	}
	if !b.movedAt.IsZero() {
		earlier(b.movedAt.Add(b.opts.CommitEvery))
	}
	if at.IsZero() {
		return at, false
	}
	if at.Before(b.retryAt) {
		at = b.retryAt
	}
	return at, true
}

// wakeIfDue wakes the keeper when its timer is armed too late.
func (b *Buffer) wakeIfDue() {
	if at, ok := b.due(); ok && (b.armed.IsZero() || at.Before(b.armed)) {
		b.kick()
	}
}

// Close writes what is not yet on flash, the cursors and the mark of a clean
// end, and frees everything. It waits at most about 15 s for storage that does
// not answer. Calls after Close return ErrClosed.
func (b *Buffer) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return ErrClosed
	}
	b.closed = true
	b.mu.Unlock()
	close(b.stop)
	hurry := time.NewTimer(5 * time.Second)
	defer hurry.Stop()
	limit := time.NewTimer(15 * time.Second)
	defer limit.Stop()
	for {
		select {
		case <-b.ended:
			b.mu.Lock()
			defer b.mu.Unlock()
			if !b.cleanEnd {
				return fmt.Errorf("close buffer: not all records are on flash: %s", b.why)
			}
			return nil
		case <-hurry.C:
			b.stopDoctor()
		case <-limit.C:
			return errors.New("close buffer: storage did not answer within 15 s")
		}
	}
}
