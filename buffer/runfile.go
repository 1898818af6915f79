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

// lostRunBase is where n goes on when the run file is lost but a store is there:
// far above any count of starts, so that order by n still holds.
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
// was none, or nothing is known of it).
func nextRun(dir string) (next runFile, predecessor Run, known bool) {
	old, ok := readRunFile(dir)
	if ok {
		next = runFile{Run: Run{Epoch: old.Run.Epoch, N: old.Run.N + 1}, Unfinished: old.Unfinished + 1}
		return next, old.Run, true
	}
	next = runFile{Run: Run{Epoch: newEpoch(), N: 1}, Unfinished: 1}
	if _, err := os.Lstat(filepath.Join(dir, nameStore)); !errors.Is(err, fs.ErrNotExist) {
		next.Run.N = lostRunBase + uint64(max(0, time.Now().Unix()))<<8
	}
	return next, Run{}, false
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
