package buffer

import (
	"context"
	"os"
	"sort"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Buffer keeps records until every platform has confirmed them. All methods may
// be called from several goroutines.
type Buffer struct {
	opts  Options
	run   Run
	ready chan struct{} // closed when the first opening is over
	stop  chan struct{} // closed by Close
	wake  chan struct{} // tells the keeper that something may be due earlier
	ended chan struct{} // closed when the keeper has ended

	// dbMu keeps the store open while it is read. The keeper alone opens, writes
	// and closes it. It is taken before mu, never after.
	dbMu sync.RWMutex
	db   *bolt.DB

	// mu guards all that follows. It is never held while the storage is waited for.
	mu      sync.Mutex
	closed  bool
	ending  Ending
	durable bool   // the store is open and took the last commit
	why     string // why not durable
	// attached says that the index below shows what is on flash and can be read.
	attached bool
	lanes    [laneCount]*lane
	readers  map[string]*[laneCount]*reader
	notes    map[string]noteEntry
	order    uint64 // rises with each record over all lanes
	armed    time.Time
	retryAt  time.Time
	backoff  time.Duration
	// deleteFirst says that the store is full: the next commit only frees.
	deleteFirst bool
	busySince   time.Time // of the keeper's turn; zero between two
	movedAt     time.Time // since when cursors or deletions wait for a commit
	doubt       error     // why the store has to be looked at anew
	rev         uint64
	commits     uint64
	written     uint64
	notesBytes  int64
	cleanEnd    bool

	// The keeper's own.
	lock       *os.File
	self       runFile
	doctorCtx  context.Context
	stopDoctor context.CancelFunc
	blocks     blockEncoder
	runWritten bool
	readOnly   bool
}

// item is a record in memory.
type item struct {
	pos    Position
	record []byte
	at     time.Time
	order  uint64
	notes  []Note
	stored bool // on flash as it is here
	gone   bool // given up
	change uint32
	wait   *waiter
}

// waiter is told once how the commit of a record went.
type waiter struct {
	done chan struct{}
	err  error
}

func (it *item) settle(err error) {
	if it.wait != nil {
		it.wait.err = err
		close(it.wait.done)
		it.wait = nil
	}
}

// span is a value on flash that holds records: a block, or one record.
type span struct {
	run         Run
	first, last uint64
	size        int64
}

func (s span) start() Position { return Position{Run: s.run, Seq: s.first} }
func (s span) end() Position   { return Position{Run: s.run, Seq: s.last} }

// lane is one queue.
type lane struct {
	id       Lane
	seq      uint64
	ram      []*item // in order: all that is not on flash, and a tail of what need not be
	ramBytes int
	// queue holds the records of alarms and events that are not on flash.
	queue []*item
	// considered is the last position (readings) that a commit looked at.
	considered Position
	flash      []span // in order
	flashBytes int64
	doomed     []span // to be deleted with the next commit
	appended   chan struct{}
	handed     Position // newest position that Next returned
	marks      []mark
	newMarks   bool
	loss       map[Lane]*openLoss // events: losses that may still be extended, by their lane
	durableSeq uint64             // last seq of this run on flash
}

// reader is one platform's place in one lane. A record is had when it is at or
// below the cursor, or in the span (skipFrom, skipTo]: what was confirmed while
// the store, and older records in it, could not be read.
type reader struct {
	cursor           Position
	written          Position // the cursor on flash
	skipFrom, skipTo Position
	ahead            Position // newest position handed out past unreadable records
	early            Position // the same over all gaps of this run
	inOrder          Position // newest position handed out with nothing passed over
	stale            bool     // Next has to begin again at the cursor
	dirty            bool     // the cursor has to be written
	LaneStats
}

// has says that the platform needs the record no more.
func (r *reader) has(p Position) bool {
	return !r.cursor.before(p) || r.skipFrom.before(p) && !r.skipTo.before(p)
}

// Ready is closed when the store is open, or it is settled that records are kept
// in memory for now.
func (b *Buffer) Ready() <-chan struct{} { return b.ready }

// Run names this life of the process.
func (b *Buffer) Run() Run { return b.run }

// Ending says how the run before this one ended. Its Known is false before
// Ready, and after it when the store could not be read.
func (b *Buffer) Ending() Ending {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ending
}

// Stats is the account at this moment.
func (b *Buffer) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Stats{
		Run: b.run, Durable: b.durable, Why: b.why, Lanes: map[string][3]LaneStats{},
		LiveBytes: b.liveBytes(), MaxBytes: b.opts.MaxBytes, Commits: b.commits, BytesWritten: b.written,
	}
	for name, places := range b.readers {
		var of [laneCount]LaneStats
		for l, r := range places {
			of[l] = r.LaneStats
		}
		s.Lanes[name] = of
	}
	for l, ln := range b.lanes {
		s.LastSeq[l] = ln.seq
		s.MemoryBytes += int64(ln.ramBytes)
		s.Pending += len(ln.queue)
	}
	s.Pending += b.pendingReadings()
	return s
}

