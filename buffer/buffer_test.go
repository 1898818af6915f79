package buffer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func encodeLoss(l Loss) []byte { return fmt.Appendf(nil, "loss %+v", l) }

func options(dir string) Options {
	return Options{Dir: dir, Platforms: []string{"city"}, CommitEvery: 20 * time.Millisecond, EncodeLoss: encodeLoss}
}

func open(t testing.TB, o Options) *Buffer {
	t.Helper()
	b, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	<-b.Ready()
	return b
}

func mustAppend(t testing.TB, b *Buffer, l Lane, record string, notes ...Note) Position {
	t.Helper()
	p, err := b.Append(l, []byte(record), notes...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustClose(t testing.TB, b *Buffer) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// drain reads a lane from the platform's cursor to its end.
func drain(t testing.TB, b *Buffer, platform string, l Lane) []string {
	t.Helper()
	var out []string
	after := b.Cursor(platform, l)
	for {
		entries, err := b.Next(platform, l, after, 7, 1<<16)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			return out
		}
		for _, e := range entries {
			if !after.before(e.Position) {
				t.Fatalf("position %v after %v", e.Position, after)
			}
			after = e.Position
			out = append(out, string(e.Record))
		}
	}
}

func checkSums(t testing.TB, b *Buffer) {
	t.Helper()
	for name, lanes := range b.Stats().Lanes {
		for l, s := range lanes {
			if s.Offered != s.Confirmed+s.GivenUp+s.Held {
				t.Errorf("%s %s: %+v does not add up", name, Lane(l), s)
			}
		}
	}
}

func TestRecordsSurviveReopenInOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var want [3][]string
	var run Run
	for n := range 3 {
		b := open(t, options(dir))
		if n > 0 {
			if e := b.Ending(); !e.Known || !e.Clean || e.Predecessor != run || e.Durable != [3]uint64{50, 50, 50} {
				t.Errorf("run %d: ending = %+v", n, e)
			}
			if b.Run() != (Run{Epoch: run.Epoch, N: run.N + 1}) {
				t.Errorf("run = %v after %v", b.Run(), run)
			}
		}
		run = b.Run()
		for i := range 50 {
			for l := range laneCount {
				r := fmt.Sprintf("%s %d/%d", l, n, i)
				mustAppend(t, b, l, r)
				want[l] = append(want[l], r)
			}
		}
		for l := range laneCount {
			if diff := cmp.Diff(want[l], drain(t, b, "city", l)); diff != "" {
				t.Fatalf("%s: %s", l, diff)
			}
		}
		checkSums(t, b)
		mustClose(t, b)
	}
	b := open(t, options(dir))
	for l := range laneCount {
		first, err := b.Next("city", l, Position{}, 60, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		at := first[len(first)-1].Position
		if err := b.Confirm("city", l, at); err != nil {
			t.Fatal(err)
		}
		want[l] = want[l][len(first):]
	}
	checkSums(t, b)
	mustClose(t, b)
	b = open(t, options(dir))
	for l := range laneCount {
		if diff := cmp.Diff(want[l], drain(t, b, "city", l)); diff != "" {
			t.Errorf("%s after confirm: %s", l, diff)
		}
	}
	recent, err := b.Recent(Events, 3)
	if err != nil || len(recent) != 3 || string(recent[2].Record) != "events 2/49" {
		t.Errorf("recent = %v, %v", recent, err)
	}
}

// A healthy link costs no write: what is confirmed before its commit is due
// stays off flash. The clock is the bubble's, so no commit is due but by its time.
func TestConfirmedBeforeDueIsNeverWritten(t *testing.T) {
	for _, healthy := range []bool{true, false} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			o := options(dir)
			o.CommitEvery = 0
			b := open(t, o)
			at, err := os.Stat(filepath.Join(dir, nameStore))
			if err != nil {
				t.Fatal(err)
			}
			start := b.Stats()
			for i := range 1000 {
				p := mustAppend(t, b, Readings, fmt.Sprint("reading ", i))
				if healthy {
					if err := b.Confirm("city", Readings, p); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Second)
			}
			end := b.Stats()
			now, err := os.Stat(filepath.Join(dir, nameStore))
			if err != nil {
				t.Fatal(err)
			}
			untouched := end.BytesWritten == start.BytesWritten && end.Commits == start.Commits && now.Size() == at.Size() && now.ModTime() == at.ModTime()
			if untouched != healthy {
				t.Errorf("link healthy %v: written %d, commits %d", healthy, end.BytesWritten-start.BytesWritten, end.Commits-start.Commits)
			}
			if !healthy && (end.Commits-start.Commits < 80 || end.Commits-start.Commits > 110) {
				t.Errorf("%d commits in 1000 s at 10 s", end.Commits-start.Commits)
			}
			checkSums(t, b)
			mustClose(t, b)
		})
	}
}

