// Package buffer keeps opaque records on flash until every platform has
// confirmed them. It knows no sensor and no protocol.
//
// # What a crash costs
//
//   - An alarm or event whose Append returned nil is there after any crash, with
//     its notes.
//   - A reading is on flash at the latest CommitEvery after its Append, or when
//     PendingMax readings wait, unless every platform confirmed it before that;
//     then it is never written. A crash loses only readings not yet written.
//   - A confirmation may be lost by a crash, and its records are then sent again.
//     No record is skipped by it.
//   - Ending says at the next start how the run before it ended and bounds what
//     was lost.
//   - A record that is given up before every platform had it is counted, and
//     named by a loss event. Events of readings, adjoining and not yet read by any
//     platform, are one event.
//   - A damaged store is set aside as buffer.db.corrupt-<n> (the newest two are
//     kept). What its checksums still vouch for is brought over. No record is ever
//     returned that is not, byte for byte, one that was appended.
//
// # Assumptions
//
//   - After a successful fdatasync the data survives a power cut. Cards that lie
//     about it may lose the last commits, or damage the store.
//   - A rename within the directory is atomic, and durable after fsync of it.
//   - One process has the directory; a lock on the file "lock" sees to it.
//   - At least one of the files run and run.copy survives. When both are lost, or
//     older than the store, the epoch is new, and n goes on above the store's (from
//     2^40 when both are lost) so that order still holds.
//
// # Files in the directory
//
//	lock                   taken by the living process; holds its number
//	run, run.copy          one line of text: epoch, n, unfinished starts, CRC32C
//	buffer.db              the store, bbolt with pages of 4096 bytes
//	buffer.db.new          a store being made; valid once it holds "complete"
//	buffer.db.corrupt-<n>  damaged stores
//
// # Buckets of the store
//
//	bucket          key                        value
//	meta            complete                   the file was made to the end
//	meta            start                      run that opened it, CommitEvery, PendingMax; extra: platforms
//	meta            clean                      run that closed it
//	meta            cursor/<lane>/<platform>   position confirmed
//	meta            high/<lane>                last position on flash
//	meta            marks/<lane>               when confirmations had come how far
//	notes           the note's key             the note; empty: removed
//	alarms, events  n, seq (8 bytes each)      one record
//	readings        n, first seq               a block of readings
//
// Keys are big-endian. Within a directory n rises over all epochs, so order of
// keys is order of appending.
//
// # A value
//
//	offset  size  field
//	     0     1  'w'
//	     1     1  format version
//	     2     1  kind
//	     3     1  lane
//	     4     8  epoch
//	    12     8  n
//	    20     8  seq; of a block the first
//	    28     8  revision, rises with every commit
//	    36     4  extra: records in a block, length of a note's key, or unix seconds
//	    40     -  payload; of a block deflated: length (uvarint) and bytes of each record
//	    -4     4  CRC32C of all before
//
// A value describes itself, so that Salvage can find it on a page that nothing
// points to any more, and Verify can tell that it stands under a foreign key.
// A block has at most 1840 bytes, unless a single record is larger.
//
// # Goroutines
//
// One goroutine opens, writes and closes the store; its timer runs only when
// something is due. No lock that Append or Next needs is held while it waits for
// the storage.
package buffer
