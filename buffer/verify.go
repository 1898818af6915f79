package buffer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
)

// The buckets of a store.
var (
	bucketMeta  = []byte("meta")
	bucketNotes = []byte("notes")
)

// laneBucket is the bucket of a lane's records.
func laneBucket(l Lane) []byte { return []byte(l.String()) }

// InProcess is the Doctor that does its work in this process. The file is read
// with care, but a store on failing flash is better looked at by a process
// that can be killed.
type InProcess struct{}

var _ Doctor = InProcess{}

// Verify is the function Verify; ctx is not looked at, the work is bounded by
// the file's size.
func (InProcess) Verify(_ context.Context, path string) error { return Verify(path) }

// Salvage is the function Salvage; ctx is not looked at.
func (InProcess) Salvage(_ context.Context, src, dst string) (SalvageReport, error) {
	return Salvage(src, dst)
}

// Verify returns nil when the file at path is a whole store: each page reachable
// once and where it belongs, keys in order, each value with its checksum and
// under its own key. It never writes, and returns errors for files in any state:
// they wrap ErrDamaged unless the file could not be looked at.
func Verify(path string) error {
	err := verifyPages(path)
	if err == nil {
		// The same walk through bbolt, which sees the file as the agent will.
		done := make(chan error, 1)
		go func() { done <- guard(func() error { return verifyOpened(path) }) }()
		err = <-done
	}
	switch {
	case err == nil:
		return nil
	case isUnavailable(err), errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("verify %s: %w", path, err)
	default:
		return fmt.Errorf("verify %s: %w: %w", path, ErrDamaged, err)
	}
}

// guard turns a panic, and a fault on mapped memory, into an error.
func guard(work func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%w: %v", errPanicked, cause)
		}
	}()
	return work()
}

var errPanicked = errors.New("store's file is not as it should be")

func verifyPages(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // nothing was written
	info, err := file.Stat()
	if err != nil {
		return err
	}
	pages := &pageFile{r: file, size: info.Size()}
	m, err := pages.meta()
	if err != nil {
		return err
	}
	w := &walker{file: pages, meta: m, seen: map[uint64]bool{}}
	roots := map[string]element{}
	err = w.tree(m.root, func(e element) error {
		if !e.bucket {
			return fmt.Errorf("%w: value outside a bucket", errStructure)
		}
		roots[string(e.key)] = element{key: bytes.Clone(e.key), value: bytes.Clone(e.value)}
		return nil
	})
	if err != nil {
		return err
	}
	return verifyBuckets(w, roots)
}

func verifyBuckets(w *walker, roots map[string]element) error {
	names := [][]byte{bucketMeta, bucketNotes, laneBucket(Alarms), laneBucket(Events), laneBucket(Readings)}
	if len(roots) != len(names) {
		return fmt.Errorf("%w: %d buckets, want %d", errStructure, len(roots), len(names))
	}
	complete := false
	for _, name := range names {
		e, ok := roots[string(name)]
		if !ok {
			return fmt.Errorf("%w: no bucket %s", errStructure, name)
		}
		err := w.bucket(e.value, func(e element) error {
			if e.bucket {
				return fmt.Errorf("%w: bucket within bucket %s", errStructure, name)
			}
			v, err := checkStored(name, e.key, e.value)
			complete = complete || v.kind == kindComplete
			return err
		})
		if err != nil {
			return fmt.Errorf("bucket %s: %w", name, err)
		}
	}
	if !complete {
		return fmt.Errorf("%w: file was not made to the end", errStructure)
	}
	return nil
}

// bucket walks a bucket, given the value it has in the root tree: its root page
// and sequence, and when the root is 0, a page in place.
func (w *walker) bucket(head []byte, visit func(element) error) error {
	if len(head) < bucketHeadSize {
		return fmt.Errorf("%w: bucket head too short", errStructure)
	}
	root := parseHeader(head).id // the first 8 bytes, as in a page
	if root != 0 {
		return w.tree(root, visit)
	}
	inline := head[bucketHeadSize:]
	if len(inline) < pageHeader {
		return fmt.Errorf("%w: bucket without page", errStructure)
	}
	p := parseHeader(inline)
	if p.flags != leafPage || p.overflow != 0 {
		return fmt.Errorf("%w: bucket with a foreign page", errStructure)
	}
	w.last, w.any = nil, false
	return w.leaf(p, nil, nil, visit)
}

// checkStored decodes a value and checks that it belongs under its key.
func checkStored(bucket, key, raw []byte) (value, error) {
	v, err := decodeValue(raw)
	if err != nil {
		return v, err
	}
	wantBucket, wantKey := placeOf(v)
	if !bytes.Equal(bucket, wantBucket) || !bytes.Equal(key, wantKey) {
		return v, fmt.Errorf("%w: value under a foreign key", errDamaged)
	}
	return v, nil
}

// placeOf is where a value is kept: its bucket and its key.
func placeOf(v value) (bucket, key []byte) {
	switch v.kind {
	case kindRecord, kindBlock:
		return laneBucket(v.lane), seqKey(v.pos)
	case kindNote:
		return bucketNotes, v.payload[:min(uint64(v.extra), uint64(len(v.payload)))]
	case kindCursor:
		return bucketMeta, []byte("cursor/" + v.lane.String() + "/" + string(v.payload))
	case kindHigh:
		return bucketMeta, []byte("high/" + v.lane.String())
	case kindMarks:
		return bucketMeta, []byte("marks/" + v.lane.String())
	case kindStart:
		return bucketMeta, []byte("start")
	case kindClean:
		return bucketMeta, []byte("clean")
	default:
		return bucketMeta, []byte("complete")
	}
}

func verifyOpened(path string) (err error) {
	db, err := bolt.Open(path, 0, &bolt.Options{ReadOnly: true, Timeout: 3 * time.Second})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			return b.ForEach(func(key, raw []byte) error {
				_, err := checkStored(name, key, raw)
				return err
			})
		})
	})
}
