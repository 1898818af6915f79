package buffer

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// Alarms and events stay for Keep after confirmation, and no longer; what is not
// confirmed stays for ever.
func TestConfirmedEventsExpire(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(plausibleTime, 0).AddDate(1, 0, 0)))
		o := options(dir)
		o.TailBytes = 1
		b := open(t, o)
		first := mustAppend(t, b, Events, "confirmed")
		mustAppend(t, b, Events, "not confirmed")
		if err := b.Confirm("city", Events, first); err != nil {
			t.Fatal(err)
		}
		kept := func() int {
			mustAppend(t, b, Alarms, "anything") // deletions wait for a commit
			time.Sleep(time.Minute)
			all, err := b.Recent(Events, 10)
			if err != nil {
				t.Fatal(err)
			}
			return len(all)
		}
		time.Sleep(29 * 24 * time.Hour)
		if n := kept(); n != 2 {
			t.Errorf("%d events after 29 days, want 2", n)
		}
		time.Sleep(3 * 24 * time.Hour)
		if n := kept(); n != 1 {
			t.Errorf("%d events after 32 days, want 1", n)
		}
		mustClose(t, b)
		b = open(t, o)
		if got := fmt.Sprint(drain(t, b, "city", Events)); got != "[not confirmed]" {
			t.Errorf("events: %s", got)
		}
		mustClose(t, b)
	})
}

// Removed notes are remembered for a salvage, but not without bound.
func TestRemovedNotesAreBounded(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	o.seam.noSync = true
	b := open(t, o)
	for i := range maxTombstones + 50 {
		mustAppendAsync(t, b, Events, "e", Note{Key: fmt.Sprint("alarm/", i), Value: []byte("raised")})
		mustAppendAsync(t, b, Events, "e", Note{Key: fmt.Sprint("alarm/", i)})
	}
	mustAppend(t, b, Alarms, "a", Note{Key: "stays", Value: []byte("x")})
	mustAppend(t, b, Alarms, "a")
	mustClose(t, b)
	b = open(t, o)
	b.mu.Lock()
	n := len(b.notes)
	b.mu.Unlock()
	if n != maxTombstones+1 || len(b.Notes("")) != 1 {
		t.Errorf("%d notes kept, %d visible", n, len(b.Notes("")))
	}
}

// A platform that joins later gets what is not yet confirmed, not the log.
func TestPlatformThatJoinsLater(t *testing.T) {
	o := options(t.TempDir())
	b := open(t, o)
	p := mustAppend(t, b, Events, "old")
	mustAppend(t, b, Events, "open")
	if err := b.Confirm("city", Events, p); err != nil {
		t.Fatal(err)
	}
	mustClose(t, b)
	o.Platforms = append(o.Platforms, "county")
	b = open(t, o)
	if got := fmt.Sprint(drain(t, b, "county", Events)); got != "[open]" {
		t.Errorf("county gets %s", got)
	}
}

// A confirmation of what is on flash is itself on flash CommitEvery later, and
// not before: until then a power cut sends the record again.
func TestConfirmationIsWritten(t *testing.T) {
	dir := t.TempDir()
	var early, late string
	outer := t // its directories outlive the bubble
	synctest.Test(t, func(t *testing.T) {
		b := open(t, options(dir))
		p := mustAppend(t, b, Events, "door")
		if err := b.Confirm("city", Events, p); err != nil {
			t.Fatal(err)
		}
		early = copyDir(outer, dir)
		time.Sleep(b.opts.CommitEvery + time.Millisecond)
		synctest.Wait()
		late = copyDir(outer, dir)
		mustClose(t, b)
	})
	for dir, want := range map[string]int{early: 1, late: 0} {
		b := open(t, options(dir))
		if got := drain(t, b, "city", Events); len(got) != want {
			t.Errorf("events sent again: %q, want %d", got, want)
		}
	}
}
