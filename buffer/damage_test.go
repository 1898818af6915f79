package buffer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// soundStore makes a directory with a store that was not closed, and returns all
// records that were appended.
func soundStore(t *testing.T) (dir string, appended map[string]bool) {
	t.Helper()
	o := options(t.TempDir())
	b := open(t, o)
	appended = map[string]bool{}
	for i := range 400 {
		l := Lane(i % 3)
		r := fmt.Sprintf("%s record %d %x", l, i, rand.New(rand.NewPCG(1, uint64(i))).Uint64())
		appended[fmt.Sprint(l, r)] = true
		if l == Readings {
			r += string(bytes.Repeat([]byte{byte(i)}, i%200))
			appended[fmt.Sprint(l, r)] = true
		}
		mustAppendAsync(t, b, l, r, Note{Key: fmt.Sprint("note/", i%7), Value: []byte(r)})
	}
	mustAppend(t, b, Alarms, "last")
	appended[fmt.Sprint(Alarms, "last")] = true
	<-flushed(t, b)
	return copyDir(t, o.Dir), appended
}

// mustAppendAsync appends without waiting for the commit of alarms and events.
func mustAppendAsync(t *testing.T, b *Buffer, l Lane, r string, notes ...Note) {
	t.Helper()
	if l == Readings {
		mustAppend(t, b, l, r, notes...)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(l, []byte(r), notes)
	b.wakeIfDue()
}

// flushed is closed when nothing waits for a commit.
func flushed(t *testing.T, b *Buffer) <-chan struct{} {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for b.Stats().Pending > 0 {
			tick := time.NewTimer(time.Millisecond)
			<-tick.C
		}
	}()
	return done
}

// damages are ways a file is broken. Each is done with several seeds.
var damages = map[string]func(r *rand.Rand, file []byte) []byte{
	"bit flips": func(r *rand.Rand, f []byte) []byte {
		for range 1 + r.IntN(8) {
			f[r.IntN(len(f))] ^= 1 << r.IntN(8)
		}
		return f
	},
	"header flips": func(r *rand.Rand, f []byte) []byte {
		for range 1 + r.IntN(4) {
			f[r.IntN(len(f)/pageSize)*pageSize+r.IntN(64)] ^= 1 << r.IntN(8)
		}
		return f
	},
	"zeroed page": func(r *rand.Rand, f []byte) []byte {
		clear(f[r.IntN(len(f)/pageSize)*pageSize:][:pageSize])
		return f
	},
	"garbage page": func(r *rand.Rand, f []byte) []byte {
		at := r.IntN(len(f)/pageSize) * pageSize
		for i := range pageSize {
			f[at+i] = byte(r.Uint32())
		}
		return f
	},
	"swapped pages": func(r *rand.Rand, f []byte) []byte {
		a, b := r.IntN(len(f)/pageSize)*pageSize, r.IntN(len(f)/pageSize)*pageSize
		page := bytes.Clone(f[a : a+pageSize])
		copy(f[a:], f[b:b+pageSize])
		copy(f[b:], page)
		return f
	},
	"truncated":   func(r *rand.Rand, f []byte) []byte { return f[:r.IntN(len(f))] },
	"metas gone":  func(_ *rand.Rand, f []byte) []byte { clear(f[:2*pageSize]); return f },
	"zero length": func(*rand.Rand, []byte) []byte { return nil },
	"garbage": func(r *rand.Rand, f []byte) []byte {
		for i := range f {
			f[i] = byte(r.Uint32())
		}
		return f
	},
	"endless tree": func(r *rand.Rand, f []byte) []byte {
		// Each page a branch whose only child is itself.
		for at := 2 * pageSize; at+pageSize <= len(f); at += pageSize {
			binary.NativeEndian.PutUint16(f[at+8:], branchPage)
			binary.NativeEndian.PutUint16(f[at+10:], 1)
			binary.NativeEndian.PutUint64(f[at+24:], uint64(at/pageSize))
		}
		return f
	},
	"newer format": func(_ *rand.Rand, f []byte) []byte {
		for i := 0; i+headerSize < len(f); i++ {
			if f[i] == magicByte && f[i+1] == formatVersion && f[i+2] == byte(kindComplete) {
				v := f[i : i+headerSize+sumSize]
				v[1] = formatVersion + 1
				sum := crc32.Checksum(v[:headerSize], castagnoli)
				binary.BigEndian.PutUint32(v[headerSize:], sum)
			}
		}
		return f
	},
}

