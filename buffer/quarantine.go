package buffer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	bolterrors "go.etcd.io/bbolt/errors"
)

// keepCorrupt is how many damaged stores are kept.
const keepCorrupt = 2

// isUnavailable says that an error is of the storage, not of the file's content.
func isUnavailable(err error) bool {
	for _, target := range []error{
		fs.ErrPermission, syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT, syscall.ENOMEM, syscall.EMFILE,
		syscall.ENFILE, bolterrors.ErrTimeout, bolterrors.ErrMaxSizeReached, syscall.ENOTDIR,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// prepare leaves a sound store at path.
func (b *Buffer) prepare(path string) error {
	fresh := filepath.Join(b.opts.Dir, nameFresh)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := b.prepareFresh(fresh); err != nil {
			return err
		}
		return errors.Join(os.Rename(fresh, path), syncDir(b.opts.Dir))
	} else if err != nil {
		return err
	}
	if b.self.Unfinished > maxUnfinished {
		return b.setAside(path, createStore(fresh), fmt.Errorf("%d starts did not get past it", b.self.Unfinished-1))
	}
	err := b.verify(path)
	if !errors.Is(err, ErrDamaged) {
		return err
	}
	return b.quarantine(path, err)
}

// prepareFresh leaves a sound store at path: the one that is there, made to the
// end, whose rename a power cut prevented, or an empty one.
func (b *Buffer) prepareFresh(path string) error {
	_, err := os.Lstat(path)
	if err == nil {
		err = b.verify(path)
	}
	if errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) {
		return createStore(path)
	}
	return err
}

// verify has the file checked. Only an error that wraps ErrDamaged is a verdict on
// the file.
func (b *Buffer) verify(path string) error {
	err := b.consult(func(ctx context.Context) error { return b.opts.Doctor.Verify(ctx, path) })
	if err == nil || errors.Is(err, ErrDamaged) || b.doctorCtx.Err() != nil {
		return err
	}
	b.opts.Log.Warn("store's check could not run, it is done in the agent", "file", path, "cause", err)
	return InProcess{}.Verify(b.doctorCtx, path)
}

// consult lets the Doctor work within its limit. One that does not end then is
// left behind: it may be stuck in the kernel.
func (b *Buffer) consult(work func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(b.doctorCtx, verifyWithin)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- guard(func() error { return work(ctx) }) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		grace := time.NewTimer(doctorGrace)
		defer grace.Stop()
		select {
		case err = <-done:
		case <-grace.C:
			err = ctx.Err()
		}
	}
	switch {
	case err == nil:
		return nil
	case b.doctorCtx.Err() != nil:
		return fmt.Errorf("check was stopped: %w", b.doctorCtx.Err()) // by Close: not the file's fault
	case ctx.Err() != nil:
		return fmt.Errorf("%w: check took longer than %v: %w", ErrDamaged, verifyWithin, err)
	case errors.Is(err, errPanicked):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// quarantine salvages what is readable into a fresh store, then sets the damaged
// one aside: in this order a power cut at any moment leaves one or the other.
func (b *Buffer) quarantine(path string, cause error) error {
	fresh := filepath.Join(b.opts.Dir, nameFresh)
	report, err := b.salvage(path, fresh)
	if b.doctorCtx.Err() != nil {
		return b.doctorCtx.Err()
	}
	if err != nil {
		b.opts.Log.Warn("nothing was salvaged", "cause", err)
		report = SalvageReport{}
		err = createStore(fresh)
	}
	if err := b.setAside(path, err, cause); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ending.Salvaged = report.Total()
	return nil
}

func (b *Buffer) salvage(src, dst string) (SalvageReport, error) {
	reports := make(chan SalvageReport, 1)
	err := b.consult(func(ctx context.Context) error {
		report, err := b.opts.Doctor.Salvage(ctx, src, dst)
		reports <- report
		return err
	})
	switch {
	case err == nil:
		return <-reports, nil
	case errors.Is(err, ErrDamaged) || b.doctorCtx.Err() != nil:
		return SalvageReport{}, err
	}
	b.opts.Log.Warn("salvage could not run, it is done in the agent", "file", src, "cause", err)
	return InProcess{}.Salvage(b.doctorCtx, src, dst)
}

// setAside moves a damaged store away and the fresh one, whose making ended with
// freshErr, into its place.
func (b *Buffer) setAside(path string, freshErr, cause error) error {
	if freshErr != nil {
		return freshErr
	}
	numbers := b.corruptNumbers()
	n := 1
	if len(numbers) > 0 {
		n = numbers[len(numbers)-1] + 1
	}
	name := nameCorrupt + strconv.Itoa(n)
	if err := os.Rename(path, filepath.Join(b.opts.Dir, name)); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(filepath.Join(b.opts.Dir, nameFresh), path), syncDir(b.opts.Dir)); err != nil {
		return err
	}
	b.opts.Log.Error("damaged store set aside", "file", name, "cause", cause)
	b.mu.Lock()
	b.ending.Quarantined = name
	b.mu.Unlock()
	for len(numbers) >= keepCorrupt {
		old := filepath.Join(b.opts.Dir, nameCorrupt+strconv.Itoa(numbers[0]))
		if err := os.RemoveAll(old); err != nil {
			b.opts.Log.Warn("old damaged store stays", "file", old, "cause", err)
		}
		numbers = numbers[1:]
	}
	return nil
}

// corruptNumbers are the numbers of the stores set aside, rising.
func (b *Buffer) corruptNumbers() []int {
	entries, err := os.ReadDir(b.opts.Dir)
	if err != nil {
		return nil
	}
	var numbers []int
	for _, e := range entries {
		if tail, ok := strings.CutPrefix(e.Name(), nameCorrupt); ok {
			if n, err := strconv.Atoi(tail); err == nil && n > 0 {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	return numbers
}
