package buffer

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// hungDisk makes each transaction wait for ever while it is set; the returned
// function lets them go.
func hungDisk(o *Options) (hung *atomic.Bool, release func()) {
	hung, gate := new(atomic.Bool), make(chan struct{})
	o.seam.beforeCommit = func() error {
		if hung.Load() {
			<-gate
		}
		return nil
	}
	return hung, func() { hung.Store(false); close(gate) }
}

func TestWorkingStoreIsNoStall(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := options(dir)
		full := fullDisk(&o)
		b := open(t, o)
		for i := range 600 {
			full.Store(i > 200 && i < 400) // a store that refuses is a condition, not a stall
			_, _ = b.Append(Readings, []byte("a"))
			time.Sleep(time.Second)
			if err := b.Stalled(); err != nil {
				t.Fatalf("after %d s: %v", i, err)
			}
		}
		full.Store(false)
		time.Sleep(24 * time.Hour) // nothing to do
		if err := b.Stalled(); err != nil {
			t.Error(err)
		}
		mustClose(t, b)
		if err := b.Stalled(); err != nil {
			t.Errorf("closed: %v", err)
		}
	})
}

func TestHungStorageIsAStall(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := options(dir)
		hung, release := hungDisk(&o)
		b := open(t, o)
		hung.Store(true)
		mustAppend(t, b, Readings, "a")
		time.Sleep(b.opts.CommitEvery + busyWithin/2)
		if err := b.Stalled(); err != nil {
			t.Errorf("a slow commit: %v", err)
		}
		time.Sleep(busyWithin)
		if err := b.Stalled(); err == nil || !strings.Contains(err.Error(), "takes") {
			t.Errorf("storage that never answers: %v", err)
		}
		release()
		time.Sleep(time.Second)
		if err := b.Stalled(); err != nil {
			t.Errorf("storage that answers again: %v", err)
		}
		mustClose(t, b)
	})
}

// A keeper that has ended without Close, as after a bug, leaves undone what is due.
func TestMissingKeeperIsAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, options(t.TempDir()))
		mustAppend(t, b, Readings, "a")
		close(b.stop) // the keeper goes, nobody knows
		<-b.ended
		b.attached, b.readOnly = false, false
		b.retryAt = time.Now().Add(time.Second)
		if err := b.Stalled(); err != nil {
			t.Errorf("nothing is late yet: %v", err)
		}
		time.Sleep(lateWithin + 2*time.Second)
		if err := b.Stalled(); err == nil || !strings.Contains(err.Error(), "due") {
			t.Errorf("nobody commits: %v", err)
		}
		b.closed = true // nothing is left to close
	})
}
