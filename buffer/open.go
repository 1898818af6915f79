package buffer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Open takes the data directory and returns at once; the store itself is opened
// in the background (see Ready). It returns an error only for wrong options, or
// when another live process has the directory. Storage that is damaged, missing
// or read-only is no error: records are kept in memory until it can be written.
func Open(opts Options) (*Buffer, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &Buffer{
		opts: opts, why: "store is not open yet", notes: map[string]noteEntry{}, readers: map[string]*[laneCount]*reader{},
		ready: make(chan struct{}), stop: make(chan struct{}), wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	for l := range b.lanes {
		b.lanes[l] = &lane{id: Lane(l), appended: make(chan struct{}), loss: map[Lane]*openLoss{}}
	}
	for _, name := range opts.Platforms {
		b.readers[name] = &[laneCount]*reader{{}, {}, {}}
	}
	if err := b.takeDir(); err != nil {
		return nil, err
	}
	b.doctorCtx, b.stopDoctor = context.WithCancel(context.Background())
	b.busySince = time.Now()
	go b.keep()
	return b, nil
}

// reopen makes the store usable, or settles that records stay in memory for now.
func (b *Buffer) reopen() {
	b.mu.Lock()
	readOnly := b.readOnly
	b.mu.Unlock()
	err := b.secureDir()
	if readOnly {
		if err != nil || b.probe() != nil {
			b.postpone()
			return
		}
		b.detach()
	}
	dirErr := err
	if err = b.openStore(); err == nil && dirErr != nil {
		err = dirErr
	}
	// The file did not end the process, whatever else came of it.
	b.self.Unfinished = 0
	runErr := errors.Join(writeWhole(b.opts.Dir, nameRun, b.self.encode()), writeWhole(b.opts.Dir, nameRunCopy, b.self.encode()))
	if err != nil {
		b.postpone()
		b.setState(false, fmt.Sprintf("open store: %v", err))
		return
	}
	if runErr != nil {
		b.opts.Log.Warn("run file is not up to date", "cause", runErr)
	}
	b.setState(true, "")
}

func (b *Buffer) postpone() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.retryAt = time.Now().Add(retryEvery)
}

// setState tells of changes once.
func (b *Buffer) setState(durable bool, why string) {
	b.mu.Lock()
	changed := b.durable != durable || b.why != why
	b.durable, b.why = durable, why
	s := State{Durable: durable, Why: why, Quarantined: b.ending.Quarantined}
	b.mu.Unlock()
	if !changed {
		return
	}
	if durable {
		b.opts.Log.Info("store takes records", "dir", b.opts.Dir)
	} else {
		b.opts.Log.Warn("records are in memory only", "dir", b.opts.Dir, "cause", why)
	}
	if b.opts.Notify != nil {
		b.opts.Notify(s)
	}
}

// errAhead is a store with records of a run that is not before this one.
var errAhead = errors.New("store is ahead of the run file")

// openStore brings a sound file into place, opens it and merges it with what
// memory collected.
func (b *Buffer) openStore() error {
	path := filepath.Join(b.opts.Dir, nameStore)
	if err := b.prepare(path); err != nil {
		return err
	}
	err := b.attachFile(path)
	switch {
	case err == nil, isUnavailable(err), errors.Is(err, syscall.EIO):
		return err // storage that cannot be written is not a damaged store
	case errors.Is(err, errAhead):
		// The records keep their numbers when they are salvaged.
		if err := b.setAside(path, createStore(filepath.Join(b.opts.Dir, nameFresh)), err); err != nil {
			return err
		}
		return b.attachFile(path)
	}
	// It passed the check and yet cannot be used.
	if err := b.quarantine(path, err); err != nil {
		return err
	}
	return b.attachFile(path)
}

// attachFile opens the file for writing, or when the storage is read-only for
// reading, and merges its content.
func (b *Buffer) attachFile(path string) error {
	options := boltOptions(b.opts.MaxBytes, b.opts.seam)
	var db *bolt.DB
	open := func() (err error) { db, err = bolt.Open(path, 0o600, options); return err }
	openErr := guard(open)
	if errors.Is(openErr, syscall.EROFS) || errors.Is(openErr, fs.ErrPermission) {
		options.ReadOnly = true
		if guard(open) != nil {
			return openErr
		}
	} else if openErr != nil {
		return openErr
	}
	db.AllocSize = 1 << 20
	c, err := load(db)
	if err == nil && c.maxN >= b.run.N && c.start != b.run {
		err = fmt.Errorf("%w: run %d after run %d", errAhead, c.maxN, b.run.N)
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	b.dbMu.Lock()
	b.db = db
	b.dbMu.Unlock()
	b.merge(c, options.ReadOnly)
	if options.ReadOnly {
		return openErr
	}
	return b.announceStart()
}

// announceStart writes this run, its bounds and the cursors of exactly the
// platforms there are, unless it stands there already.
func (b *Buffer) announceStart() error {
	b.mu.Lock()
	b.rev++
	values := []value{b.startValue()}
	for name, places := range b.readers {
		for l, r := range places {
			values = append(values, value{kind: kindCursor, lane: Lane(l), pos: r.cursor, rev: b.rev, payload: []byte(name)})
			r.written, r.dirty = r.cursor, false
		}
	}
	b.mu.Unlock()
	before := b.db.Stats()
	err := guard(func() error {
		return b.db.Update(func(tx *bolt.Tx) error {
			if b.opts.seam.announce != nil {
				if err := b.opts.seam.announce(); err != nil {
					return err
				}
			}
			return replaceCursors(tx, values)
		})
	})
	if err != nil {
		b.detach()
		return err
	}
	after := b.db.Stats()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.commits++
	b.written += uint64(after.TxStats.GetPageAlloc()-before.TxStats.GetPageAlloc()) + pageSize
	return nil
}

func replaceCursors(tx *bolt.Tx, values []value) error {
	bucket := tx.Bucket(bucketMeta)
	var old [][]byte
	err := bucket.ForEach(func(key, _ []byte) error {
		if strings.HasPrefix(string(key), "cursor/") {
			old = append(old, []byte(string(key)))
		}
		return nil
	})
	for _, key := range old {
		err = errors.Join(err, bucket.Delete(key))
	}
	for _, v := range values {
		err = errors.Join(err, putValue(tx, v))
	}
	return err
}

// detach closes the store. Records go on in memory.
func (b *Buffer) detach() {
	b.mu.Lock()
	b.attached, b.readOnly = false, false
	b.mu.Unlock()
	b.dbMu.Lock()
	db := b.db
	b.db = nil
	b.dbMu.Unlock()
	if db == nil {
		return
	}
	if err := guard(db.Close); err != nil {
		b.opts.Log.Warn("store did not close", "cause", err)
	}
}

// bounds reads what a start value says of its run.
func bounds(v value) (within time.Duration, atMost uint64) {
	if len(v.payload) < 16 {
		return 0, 0
	}
	return time.Duration(binary.BigEndian.Uint64(v.payload)), binary.BigEndian.Uint64(v.payload[8:])
}
