package buffer

import (
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// gaps is a buffer whose store can be taken away and brought back.
type gaps struct {
	*Buffer
	t     *testing.T
	fault *atomic.Bool
}

func newGaps(t *testing.T, dir string) *gaps {
	g := &gaps{t: t, fault: new(atomic.Bool)}
	o := options(dir)
	o.TailBytes = 1
	o.seam.announce = func() error {
		if g.fault.Load() {
			return syscall.EIO
		}
		return nil
	}
	o.seam.beforeCommit = o.seam.announce
	g.Buffer = open(t, o)
	return g
}

// lose takes the store away; the record is the first that is in memory only.
func (g *gaps) lose(record string) Position {
	g.fault.Store(true)
	p, _ := g.Append(Events, []byte(record)) // not durable
	time.Sleep(time.Second)
	synctest.Wait()
	return p
}

func (g *gaps) regain() {
	g.fault.Store(false)
	time.Sleep(time.Minute)
	synctest.Wait()
}

// next returns up to n records after a position, and the last one's.
func (g *gaps) next(after Position, n int) (string, Position) {
	g.t.Helper()
	entries, err := g.Next("city", Events, after, n, 1<<16)
	if err != nil {
		g.t.Fatal(err)
	}
	got := ""
	for _, e := range entries {
		got += string(e.Record) + ";"
		after = e.Position
	}
	return got, after
}

func (g *gaps) confirm(p Position) {
	g.t.Helper()
	if err := g.Confirm("city", Events, p); err != nil {
		g.t.Fatal(err)
	}
	checkSums(g.t, g.Buffer)
}

// rest sends all that is not confirmed, from the cursor.
func (g *gaps) rest() string {
	all := ""
	after := g.Cursor("city", Events)
	for {
		got, last := g.next(after, 2)
		if got == "" {
			return all
		}
		g.confirm(last)
		all, after = all+got, last
	}
}

// A confirmation may come late, after the store was lost and regained and lost
// again. It never carries the cursor over records that were not sent.
func TestLateConfirmationPassesNothingOver(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		g := newGaps(t, dir)
		for _, r := range []string{"1", "2", "3", "4"} {
			mustAppend(t, g.Buffer, Events, r)
		}
		g.lose("5")
		got, early := g.next(Position{}, 1)
		if got != "1;" && got != "5;" {
			t.Fatalf("in the gap: %s", got)
		}
		if got == "1;" {
			t.Fatal("the older records are in memory: this proves nothing")
		}
		g.regain()
		if got, _ := g.next(early, 2); got != "1;2;" {
			t.Fatalf("after the gap: %s", got)
		}
		mustAppend(t, g.Buffer, Events, "6")
		g.lose("7")
		if got, _ := g.next(early, 9); got != "7;" {
			t.Fatalf("in the second gap: %s", got)
		}
		g.regain()
		g.confirm(early) // of the first gap, after the second
		got = g.rest()
		if want := "1;2;3;4;5;6;7;"; got != want && got != "1;2;3;4;6;7;" {
			t.Errorf("sent %s, want %s", got, want)
		}
		if s := g.Stats().Lanes["city"][Events]; s != (LaneStats{Offered: 7, Confirmed: 7}) {
			t.Errorf("account: %+v", s)
		}
		mustClose(t, g.Buffer)
	})
}

// What was handed out early and is then sent again with older records is settled
// by its own confirmation.
func TestConfirmationAcrossTheGapSettlesAll(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		g := newGaps(t, dir)
		mustAppend(t, g.Buffer, Events, "1")
		mustAppend(t, g.Buffer, Events, "2")
		g.lose("3")
		_, early := g.next(Position{}, 1)
		g.regain()
		first, last := g.next(early, 9)
		g.confirm(last)
		second, last := g.next(last, 9)
		g.confirm(last)
		if first != "1;2;" || second != "3;" {
			t.Errorf("sent %q, then %q", first, second)
		}
		if s := g.Stats().Lanes["city"][Events]; s != (LaneStats{Offered: 3, Confirmed: 3}) {
			t.Errorf("account: %+v", s)
		}
		mustClose(t, g.Buffer)
	})
}

// A record given up in a gap does not carry the cursor over older ones.
func TestGiveUpInAGapPassesNothingOver(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		g := newGaps(t, dir)
		mustAppend(t, g.Buffer, Events, "1")
		mustAppend(t, g.Buffer, Events, "2")
		mustClose(t, g.Buffer)
		o := options(dir)
		gate := make(chan struct{})
		o.Doctor, o.EncodeLoss = slowDoctor{gate: gate}, nil
		b, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		g.Buffer = b
		p, _ := b.Append(Events, []byte("3")) // not durable yet
		g.next(Position{}, 1)
		if err := b.GiveUp("city", Events, p, LossUnreadable); err != nil {
			t.Fatal(err)
		}
		close(gate)
		<-b.Ready()
		if got := g.rest(); got != "1;2;" {
			t.Errorf("sent %s", got)
		}
		if s := b.Stats().Lanes["city"][Events]; s != (LaneStats{Offered: 3, Confirmed: 2, GivenUp: 1}) {
			t.Errorf("account: %+v", s)
		}
		mustClose(t, b)
	})
}