// kick wakes the keeper.
func (b *Buffer) kick() {
	select {
	case b.wake <- struct{}{}:
	default: // it is awake
	}
}

// low is the last position that all platforms have, or the newest of all when
// there are no platforms.
func (b *Buffer) low(l Lane) Position {
	least := Position{Run: b.run, Seq: b.lanes[l].seq}
	for _, places := range b.readers {
		if c := places[l].cursor; c.before(least) {
			least = c
		}
	}
	return least
}

// needed says that some platform does not have the record yet.
func (b *Buffer) needed(l Lane, p Position) bool {
	for _, places := range b.readers {
		if !places[l].has(p) {
			return true
		}
	}
	return false
}

// ramAfter is the index of the first record in memory after p.
func (ln *lane) ramAfter(p Position) int {
	return sort.Search(len(ln.ram), func(i int) bool { return p.before(ln.ram[i].pos) })
}

// flashAfter is the index of the first span with a record after p.
func (ln *lane) flashAfter(p Position) int {
	return sort.Search(len(ln.flash), func(i int) bool { return p.before(ln.flash[i].end()) })
}

// onFlash says that a record is part of a span on flash.
func (ln *lane) onFlash(p Position) bool {
	i := sort.Search(len(ln.flash), func(i int) bool { return !ln.flash[i].end().before(p) })
	return i < len(ln.flash) && !p.before(ln.flash[i].start())
}

// count is the number of records in (after, upTo] that the platform does not
// have.
func (ln *lane) count(r *reader, after, upTo Position) uint64 {
	var n uint64
	for _, s := range ln.flash[ln.flashAfter(after):] {
		if upTo.before(s.start()) {
			break
		}
		n += s.missing(r, after, upTo)
	}
	for _, it := range ln.ram[ln.ramAfter(after):] {
		if upTo.before(it.pos) {
			break
		}
		if !r.has(it.pos) && !it.stored && (it.change == 0 || !ln.onFlash(it.pos)) {
			n++
		}
	}
	return n
}

// missing is the number of the span's records in (after, upTo] that the
// platform does not have.
func (s span) missing(r *reader, after, upTo Position) uint64 {
	if !after.before(s.start()) || upTo.before(s.end()) || r.cursor.before(s.end()) && !r.cursor.before(s.start()) ||
		r.skipTo != (Position{}) {
		var n uint64
		for seq := s.first; seq <= s.last; seq++ {
			p := Position{Run: s.run, Seq: seq}
			if after.before(p) && !upTo.before(p) && !r.has(p) {
				n++
			}
		}
		return n
	}
	if r.has(s.start()) {
		return 0
	}
	return s.last - s.first + 1
}

// everything is after all positions.
var everything = Position{Run: Run{N: ^uint64(0)}, Seq: ^uint64(0)}

// recount makes the account fit what is held after the index changed by other
// ways than Append and Confirm.
func (b *Buffer) recount(ln *lane, r *reader) {
	held := ln.count(r, r.cursor, everything)
	if held >= r.Held {
		r.Offered += held - r.Held
	} else {
		r.GivenUp += r.Held - held
	}
	r.Held = held
}
