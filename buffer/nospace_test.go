package buffer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// fullDisk makes each transaction fail for want of space while it is set.
func fullDisk(o *Options) *atomic.Bool {
	full := new(atomic.Bool)
	o.seam.beforeCommit = func() error {
		if full.Load() {
			return fmt.Errorf("write: %w", syscall.ENOSPC)
		}
		return nil
	}
	return full
}

// A disk that something else fills: nothing is given up for it, alarms are sent
// from memory, and all is durable again once there is room.
func TestDiskFilledByOthersCostsNoRecord(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := options(dir)
		full := fullDisk(&o)
		b := open(t, o)
		mustAppend(t, b, Readings, "oldest")
		time.Sleep(time.Second)
		full.Store(true)
		if _, err := b.Append(Alarms, []byte("fire")); !errors.Is(err, ErrNotDurable) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("append on a full disk: %v", err)
		}
		if got := drain(t, b, "city", Alarms); len(got) != 1 {
			t.Errorf("alarm is not sent: %q", got)
		}
		for range 3600 {
			_, _ = b.Append(Readings, []byte("meanwhile")) // not durable
			time.Sleep(time.Second)
		}
		full.Store(false)
		time.Sleep(2 * time.Minute)
		if s := b.Stats(); !s.Durable || s.Pending != 0 || s.Lanes["city"][Readings] != (LaneStats{Offered: 3601, Held: 3601}) {
			t.Errorf("after room was made: %+v", s)
		}
		if got := drain(t, b, "city", Events); len(got) != 0 {
			t.Errorf("loss events: %q", got)
		}
		mustClose(t, b)
		b = open(t, o)
		if got := drain(t, b, "city", Readings); len(got) != 3601 || got[0] != "oldest" {
			t.Errorf("%d readings after a restart", len(got))
		}
		mustClose(t, b)
	})
}

// A disk that our own records fill: the oldest readings go, and it is said.
func TestDiskFilledByTheStoreGivesUpReadings(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := options(dir)
		o.MaxBytes, o.TailBytes = 256<<10, 1
		full := fullDisk(&o)
		b := open(t, o)
		r := rand.New(rand.NewPCG(1, 1))
		for b.Stats().LiveBytes < o.MaxBytes/10*9 {
			mustAppend(t, b, Readings, randomRecord(r, 400))
			time.Sleep(o.CommitEvery)
		}
		full.Store(true)
		_, _ = b.Append(Readings, []byte("one more")) // not durable
		time.Sleep(time.Second)
		full.Store(false)
		time.Sleep(2 * time.Minute)
		s := b.Stats()
		if city := s.Lanes["city"][Readings]; !s.Durable || s.Pending != 0 || city.GivenUp == 0 || city.GivenUp > city.Offered/4 {
			t.Errorf("after room was made: %+v", s)
		}
		if got := drain(t, b, "city", Events); len(got) != 1 || !strings.Contains(got[0], "full") {
			t.Errorf("loss events: %q", got)
		}
		checkSums(t, b)
		mustClose(t, b)
	})
}

// Memory as the only store: oldest readings go, and it is said.
func TestFullMemory(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := options(dir)
		o.MemoryBytes, o.TailBytes = 50_000, 1
		full := fullDisk(&o)
		b := open(t, o)
		full.Store(true)
		_, _ = b.Append(Alarms, []byte("fire")) // not durable
		for i := range 1000 {
			_, _ = b.Append(Readings, fmt.Appendf(nil, "%100d", i)) // not durable
		}
		s := b.Stats()
		if s.MemoryBytes > 51_000 || s.Lanes["city"][Readings].GivenUp < 400 {
			t.Errorf("stats: %+v", s)
		}
		got := drain(t, b, "city", Readings)
		if uint64(len(got)) != s.Lanes["city"][Readings].Held || !strings.HasSuffix(got[len(got)-1], " 999") {
			t.Errorf("%d readings, %d held", len(got), s.Lanes["city"][Readings].Held)
		}
		if e := drain(t, b, "city", Events); len(e) != 1 || !strings.Contains(e[0], "memory") {
			t.Errorf("events: %q", e)
		}
		if a := drain(t, b, "city", Alarms); len(a) != 1 {
			t.Errorf("alarms: %q", a)
		}
		checkSums(t, b)
		full.Store(false)
		time.Sleep(2 * time.Minute)
		if s := b.Stats(); !s.Durable || s.Pending != 0 {
			t.Errorf("after room was made: %+v", s)
		}
		mustClose(t, b)
	})
}