func TestDamagedStoreAlwaysOpens(t *testing.T) {
	t.Parallel()
	source, appended := soundStore(t)
	sound, err := os.ReadFile(filepath.Join(source, nameStore))
	if err != nil {
		t.Fatal(err)
	}
	quarantined, salvaged := 0, uint64(0)
	for name, damage := range damages {
		for seed := range uint64(9) {
			dir := copyDir(t, source)
			bad := damage(rand.New(rand.NewPCG(seed, 7)), bytes.Clone(sound))
			if err := os.WriteFile(filepath.Join(dir, nameStore), bad, 0o600); err != nil {
				t.Fatal(err)
			}
			b := open(t, options(dir))
			e := b.Ending()
			if !e.Known || e.Clean || !b.Stats().Durable {
				t.Fatalf("%s %d: ending %+v, stats %+v", name, seed, e, b.Stats())
			}
			got := uint64(0)
			for l := range laneCount {
				for _, r := range drain(t, b, "city", l) {
					got++
					if !appended[fmt.Sprint(l, r)] {
						t.Fatalf("%s %d: %s has %q, which nobody appended", name, seed, l, r)
					}
				}
			}
			if e.Quarantined != "" {
				quarantined++
				salvaged += e.Salvaged
				if got != e.Salvaged {
					t.Errorf("%s %d: %d records, salvaged %d", name, seed, got, e.Salvaged)
				}
				if kept, err := os.ReadFile(filepath.Join(dir, e.Quarantined)); err != nil || !bytes.Equal(kept, bad) {
					t.Errorf("%s %d: damaged store was not kept as it was: %v", name, seed, err)
				}
			} else if name == "zero length" || name == "metas gone" || name == "garbage" || name == "newer format" || name == "endless tree" {
				t.Errorf("%s %d: went unnoticed", name, seed)
			}
			mustAppend(t, b, Alarms, "after")
			checkSums(t, b)
			mustClose(t, b)
		}
	}
	if quarantined < 40 || salvaged < 1000 {
		t.Errorf("%d stores quarantined, %d records salvaged: the table tests little", quarantined, salvaged)
	}
}

// Both meta pages gone costs the structure but no record and no note.
func TestSalvageWithoutMetaPages(t *testing.T) {
	source, appended := soundStore(t)
	path := filepath.Join(source, nameStore)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(file[:2*pageSize])
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	before, _ := readRunFile(source)
	b := open(t, options(source))
	if b.Run() != (Run{Epoch: before.Run.Epoch, N: before.Run.N + 1}) {
		t.Errorf("run %v after %v: quarantine changed it", b.Run(), before.Run)
	}
	if n := b.Ending().Salvaged; n != 401 {
		t.Errorf("%d records salvaged of 401", n)
	}
	notes := b.Notes("note/")
	if len(notes) != 7 {
		t.Errorf("%d notes, want 7", len(notes))
	}
	for _, n := range notes {
		if !appended[fmt.Sprint(n.Lane, string(n.Value))] {
			t.Errorf("note %s = %q at %v", n.Key, n.Value, n.At)
		}
	}
}

func TestStoreThatStopsStartsIsSetAsideUnseen(t *testing.T) {
	source, _ := soundStore(t)
	for unfinished, want := range map[int]bool{0: false, 2: false, 3: true} {
		dir := copyDir(t, source)
		r, _ := readRunFile(dir)
		r.Unfinished = unfinished
		if err := writeWhole(dir, nameRun, r.encode()); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, nameRunCopy)); err != nil {
			t.Fatal(err)
		}
		b := open(t, options(dir))
		if got := b.Ending().Quarantined != ""; got != want {
			t.Errorf("%d unfinished starts: set aside %v", unfinished, got)
		}
		mustClose(t, b)
		if r, _ := readRunFile(dir); r.Unfinished != 0 {
			t.Errorf("finished start left %d", r.Unfinished)
		}
	}
}

func TestTwoDamagedStoresAreKept(t *testing.T) {
	dir := t.TempDir()
	for n := 1; n <= 4; n++ {
		if err := os.WriteFile(filepath.Join(dir, nameStore), []byte{byte(n)}, 0o600); err != nil {
			t.Fatal(err)
		}
		b := open(t, options(dir))
		if got := b.Ending().Quarantined; got != fmt.Sprint(nameCorrupt, n) {
			t.Errorf("set aside as %q", got)
		}
		mustClose(t, b)
	}
	if got, _ := filepath.Glob(filepath.Join(dir, nameCorrupt+"*")); len(got) != 2 {
		t.Errorf("kept %v", got)
	}
}
