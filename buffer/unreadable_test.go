package buffer

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// forward sends a lane as forward does: it confirms each batch, and tries again
// while the store is being opened anew.
func forward(t *testing.T, b *Buffer, l Lane) []string {
	t.Helper()
	var out []string
	after := b.Cursor("city", l)
	for tries := 0; tries < 10; {
		entries, err := b.Next("city", l, after, 3, 1<<16)
		if err != nil {
			time.Sleep(time.Second)
			tries++
			continue
		}
		if len(entries) == 0 {
			return out
		}
		for _, e := range entries {
			after = e.Position
			out = append(out, string(e.Record))
		}
		if err := b.Confirm("city", l, after); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the lane stays unreadable")
	return nil
}

// heldOnFlash makes a buffer whose records are read from flash: ten events and
// ten readings in blocks of their own.
func heldOnFlash(t *testing.T, losses *[]Loss) (*Buffer, Options) {
	t.Helper()
	o := options(t.TempDir())
	o.TailBytes = 1
	o.EncodeLoss = func(l Loss) []byte { *losses = append(*losses, l); return encodeLoss(l) }
	b := open(t, o)
	for i := range 10 {
		mustAppend(t, b, Events, fmt.Sprint("event ", i))
		mustAppend(t, b, Readings, fmt.Sprint("reading ", i))
		time.Sleep(time.Second)
	}
	return b, o
}

// liveBlocks flips a bit in the blocks of readings with these seqs.
func liveBlocks(t *testing.T, b *Buffer, dir string, seqs ...uint64) {
	t.Helper()
	path := filepath.Join(dir, nameStore)
	was, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	now := slices.Clone(was)
	for _, seq := range seqs {
		v := value{kind: kindBlock, lane: Readings, pos: Position{Run: b.run, Seq: seq}}
		if flipIn(now, string(v.encode()[:28])) == 0 {
			t.Fatalf("no block %d", seq)
		}
	}
	writeDifference(t, path, was, now)
}

// A value that went bad under a running buffer: it is passed over, counted and
// said in one event, and what is behind it is sent.
func TestUnreadableRecordIsSkippedCountedAndSaid(t *testing.T) {
	outer := t
	synctest.Test(t, func(t *testing.T) {
		var losses []Loss
		b, o := heldOnFlash(outer, &losses)
		liveBlocks(t, b, o.Dir, 4, 5, 6)
		want := []string{"reading 0", "reading 1", "reading 2", "reading 6", "reading 7", "reading 8", "reading 9"}
		if diff := cmp.Diff(want, forward(t, b, Readings)); diff != "" {
			t.Error(diff)
		}
		if got := b.Stats().Lanes["city"][Readings]; got != (LaneStats{Offered: 10, Confirmed: 7, GivenUp: 3}) {
			t.Errorf("account: %+v", got)
		}
		checkSums(t, b)
		said := losses[len(losses)-1]
		wantLoss := Loss{Lane: Readings, Reason: LossUnreadable, Count: 3, Ranges: []Range{{Run: b.Run(), First: 4, Last: 6}}}
		if diff := cmp.Diff(wantLoss, said); diff != "" {
			t.Error(diff)
		}
		events := forward(t, b, Events)
		if len(events) != 11 || events[10] != string(encodeLoss(wantLoss)) {
			t.Errorf("events: %q", events)
		}
		mustClose(t, b)
		b = open(t, o)
		if e := b.Ending(); e.Quarantined != "" || len(forward(t, b, Readings)) != 0 {
			t.Errorf("after a restart: %+v", e)
		}
		mustClose(t, b)
	})
}

// An event whose value is bad, found by the page.
func TestUnreadableRecordFoundByRecent(t *testing.T) {
	outer := t
	synctest.Test(t, func(t *testing.T) {
		var losses []Loss
		b, o := heldOnFlash(outer, &losses)
		flipLive(t, o.Dir, "event 3")
		recent, err := b.Recent(Events, 10)
		if err != nil || len(recent) != 9 {
			t.Errorf("recent: %d, %v", len(recent), err)
		}
		if got := forward(t, b, Events); len(got) != 10 || slices.Contains(got, "event 3") {
			t.Errorf("events: %q", got)
		}
		if got := b.Stats().Lanes["city"][Events]; got != (LaneStats{Offered: 11, Confirmed: 10, GivenUp: 1}) || len(losses) != 1 {
			t.Errorf("account: %+v, losses %+v", got, losses)
		}
		mustClose(t, b)
	})
}

// tearPages damages each page that holds the value, in the file of a store that
// is open.
func tearPages(t *testing.T, dir, value string, tear func(page []byte)) {
	t.Helper()
	path := filepath.Join(dir, nameStore)
	was, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	now := slices.Clone(was)
	for at := 2 * pageSize; at < len(now); at += pageSize {
		if strings.Contains(string(now[at:at+pageSize]), value) {
			tear(now[at : at+pageSize])
		}
	}
	writeDifference(t, path, was, now)
}

// A page whose structure does not hold under a running buffer: the store is
// looked at, salvaged and opened anew, and what is lost for good is said.
func TestTornPageUnderARunningBufferIsSalvaged(t *testing.T) {
	outer := t
	for name, tear := range map[string]func(page []byte){
		"zeroed":         func(p []byte) { clear(p) },
		"garbage header": func(p []byte) { copy(p[8:], "\xff\xff\xff\xff\xff\xff\xff\xff") },
		"no entries":     func(p []byte) { clear(p[10:12]) },
		"fewer entries":  func(p []byte) { p[10] /= 2 },
	} {
		synctest.Test(t, func(t *testing.T) {
			var losses []Loss
			b, o := heldOnFlash(outer, &losses)
			for i := range 60 { // more than one page, so that not the root is torn
				mustAppend(t, b, Events, strings.Repeat(fmt.Sprint("later ", i), 20))
			}
			tearPages(t, o.Dir, "event 9", tear)
			got := forward(t, b, Events)
			s := b.Stats()
			if !s.Durable || b.Ending().Quarantined == "" {
				t.Errorf("%s: stats %+v, ending %+v", name, s, b.Ending())
			}
			checkSums(t, b)
			city := s.Lanes["city"][Events]
			if city.Held != 0 || city.Confirmed != uint64(len(got)) {
				t.Errorf("%s: account %+v, sent %d", name, city, len(got))
			}
			newest := map[Lane]uint64{} // a loss event is made again as it grows
			for _, loss := range losses {
				newest[loss.Lane] = loss.Count
			}
			said := newest[Alarms] + newest[Events] + newest[Readings]
			if given := city.GivenUp + s.Lanes["city"][Readings].GivenUp; said != given {
				t.Errorf("%s: loss says %d, given up %d", name, said, given)
			}
			for i := range 10 {
				e := fmt.Sprint("event ", i)
				if !slices.Contains(got, e) && said == 0 {
					t.Errorf("%s: %s is gone and nobody says so", name, e)
				}
			}
			mustClose(t, b)
		})
	}
}

// A record that is given up in the order it was returned, by each platform.
func TestGiveUpIsSaidOnceAndGoesOn(t *testing.T) {
	o := options(t.TempDir())
	o.Platforms = []string{"city", "county"}
	var losses []Loss
	o.EncodeLoss = func(l Loss) []byte { losses = append(losses, l); return encodeLoss(l) }
	b := open(t, o)
	var at []Position
	for i := range 4 {
		at = append(at, mustAppend(t, b, Alarms, fmt.Sprint("alarm ", i)))
	}
	for _, platform := range o.Platforms {
		drain(t, b, platform, Alarms)
		if err := b.GiveUp(platform, Alarms, at[1], LossUnreadable); err == nil {
			t.Error("given up past a record that is not confirmed")
		}
		if err := b.Confirm(platform, Alarms, at[0]); err != nil {
			t.Fatal(err)
		}
		for _, p := range at[1:3] {
			if err := b.GiveUp(platform, Alarms, p, LossUnreadable); err != nil {
				t.Fatal(err)
			}
		}
		if got := fmt.Sprint(drain(t, b, platform, Alarms)); got != "[alarm 3]" {
			t.Errorf("%s goes on with %s", platform, got)
		}
		if got := b.Stats().Lanes[platform][Alarms]; got != (LaneStats{Offered: 4, Confirmed: 1, GivenUp: 2, Held: 1}) {
			t.Errorf("%s: %+v", platform, got)
		}
	}
	want := Loss{Lane: Alarms, Reason: LossUnreadable, Count: 2, Ranges: []Range{{Run: b.Run(), First: 2, Last: 3}}}
	if diff := cmp.Diff(want, losses[len(losses)-1]); diff != "" || b.Stats().LastSeq[Events] != 1 {
		t.Errorf("%d loss events: %s", b.Stats().LastSeq[Events], diff)
	}
	checkSums(t, b)
}

// Readers, while blocks they read are confirmed, given up and deleted: each
// returns records as they were appended, in order, and no error.
func TestReadingWhileDeleting(t *testing.T) {
	o := options(t.TempDir())
	o.Platforms = []string{"city", "county"}
	o.CommitEvery, o.PendingMax, o.TailBytes, o.MaxBytes = time.Millisecond, 8, 1, 256<<10
	o.seam.noSync = true
	b := open(t, o)
	stop := make(chan struct{})
	var all sync.WaitGroup
	reader := func(read func() ([]Entry, error)) {
		all.Go(func() {
			for {
				entries, err := read()
				if err != nil {
					t.Error(err)
					return
				}
				for i, e := range entries {
					if !strings.HasPrefix(string(e.Record), fmt.Sprint(e.Seq, " ")) || i > 0 && !entries[i-1].before(e.Position) {
						t.Errorf("at %d: %.20q", e.Seq, e.Record)
					}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	var after Position
	reader(func() ([]Entry, error) {
		entries, err := b.Next("city", Readings, after, 20, 1<<14)
		if err == nil && len(entries) > 0 {
			after = entries[len(entries)-1].Position
			err = b.Confirm("city", Readings, after)
		}
		return entries, err
	})
	reader(func() ([]Entry, error) { return b.Next("county", Readings, b.Cursor("county", Readings), 50, 1<<16) })
	reader(func() ([]Entry, error) { return b.Recent(Readings, 40) })
	filler := strings.Repeat("0123456789abcdef", 40)
	for i := 1; i <= 3000; i++ {
		mustAppend(t, b, Readings, fmt.Sprint(i, " ", filler[i%97:], i*7919))
	}
	close(stop)
	all.Wait()
	checkSums(t, b)
	mustClose(t, b)
}
