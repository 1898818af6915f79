package buffer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"time"
)

// Doctor looks at a store's file before it is opened. Both calls may be handed
// a file in any state, so an implementation may do them in a process of its
// own; InProcess does them here.
type Doctor interface {
	// Verify returns nil when the file at path can be opened and every value in
	// it is as it was written, and an error that wraps ErrDamaged when not. Such
	// an error, or no answer within 60 s, sets the store aside. After any other
	// error the check is done in this process: a store is not given up because
	// its checker could not run.
	Verify(ctx context.Context, path string) error
	// Salvage writes what is readable in src into a fresh store at dst. src is
	// only read. An error that wraps ErrDamaged says that src cannot be salvaged;
	// after any other it is tried in this process.
	Salvage(ctx context.Context, src, dst string) (SalvageReport, error)
}

// SalvageReport counts what Salvage brought over.
type SalvageReport struct {
	Records [3]uint64 `json:"records"` // per lane
	Notes   uint64    `json:"notes"`
	Cursors uint64    `json:"cursors"`
	// Dropped counts readable records that every platform had confirmed, and
	// older copies of a value.
	Dropped uint64 `json:"dropped"`
}

// Total is the number of records brought over.
func (r SalvageReport) Total() uint64 { return r.Records[0] + r.Records[1] + r.Records[2] }

// State is what Options.Notify is told: a change of the store's condition.
type State struct {
	// Durable says that the store takes records; Why says in words why not.
	Durable bool
	Why     string
	// Quarantined names the file a damaged store was moved to, or is empty.
	Quarantined string
}

// Options says where and how records are kept. Zero values mean the defaults.
type Options struct {
	// Dir is the data directory; it is made when it is missing.
	Dir string
	// Platforms are the names of the receivers whose confirmation frees a
	// record. At most 32.
	Platforms []string
	// CommitEvery is the longest a reading stays in memory only; default 10 s.
	CommitEvery time.Duration
	// PendingMax is the number of unwritten readings that forces an early
	// commit; default 4096.
	PendingMax int
	// MaxBytes is the cap on live bytes in the store; default 64 MiB, at most
	// 512 MiB where int has 32 bits. A quarter is reserved for alarms and events.
	MaxBytes int64
	// MemoryBytes is the cap on unwritten records in memory when the store
	// cannot be written; default 8 MiB.
	MemoryBytes int
	// Keep is how long alarms and events stay after confirmation; default 30 days.
	Keep time.Duration
	// TailFor and TailBytes bound the confirmed records kept in memory for a
	// re-send; default 30 minutes and 4 MB.
	TailFor   time.Duration
	TailBytes int
	// EncodeLoss makes the event record that states a loss. It must be pure. It
	// is called again with a longer Loss when adjoining records are given up
	// before the event was read. Nil means losses are counted but not announced.
	EncodeLoss func(Loss) []byte
	// Doctor checks the store's file before it is opened; default InProcess.
	Doctor Doctor
	// Log gets changes of the store's condition; nil discards them.
	Log *slog.Logger
	// Notify is called with each change of the store's condition, from the
	// goroutine that owns the store; it must not block. May be nil.
	Notify func(State)

	seam seam // faults, in tests
}

// The times that are no option. verifyWithin bounds one check of a store's file,
// groupWithin the wait for company of an alarm or event before its commit,
// appendWithin the wait of Append for that commit, retryEvery is the pause after
// a store could not be opened or written.
const (
	verifyWithin  = 60 * time.Second
	doctorGrace   = 10 * time.Second // for a Doctor to end after its limit
	groupWithin   = 5 * time.Millisecond
	appendWithin  = 5 * time.Second
	retryEvery    = 30 * time.Second
	maxUnfinished = 3
	maxPlatforms  = 32
)

// withDefaults fills in zero values and checks the rest.
func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("open buffer: no directory given")
	}
	if len(o.Platforms) > maxPlatforms {
		return o, fmt.Errorf("open buffer: %d platforms, at most %d", len(o.Platforms), maxPlatforms)
	}
	seen := map[string]bool{}
	for _, name := range o.Platforms {
		if name == "" || seen[name] || len(name) > 255 {
			return o, fmt.Errorf("open buffer: platform name %q is empty, doubled or too long", name)
		}
		seen[name] = true
	}
	setDefault(&o.CommitEvery, 10*time.Second)
	setDefault(&o.PendingMax, 4096)
	setDefault(&o.MaxBytes, 64<<20)
	setDefault(&o.MemoryBytes, 8<<20)
	setDefault(&o.Keep, 30*24*time.Hour)
	setDefault(&o.TailFor, 30*time.Minute)
	setDefault(&o.TailBytes, 4_000_000)
	if o.CommitEvery < 0 || o.PendingMax < 0 || o.MemoryBytes < 0 || o.Keep < 0 || o.TailFor < 0 || o.TailBytes < 0 {
		return o, errors.New("open buffer: negative option")
	}
	if o.MaxBytes < 256<<10 {
		return o, fmt.Errorf("open buffer: MaxBytes %d, at least 256 KiB", o.MaxBytes)
	}
	if bits.UintSize == 32 && o.MaxBytes > 512<<20 {
		return o, fmt.Errorf("open buffer: MaxBytes %d, at most 512 MiB on a 32-bit processor", o.MaxBytes)
	}
	if o.Doctor == nil {
		o.Doctor = InProcess{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
