package buffer

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Salvage writes every value of the damaged store src whose checksum holds into
// a fresh store at dst. It scans the pages of src one by one and believes no
// pointer between them; pages that are free hold older copies, so of each value
// the newest is taken. Readings that every platform had confirmed are dropped.
// src is only read.
func Salvage(src, dst string) (SalvageReport, error) {
	file, err := os.Open(src)
	if err != nil {
		return SalvageReport{}, fmt.Errorf("salvage: %w", err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	info, err := file.Stat()
	if err != nil {
		return SalvageReport{}, fmt.Errorf("salvage: %w", err)
	}
	s := &salvage{small: map[string]value{}}
	if info.Mode().IsRegular() {
		s.scan(&pageFile{r: file, size: info.Size()})
	}
	if err := createStore(dst); err != nil {
		return SalvageReport{}, fmt.Errorf("salvage into %s: %w", dst, err)
	}
	report, err := s.write(file, dst)
	if err != nil {
		return SalvageReport{}, fmt.Errorf("salvage into %s: %w", dst, err)
	}
	return report, nil
}

// find is a record or block in the damaged file.
type find struct {
	lane       Lane
	pos        Position
	last       uint64
	rev        uint64
	at, length int64
}

type salvage struct {
	small map[string]value // notes and meta values, newest of each
	finds []find
}

func (s *salvage) scan(file *pageFile) {
	for id := range uint64(file.size) / pageSize {
		p, err := file.page(id)
		if err != nil {
			p.data = make([]byte, pageSize)
			if _, err := file.r.ReadAt(p.data, int64(id)*pageSize); err != nil {
				continue
			}
			p = parseHeader(p.data)
		}
		if p.flags != leafPage {
			continue
		}
		s.page(p, int64(id)*pageSize)
	}
}

// page takes what is readable on a page that begins at the file's offset at.
func (s *salvage) page(p rawPage, at int64) {
	for i := range p.count {
		e, ok := p.element(i)
		if !ok {
			continue
		}
		if !e.bucket {
			s.take(e.value, at+e.at)
			continue
		}
		// A small bucket keeps its page in place.
		if len(e.value) < bucketHeadSize+pageHeader || parseHeader(e.value).id != 0 {
			continue
		}
		inner := parseHeader(e.value[bucketHeadSize:])
		for j := range inner.count {
			if inner.flags != leafPage {
				break
			}
			if in, ok := inner.element(j); ok && !in.bucket {
				s.take(in.value, at+e.at+bucketHeadSize+in.at)
			}
		}
	}
}

func (s *salvage) take(raw []byte, at int64) {
	v, err := decodeValue(raw)
	if err != nil {
		return
	}
	switch v.kind {
	case kindRecord, kindBlock:
		f := find{lane: v.lane, pos: v.pos, last: v.pos.Seq, rev: v.rev, at: at, length: int64(len(raw))}
		if v.kind == kindBlock {
			f.last += uint64(v.extra) - 1
		}
		if f.last >= f.pos.Seq && v.pos.Run.N != 0 {
			s.finds = append(s.finds, f)
		}
	case kindHigh, kindComplete, kindClean:
		// What they say does not hold for what is salvaged.
	default:
		_, key := placeOf(v)
		name := fmt.Sprint(v.kind, "/", string(key))
		if old, ok := s.small[name]; ok && old.rev >= v.rev {
			return
		}
		v.payload = bytes.Clone(v.payload)
		s.small[name] = v
	}
}

// done is the last position that all platforms had confirmed, or zero when not
// all their cursors were found.
func (s *salvage) done(l Lane) Position {
	var least Position
	found, want := uint32(0), uint32(0)
	for _, v := range s.small {
		if v.kind == kindStart {
			want = v.extra
		}
		if v.kind == kindCursor && v.lane == l {
			if found == 0 || v.pos.before(least) {
				least = v.pos
			}
			found++
		}
	}
	if want == 0 || found < want {
		return Position{}
	}
	return least
}

func (s *salvage) write(file *os.File, dst string) (SalvageReport, error) {
	var report SalvageReport
	db, err := bolt.Open(dst, 0o600, boltOptions(0, seam{}))
	if err != nil {
		return report, err
	}
	db.AllocSize = 1 << 20
	out := &salvageWriter{db: db, report: &report}
	err = errors.Join(s.writeSmall(out), s.writeRecords(file, out), out.flush())
	err = errors.Join(err, db.Sync(), db.Close())
	return report, err
}

func (s *salvage) writeSmall(out *salvageWriter) error {
	for _, v := range s.small {
		switch v.kind {
		case kindNote:
			if _, err := noteOf(v); err != nil {
				continue
			}
			out.report.Notes++
		case kindCursor:
			out.report.Cursors++
		}
		if err := out.put(v); err != nil {
			return err
		}
	}
	return nil
}

func (s *salvage) writeRecords(file *os.File, out *salvageWriter) error {
	slices.SortFunc(s.finds, func(a, b find) int {
		return cmp.Or(cmp.Compare(a.lane, b.lane), cmp.Compare(a.pos.Run.N, b.pos.Run.N),
			cmp.Compare(a.pos.Seq, b.pos.Seq), cmp.Compare(b.rev, a.rev))
	})
	confirmed := s.done(Readings)
	var next [laneCount]Position // first position not yet written
	for _, f := range s.finds {
		end := Position{Run: f.pos.Run, Seq: f.last}
		if end.before(next[f.lane]) || f.lane == Readings && !confirmed.before(end) {
			out.report.Dropped += f.last - f.pos.Seq + 1
			continue
		}
		raw := make([]byte, f.length)
		if _, err := file.ReadAt(raw, f.at); err != nil {
			continue
		}
		v, err := decodeValue(raw)
		if err != nil {
			continue
		}
		entries, err := recordsOf(v)
		if err != nil {
			continue
		}
		if err := out.records(v, entries, next[f.lane]); err != nil {
			return err
		}
		next[f.lane] = Position{Run: f.pos.Run, Seq: f.last + 1}
	}
	return nil
}

// salvageWriter puts values into the fresh store, some at a time.
type salvageWriter struct {
	db      *bolt.DB
	report  *SalvageReport
	blocks  blockEncoder
	pending []value
	size    int
}

// records puts a value whose records were read; those before from are left out.
func (w *salvageWriter) records(v value, entries []Entry, from Position) error {
	whole := len(entries)
	for len(entries) > 0 && entries[0].before(from) {
		entries = entries[1:]
		w.report.Dropped++
	}
	w.report.Records[v.lane] += uint64(len(entries))
	if len(entries) == whole {
		v.payload = bytes.Clone(v.payload)
		return w.put(v)
	}
	for len(entries) > 0 {
		records := make([][]byte, len(entries))
		for i, e := range entries {
			records[i] = e.Record
		}
		block, n, err := w.blocks.block(entries[0].Position, v.rev, records)
		if err != nil {
			return err
		}
		if err := w.put(block); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

func (w *salvageWriter) put(v value) error {
	w.pending = append(w.pending, v)
	w.size += len(v.payload)
	if w.size < 1<<20 {
		return nil
	}
	return w.flush()
}

func (w *salvageWriter) flush() error {
	err := w.db.Update(func(tx *bolt.Tx) error {
		for _, v := range w.pending {
			if err := putValue(tx, v); err != nil {
				return err
			}
		}
		return nil
	})
	w.pending, w.size = nil, 0
	return err
}

// putValue puts a value where it belongs.
func putValue(tx *bolt.Tx, v value) error {
	name, key := placeOf(v)
	bucket := tx.Bucket(name)
	if bucket == nil {
		return fmt.Errorf("%w: no bucket %s", errStructure, name)
	}
	bucket.FillPercent = 0.95 // keys rise, so pages need no room for later ones
	return bucket.Put(key, v.encode())
}

// createStore makes an empty store at path, durable but for its name.
func createStore(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := bolt.Open(path, 0o600, boltOptions(0, seam{}))
	if err != nil {
		return err
	}
	db.AllocSize = 1 << 20
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{bucketMeta, bucketNotes, laneBucket(Alarms), laneBucket(Events), laneBucket(Readings)} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return putValue(tx, value{kind: kindComplete})
	})
	return errors.Join(err, db.Sync(), db.Close())
}

// boltOptions are those of every store. The file may grow half over the cap on
// live bytes, since pages are seldom full. The memory map is as large from the
// start: growing it would wait for readers.
func boltOptions(maxBytes int64, s seam) *bolt.Options {
	o := &bolt.Options{
		Timeout: 3 * time.Second, NoFreelistSync: true, FreelistType: bolt.FreelistMapType,
		PageSize: pageSize, NoSync: s.noSync,
	}
	if maxBytes > 0 {
		o.MaxSize = int(maxBytes + maxBytes/2 + 8<<20)
		o.InitialMmapSize = o.MaxSize
	}
	return o
}

// seam is where tests put faults that real storage will not make to order.
type seam struct {
	noSync bool // the store does not wait for its writes
	// beforeCommit is called within each transaction, last; its error is the
	// transaction's.
	beforeCommit func() error
	// announce is called within the first transaction of an opening.
	announce func() error
	// committed is called after each commit; synced says that bbolt waited for
	// the storage.
	committed func(synced bool)
}
