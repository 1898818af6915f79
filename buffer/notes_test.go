package buffer

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func note(key, v string) Note { return Note{Key: key, Value: []byte(v)} }

// values is what Notes says, in short.
func values(b *Buffer) string {
	out := ""
	for _, n := range b.Notes("") {
		out += fmt.Sprintf("%s=%s ", n.Key, n.Value)
	}
	return out
}

// Lanes are written at different times; the newest value of a note wins all the
// same, after Close, after a power cut, and over a salvage. A removed note stays
// removed.
func TestNewestNoteWinsOverLanesAndRuns(t *testing.T) {
	outer := t
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := open(t, options(dir))
		mustAppend(t, b, Readings, "r", note("door", "1"), note("gone", "1"), note("boot", "1"))
		mustAppend(t, b, Events, "e", note("door", "2"), Note{Key: "gone"})
		time.Sleep(time.Second) // the reading is written after the event
		cut := copyDir(outer, dir)
		mustClose(t, b)
		const want = "boot=1 door=2 "
		for _, d := range []string{dir, cut} {
			b = open(t, options(d))
			if got := values(b); got != want {
				t.Errorf("next run: %s, want %s", got, want)
			}
			mustAppend(t, b, Readings, "r", note("gone", "2"), note("door", "3"))
			time.Sleep(time.Second)
			mustAppend(t, b, Alarms, "a", Note{Key: "gone"}, note("boot", "2"))
			mustClose(t, b)
			breakStore(outer, d, "door") // in all copies of that note
			b = open(t, options(d))
			if b.Ending().Quarantined == "" {
				t.Error("the broken store went unnoticed")
			}
			if diff := cmp.Diff("boot=2 ", values(b)); diff != "" {
				t.Errorf("after a salvage: %s", diff)
			}
			mustClose(t, b)
		}
	})
}

// A note that came with a reading is durable even when the reading never has to
// be written.
func TestNoteOutlivesItsConfirmedReading(t *testing.T) {
	outer := t
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := open(t, options(dir))
		p := mustAppend(t, b, Readings, "r", note("boot", "1"))
		if err := b.Confirm("city", Readings, p); err != nil {
			t.Fatal(err)
		}
		time.Sleep(b.opts.CommitEvery + time.Millisecond)
		synctest.Wait()
		cut := copyDir(outer, dir)
		mustClose(t, b)
		b = open(t, options(cut))
		if got := values(b); got != "boot=1 " {
			t.Errorf("after a cut: %q", got)
		}
		mustClose(t, b)
	})
}

// Notes in memory outlive the store they were on: one that is made anew gets them.
func TestNotesAreWrittenToTheNextStore(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := open(t, options(dir))
		mustAppend(t, b, Alarms, "a", note("alarm", "raised"), note("gone", "1"))
		mustClose(t, b)
		b = open(t, options(dir))
		mustAppend(t, b, Alarms, "a", note("door", "open"), Note{Key: "gone"})
		remove(t, dir, nameStore) // the directory entry; the open store notices nothing
		b.mu.Lock()
		b.doubt = errStructure
		b.kick()
		b.mu.Unlock()
		time.Sleep(time.Minute)
		if got := values(b); got != "alarm=raised door=open " {
			t.Errorf("in memory: %q", got)
		}
		mustClose(t, b)
		b = open(t, options(dir))
		if got := values(b); got != "alarm=raised door=open " {
			t.Errorf("on flash: %q", got)
		}
		mustClose(t, b)
		if got, _ := filepath.Glob(filepath.Join(dir, nameCorrupt+"*")); len(got) != 0 {
			t.Errorf("set aside: %v", got)
		}
	})
}
