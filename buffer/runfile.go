package buffer

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// File names in the data directory.
const (
	nameStore   = "buffer.db"
	nameFresh   = "buffer.db.new"
	nameCorrupt = "buffer.db.corrupt-"
	nameRun     = "run"
	nameRunCopy = "run.copy"
	nameLock    = "lock"
)

// lostRunBase is where n goes on when the run file is lost but a store is there,
// which may be unreadable: far above any count of starts, so that order by n
// still holds.
const lostRunBase = 1 << 40

// runFile is what stands beside the store: it survives the store's quarantine.
type runFile struct {
	Run        Run
	Unfinished int // starts since one last got as far as an open store
}

func (r runFile) encode() []byte {
	text := fmt.Sprintf("watchpost-run 1 %016x %d %d", r.Run.Epoch, r.Run.N, r.Unfinished)
	return fmt.Appendf(nil, "%s %08x\n", text, crc32.Checksum([]byte(text), castagnoli))
}

func decodeRunFile(raw []byte) (runFile, bool) {
	text := strings.TrimSuffix(string(raw), "\n")
	cut := strings.LastIndexByte(text, ' ')
	if cut < 0 || text[cut+1:] != fmt.Sprintf("%08x", crc32.Checksum([]byte(text[:cut]), castagnoli)) {
		return runFile{}, false
	}
	var r runFile
	n, err := fmt.Sscanf(text[:cut], "watchpost-run 1 %x %d %d", &r.Run.Epoch, &r.Run.N, &r.Unfinished)
	return r, n == 3 && err == nil && r.Unfinished >= 0
}

// readRunFile returns the newer of the run file and its copy.
func readRunFile(dir string) (runFile, bool) {
	var best runFile
	found := false
	for _, name := range []string{nameRun, nameRunCopy} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		if r, ok := decodeRunFile(raw); ok && (!found || r.Run.N > best.Run.N) {
			best, found = r, true
		}
	}
	return best, found
}

// nextRun is the run that starts now, and the one before it (zero when there
// was none, or nothing is known of it). The store is asked too: a run file may be
// lost, or brought back from an old copy, and no position may ever be used twice.
func nextRun(dir string) (next runFile, predecessor Run, known bool) {
	old, ok := readRunFile(dir)
	var stored Run
	there, latest := false, time.Now().UnixMilli()
	for _, name := range []string{nameStore, nameFresh} {
		path := filepath.Join(dir, name)
		info, err := os.Lstat(path)
		there = there || !errors.Is(err, fs.ErrNotExist)
		if err == nil {
			latest = max(latest, info.ModTime().UnixMilli()) // the clock may not be set yet
		}
		if r := startRun(path); stored.N < r.N {
			stored = r
		}
	}
	if ok && stored.N <= old.Run.N {
		next = runFile{Run: Run{Epoch: old.Run.Epoch, N: old.Run.N + 1}, Unfinished: old.Unfinished + 1}
		return next, old.Run, true
	}
	next = runFile{Run: Run{Epoch: newEpoch(), N: stored.N + 1}, Unfinished: 1}
	if there && !ok {
		next.Run.N = max(next.Run.N, lostRunBase+uint64(max(0, latest))<<4)
	}
	return next, stored, false
}

// startRun is the run that last opened the store at path, or zero when that
// cannot be read. It reads a few pages, with care.
func startRun(path string) (run Run) {
	file, err := os.Open(path)
	if err != nil {
		return Run{}
	}
	defer func() { _ = file.Close() }() // nothing was written
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return Run{}
	}
	w := &walker{file: &pageFile{r: file, size: info.Size()}, seen: map[uint64]bool{}}
	if w.meta, err = w.file.meta(); err != nil {
		return Run{}
	}
	var head []byte
	err = w.tree(w.meta.root, func(e element) error {
		if e.bucket && string(e.key) == string(bucketMeta) {
			head = e.value
		}
		return nil
	})
	if err != nil {
		return Run{}
	}
	err = w.bucket(head, func(e element) error {
		if v, err := checkStored(bucketMeta, e.key, e.value); err == nil && v.kind == kindStart {
			run = v.pos.Run
		}
		return nil
	})
	if err != nil {
		return Run{}
	}
	return run
}

func newEpoch() uint64 {
	var raw [8]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program instead
	return max(1, binary.BigEndian.Uint64(raw[:]))
}

// writeWhole replaces a file so that after a power cut there is the old content
// or the new one.
func writeWhole(dir, name string, content []byte) (err error) {
	path := filepath.Join(dir, name)
	tmp := path + ".tmp"
	file, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", tmp, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes renames in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