func TestBurstIsOneCommit(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := open(t, options(dir))
		start := b.Stats().Commits
		done := make(chan error)
		for i := range 40 {
			go func() { _, err := b.Append(Events, fmt.Append(nil, "card ", i)); done <- err }()
		}
		for range 40 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if n := b.Stats().Commits - start; n != 1 {
			t.Errorf("burst of 40 events took %d commits", n)
		}
		mustClose(t, b)
	})
}

// syncedFirst says whether each alarm was synced before Append returned.
func syncedFirst(t *testing.T, noSync bool) bool {
	synced := 0
	o := options(t.TempDir())
	o.seam = seam{noSync: noSync, committed: func(s bool) {
		if s {
			synced++
		}
	}}
	b := open(t, o)
	ok := true
	for i := range 5 {
		mustAppend(t, b, Alarms, fmt.Sprint("alarm ", i))
		ok = ok && synced >= i+1
	}
	return ok
}

func TestAlarmIsSyncedBeforeAppendReturns(t *testing.T) {
	if !syncedFirst(t, false) {
		t.Error("Append returned before the storage had the alarm")
	}
}

// The negative control of the test above: the promise broken on purpose is seen.
func TestControlNoSyncIsSeen(t *testing.T) {
	if syncedFirst(t, true) {
		t.Error("a store that does not sync went unnoticed")
	}
}

func TestNotesComeWithTheirRecord(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir))
	mustAppend(t, b, Readings, "r", Note{Key: "door/1", Value: []byte("old")})
	p := mustAppend(t, b, Events, "e", Note{Key: "door/1", Value: []byte("open")}, Note{Key: "x", Value: []byte("y")})
	mustAppend(t, b, Events, "e", Note{Key: "x"})
	want := []Note{{Key: "door/1", Value: []byte("open"), At: p, Lane: Events}}
	if diff := cmp.Diff(want, b.Notes("")); diff != "" {
		t.Error(diff)
	}
	copied := copyDir(t, dir)
	mustClose(t, b)
	for _, dir := range []string{dir, copied} {
		b = open(t, options(dir))
		if diff := cmp.Diff(want, b.Notes("")); diff != "" {
			t.Error(diff)
		}
		if e := b.Ending(); e.Clean != (dir != copied) {
			t.Errorf("ending = %+v", e)
		}
	}
}

// copyDir is what a power cut at this moment leaves.
func copyDir(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestUncleanEndIsStated(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	o.CommitEvery = time.Hour
	b := open(t, o)
	mustAppend(t, b, Alarms, "a")
	mustAppend(t, b, Readings, "lost")
	o.Dir = copyDir(t, dir)
	o.CommitEvery = time.Second
	next := open(t, o)
	want := Ending{Predecessor: b.Run(), Known: true, Durable: [3]uint64{1, 0, 0}, LostWithin: time.Hour, LostAtMost: 4096}
	if diff := cmp.Diff(want, next.Ending()); diff != "" {
		t.Error(diff)
	}
}

func TestDirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	open(t, options(dir))
	_, err := Open(options(dir))
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("second Open: %v", err)
	}
}

// A directory that cannot be written: everything goes on in memory, and to flash
// once it can.
func TestUnwritableDirectory(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "data")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file in the way stops root too
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		b := open(t, options(dir))
		for i := range 5 {
			if _, err := b.Append(Alarms, fmt.Append(nil, i)); !errors.Is(err, ErrNotDurable) {
				t.Fatalf("append: %v", err)
			}
		}
		entries, err := b.Next("city", Alarms, Position{}, 2, 100)
		if err != nil || len(entries) != 2 {
			t.Fatalf("next: %v, %v", entries, err)
		}
		if err := b.Confirm("city", Alarms, entries[1].Position); err != nil {
			t.Fatal(err)
		}
		checkSums(t, b)
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(40 * time.Second)
		if s := b.Stats(); !s.Durable || s.Pending != 0 {
			t.Errorf("stats = %+v", s)
		}
		mustAppend(t, b, Alarms, "durable")
		if diff := cmp.Diff([]string{"2", "3", "4", "durable"}, drain(t, b, "city", Alarms)); diff != "" {
			t.Error(diff)
		}
		checkSums(t, b)
		mustClose(t, b)
	})
	b := open(t, options(dir))
	if diff := cmp.Diff([]string{"2", "3", "4", "durable"}, drain(t, b, "city", Alarms)); diff != "" {
		t.Error(diff)
	}
}

func TestCloseLeavesNothingRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 5 {
		b := open(t, options(t.TempDir()))
		mustAppend(t, b, Readings, "r")
		mustClose(t, b)
		if _, err := b.Append(Alarms, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("append after close: %v", err)
		}
	}
	// A goroutine that has said it ended may still be counted for a moment.
	guard := time.After(10 * time.Second)
	for after := runtime.NumGoroutine(); after > before; after = runtime.NumGoroutine() {
		select {
		case <-guard:
			t.Fatalf("%d goroutines before, %d after", before, after)
		case <-time.After(time.Millisecond):
		}
	}
}
