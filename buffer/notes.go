package buffer

import (
	"bytes"
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
}

// newestNotes are the notes of a record that no later record replaced: lanes
// are written at different times, and the older must not overwrite the newer.
func (b *Buffer) newestNotes(it *item) []Note {
	var out []Note
	for i, n := range it.notes {
		later := slices.ContainsFunc(it.notes[i+1:], func(o Note) bool { return o.Key == n.Key })
		if !later && b.notes[n.Key].order == it.order {
			out = append(out, n)
		}
	}
	return out
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
