package buffer

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// maxTombstones bounds the removed notes that are remembered, so that a salvage
// does not bring their older values back.
const maxTombstones = 256

// noteEntry is the newest value of a note.
type noteEntry struct {
	Note
	order uint64 // of the record it came with; 0 for earlier runs
	rev   uint64 // of its commit; 0 while in memory only
}

// Notes returns the newest values of the notes whose keys begin with prefix, by
// key, each with the position of its record. Before Ready it knows only those
// of this run.
func (b *Buffer) Notes(prefix string) []Note {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Note
	for key, n := range b.notes {
		if strings.HasPrefix(key, prefix) && len(n.Value) > 0 {
			n.Note.Value = bytes.Clone(n.Value)
			out = append(out, n.Note)
		}
	}
	slices.SortFunc(out, func(a, c Note) int { return strings.Compare(a.Key, c.Key) })
	return out
}

func (b *Buffer) setNote(n Note, order uint64) {
	b.notesBytes -= int64(len(b.notes[n.Key].Value))
	b.notesBytes += int64(len(n.Value))
	b.notes[n.Key] = noteEntry{Note: n, order: order}
	b.somethingMoved() // the note is due even when its reading never is
}

// unwrittenNotes are those the next commit has to write, in the order of their
// records. Each key has one value in memory, the newest, so that a lane written
// later cannot bring back an older one.
func (b *Buffer) unwrittenNotes() []Note {
	var waiting []noteEntry
	for _, n := range b.notes {
		// While the store only frees, records of the other lanes wait too.
		if n.rev == 0 && (!b.deleteFirst || n.Lane == Events) {
			waiting = append(waiting, n)
		}
	}
	slices.SortFunc(waiting, func(a, c noteEntry) int { return cmp.Or(cmp.Compare(a.order, c.order), strings.Compare(a.Key, c.Key)) })
	out := make([]Note, len(waiting))
	for i, n := range waiting {
		out[i] = n.Note
	}
	return out
}

// mergeNotes takes over the notes of a store that was just opened. What the store
// lacks, since it was salvaged or made anew, is written again.
func (b *Buffer) mergeNotes(c *content) {
	for key, mine := range b.notes {
		if theirs, ok := c.notes[key]; mine.rev > 0 && (!ok || theirs.rev < mine.rev) {
			mine.rev = 0
			b.notes[key] = mine
		}
	}
	for key, theirs := range c.notes {
		mine, ok := b.notes[key]
		if !ok || mine.order == 0 && mine.rev > 0 {
			b.notesBytes += int64(len(theirs.Value)) - int64(len(mine.Value))
			b.notes[key] = theirs
		}
	}
}

// oldTombstones are the removed notes beyond those remembered.
func (b *Buffer) oldTombstones() []string {
	var removed []noteEntry
	for _, n := range b.notes {
		if len(n.Value) == 0 && n.rev > 0 {
			removed = append(removed, n)
		}
	}
	if len(removed) <= maxTombstones {
		return nil
	}
	slices.SortFunc(removed, func(a, c noteEntry) int {
		if a.At.before(c.At) {
			return -1
		}
		return 1
	})
	var keys []string
	for _, n := range removed[:len(removed)-maxTombstones] {
		keys = append(keys, n.Key)
	}
	return keys
}
