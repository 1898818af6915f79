package buffer

// Stats is the buffer's account at one moment.
type Stats struct {
	Run     Run
	Durable bool   // the store takes records
	Why     string // why not, when it does not

	LastSeq [3]uint64 // newest record of this run, per lane
	Lanes   map[string][3]LaneStats

	LiveBytes   int64 // kept in the store
	MaxBytes    int64 // the cap
	MemoryBytes int64 // records in memory: unwritten and tail
	Pending     int   // records not yet written that have to be
	Commits     uint64
	// BytesWritten is what this process passed to write for the store.
	BytesWritten uint64
}

// LaneStats is the account of one platform and lane since Open. Records left
// by earlier runs count as offered when the store is opened. At any moment
// Offered = Confirmed + GivenUp + Held.
type LaneStats struct {
	Offered   uint64
	Confirmed uint64
	GivenUp   uint64
	Held      uint64
}
