package buffer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// ways to lose what names the runs. The store stays.
var runLosses = map[string]func(t *testing.T, dir string, old map[string][]byte){
	"run file lost": func(t *testing.T, dir string, _ map[string][]byte) { remove(t, dir, nameRun) },
	"copy lost":     func(t *testing.T, dir string, _ map[string][]byte) { remove(t, dir, nameRunCopy) },
	"both lost":     func(t *testing.T, dir string, _ map[string][]byte) { remove(t, dir, nameRun, nameRunCopy) },
	"both garbage": func(t *testing.T, dir string, _ map[string][]byte) {
		put(t, dir, map[string][]byte{nameRun: []byte("watchpost-run 1 0 0 0 00000000\n"), nameRunCopy: {0xff, 0}})
	},
	"both brought back": func(t *testing.T, dir string, old map[string][]byte) { put(t, dir, old) },
	"both lost, store's start unreadable": func(t *testing.T, dir string, _ map[string][]byte) {
		remove(t, dir, nameRun, nameRunCopy)
		path := filepath.Join(dir, nameStore)
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		clear(file[:2*pageSize])
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
	},
}

func remove(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func put(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func runFiles(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, name := range []string{nameRun, nameRunCopy} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = raw
	}
	return files
}

// Whatever becomes of the run files, again and again: no position is used twice,
// and records are returned in the order they were appended.
func TestLostRunFilesNeverReuseAPosition(t *testing.T) {
	t.Parallel()
	for name, lose := range runLosses {
		dir := t.TempDir()
		used := map[Position]bool{}
		var want []string
		var early map[string][]byte
		var last Run
		for n := range 8 {
			b := open(t, options(dir))
			if s := b.Stats(); !s.Durable {
				t.Fatalf("%s: start %d: %s", name, n, s.Why)
			}
			e := b.Ending()
			if b.Run().N <= last.N || n > 0 && e.Predecessor != last && name != "both lost, store's start unreadable" {
				t.Errorf("%s: run %v after %v, ending %+v", name, b.Run(), last, e)
			}
			if e.Quarantined != "" && name != "both lost, store's start unreadable" {
				t.Errorf("%s: store set aside as %s", name, e.Quarantined)
			}
			last = b.Run()
			for i := range 3 {
				r := fmt.Sprint("event ", n, "/", i)
				p := mustAppend(t, b, Events, r)
				if used[p] {
					t.Errorf("%s: position %v used twice", name, p)
				}
				used[p] = true
				want = append(want, r)
			}
			if got := drain(t, b, "city", Events); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%s: start %d: %q, want %q", name, n, got, want)
			}
			checkSums(t, b)
			mustClose(t, b)
			if n == 0 {
				early = runFiles(t, dir)
			}
			if n%3 == 2 {
				lose(t, dir, early)
			}
		}
	}
}

// forgeStart makes the store say that it was opened by another run.
func forgeStart(t *testing.T, dir string, run Run) {
	t.Helper()
	db, err := bolt.Open(filepath.Join(dir, nameStore), 0o600, boltOptions(0, seam{}))
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		return putValue(tx, value{kind: kindStart, pos: Position{Run: run}, rev: 1 << 40, payload: make([]byte, 16)})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A store that is ahead although the run could not be told from it: it is set
// aside once, and the buffer goes on. Without that each start would salvage the
// same numbers for ever.
func TestStoreAheadOfItsRunIsSetAsideOnce(t *testing.T) {
	dir := storeWith(t, 3)
	o := options(dir)
	gate := make(chan struct{})
	o.Doctor = slowDoctor{gate: gate}
	b, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	ahead := Run{Epoch: 1, N: b.Run().N + 10}
	forgeStart(t, dir, ahead)
	close(gate)
	<-b.Ready()
	if s := b.Stats(); !s.Durable || b.Ending().Quarantined == "" {
		t.Errorf("durable %v (%s), ending %+v", s.Durable, s.Why, b.Ending())
	}
	mustAppend(t, b, Alarms, "after")
	if got := b.corruptNumbers(); len(got) != 1 {
		t.Errorf("set aside %v", got)
	}
}
