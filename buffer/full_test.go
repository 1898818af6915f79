package buffer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func randomRecord(r *rand.Rand, n int) string {
	raw := make([]byte, n)
	for i := range raw {
		raw[i] = byte(r.Uint32())
	}
	return string(raw)
}

// appendRandom appends readings that cannot be deflated, one each millisecond, and
// lets the last commit pass.
func appendRandom(t *testing.T, b *Buffer, r *rand.Rand, n int) (last Position) {
	t.Helper()
	for range n {
		last = mustAppend(t, b, Readings, randomRecord(r, 400))
		time.Sleep(time.Millisecond)
	}
	time.Sleep(time.Second)
	return last
}

// At the cap the oldest readings go, alarms and events stay, and one loss event
// states the whole range.
func TestFullStoreGivesUpOldestReadings(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := options(dir)
		o.MaxBytes = 512 << 10
		o.TailBytes = 1000
		o.Platforms = []string{"city", "county"}
		var losses []Loss
		o.EncodeLoss = func(l Loss) []byte { losses = append(losses, l); return encodeLoss(l) }
		b := open(t, o)
		r := rand.New(rand.NewPCG(1, 1))
		mustAppend(t, b, Alarms, "fire")
		last := appendRandom(t, b, r, 3000)
		s := b.Stats()
		if s.LiveBytes > o.MaxBytes || s.LiveBytes < o.MaxBytes*8/10 {
			t.Errorf("live %d, cap %d", s.LiveBytes, o.MaxBytes)
		}
		city := s.Lanes["city"][Readings]
		if city.GivenUp == 0 || city.Held == 0 || city.Held+city.GivenUp != 3000 {
			t.Errorf("readings: %+v", city)
		}
		checkSums(t, b)
		events := drain(t, b, "city", Events)
		if len(events) != 1 || s.LastSeq[Events] != 1 {
			t.Errorf("%d loss events, want 1", len(events))
		}
		said := losses[len(losses)-1]
		if said.Count != city.GivenUp || len(said.Ranges) != 1 || said.Ranges[0] != (Range{Run: b.Run(), First: 1, Last: city.GivenUp}) {
			t.Errorf("loss says %+v, given up %d", said, city.GivenUp)
		}
		if got := drain(t, b, "city", Readings); uint64(len(got)) != city.Held {
			t.Errorf("%d readings to be had, %d held", len(got), city.Held)
		}
		// Once read, a loss is not changed any more.
		appendRandom(t, b, r, 500)
		if again := drain(t, b, "county", Events); len(again) != 2 || again[0] != events[0] {
			t.Errorf("loss events after more losses: %d", len(again))
		}
		if got := drain(t, b, "city", Alarms); len(got) != 1 {
			t.Errorf("alarms: %q", got)
		}
		// A platform that has everything loses nothing.
		if err := b.Confirm("county", Readings, last); err != nil {
			t.Fatal(err)
		}
		checkSums(t, b)
		mustClose(t, b)
		b = open(t, o)
		if got := drain(t, b, "county", Events); len(got) != 2 {
			t.Errorf("loss events after a restart: %d", len(got))
		}
		mustClose(t, b)
	})
}

// A commit whose outcome is unknown: the store is looked at anew and the records
// are written once, under their own seqs.
func TestUnknownOutcomeOfCommit(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		faults := 0
		o := options(dir)
		o.seam.beforeCommit = func() error {
			if faults > 0 {
				faults--
				return syscall.EIO
			}
			return nil
		}
		b := open(t, o)
		mustAppend(t, b, Events, "before")
		mustAppend(t, b, Readings, "r")
		faults = 1
		if _, err := b.Append(Events, []byte("at")); !errors.Is(err, ErrNotDurable) || !errors.Is(err, syscall.EIO) {
			t.Errorf("append: %v", err)
		}
		time.Sleep(time.Minute)
		mustAppend(t, b, Events, "after")
		if got := fmt.Sprint(drain(t, b, "city", Events)); got != "[before at after]" {
			t.Errorf("events: %s", got)
		}
		if s := b.Stats(); !s.Durable || s.Pending != 0 || b.Ending().Quarantined != "" {
			t.Errorf("stats: %+v", s)
		}
		checkSums(t, b)
		mustClose(t, b)
		b = open(t, o)
		if got := fmt.Sprint(drain(t, b, "city", Events), drain(t, b, "city", Readings)); got != "[before at after] [r]" {
			t.Errorf("after restart: %s", got)
		}
		mustClose(t, b)
	})
}

// Storage that hangs: readings and reads go on, an alarm's Append ends in time.
func TestHangingStorage(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var hang atomic.Bool
		release := make(chan struct{})
		o := options(dir)
		o.seam.beforeCommit = func() error {
			if hang.Load() {
				<-release
			}
			return nil
		}
		b := open(t, o)
		hang.Store(true)
		start := time.Now()
		if _, err := b.Append(Alarms, []byte("fire")); !errors.Is(err, ErrNotDurable) {
			t.Errorf("append: %v", err)
		}
		if took := time.Since(start); took != appendWithin {
			t.Errorf("append took %v", took)
		}
		mustAppend(t, b, Readings, "r")
		if got := fmt.Sprint(drain(t, b, "city", Alarms), drain(t, b, "city", Readings)); got != "[fire] [r]" {
			t.Errorf("while it hangs: %s", got)
		}
		hang.Store(false)
		close(release)
		time.Sleep(time.Minute)
		if s := b.Stats(); s.Pending != 0 {
			t.Errorf("stats: %+v", s)
		}
		mustClose(t, b)
	})
}
