package buffer

import (
	"errors"
	"fmt"
	"time"
)

// Lane is one of the three queues, each with its own seq and space. The numbers
// are stored: never reorder.
type Lane uint8

// The lanes, in the order they are sent.
const (
	Alarms Lane = iota
	Events
	Readings
	laneCount
)

// String is the lane's word.
func (l Lane) String() string {
	switch l {
	case Alarms:
		return "alarms"
	case Events:
		return "events"
	case Readings:
		return "readings"
	}
	return fmt.Sprintf("lane(%d)", uint8(l))
}

// Run names one life of the process. Epoch is 64 random bits made with a fresh
// data directory; N rises at each start.
type Run struct {
	Epoch uint64
	N     uint64
}

// Position names a record within its lane for ever. The zero Position is before
// every record.
type Position struct {
	Run Run
	Seq uint64
}

// Entry is one record as it was appended.
type Entry struct {
	Position
	Record []byte // owned by the caller
}

// Note is a small value committed in the same transaction as the record it
// belongs to, or alone when that record, a reading, never has to be written; the newest value of a key replaces the older ones. An empty Value
// removes the note.
type Note struct {
	Key   string
	Value []byte
	// At is filled in when a note is read back: the position, and lane, of the
	// record it was committed with.
	At   Position
	Lane Lane
}

// Range is a span of seqs of one run, both ends included.
type Range struct {
	Run   Run
	First uint64
	Last  uint64
}

// Loss names records that were given up before every platform had them.
type Loss struct {
	Lane   Lane
	Reason LossReason
	Count  uint64
	Ranges []Range
}

// LossReason is a stable code.
type LossReason string

// Why records are given up.
const (
	// LossFull is a store at its cap.
	LossFull LossReason = "full"
	// LossMemory is a store that cannot be written, and no more room in RAM.
	LossMemory LossReason = "memory"
	// LossUnreadable is a record whose checksum failed.
	LossUnreadable LossReason = "unreadable"
)

// Ending is how the run before this one ended.
type Ending struct {
	Predecessor Run       // zero in a fresh data directory
	Known       bool      // false: the store is not open yet, or could not be read
	Clean       bool      // Close finished
	Durable     [3]uint64 // last seq on flash, per lane
	// LostWithin and LostAtMost bound the readings that an unclean end lost:
	// those appended in its last LostWithin, and no more than LostAtMost.
	LostWithin  time.Duration
	LostAtMost  uint64
	Quarantined string // file name the damaged store was moved to, or empty
	Salvaged    uint64 // records brought over from it
}

// ErrNotDurable is returned by Append, wrapped, when the record was taken and
// will be sent but is not on flash: the store is not open yet or cannot be
// written. It is in RAM, and is written as soon as the store lets it.
var ErrNotDurable = errors.New("record is in memory only")

// ErrDamaged is wrapped by errors of Verify that say that the file was looked at
// and is not sound. Any other error of a Doctor says that it could not look.
var ErrDamaged = errors.New("store is damaged")

// ErrClosed is returned after Close.
var ErrClosed = errors.New("buffer is closed")
