package buffer

import (
	"context"
	"fmt"
	"testing"
)

// slowDoctor holds the opening up until it is told to go on.
type slowDoctor struct {
	InProcess
	gate chan struct{}
}

func (d slowDoctor) Verify(ctx context.Context, path string) error {
	<-d.gate
	return d.InProcess.Verify(ctx, path)
}

// sendFrom sends and confirms the events after a position.
func sendFrom(t *testing.T, b *Buffer, after Position) string {
	t.Helper()
	got := ""
	for {
		entries, err := b.Next("city", Events, after, 2, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			return got
		}
		for _, e := range entries {
			after = e.Position
			got += string(e.Record) + ";"
		}
		if err := b.Confirm("city", Events, after); err != nil {
			t.Fatal(err)
		}
	}
}

// While the store is not open new records are sent; the older ones, still on
// flash, are not lost by it, and the new ones are not sent twice.
func TestSendingBeforeTheStoreIsOpen(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir))
	for i := range 5 {
		mustAppend(t, b, Events, fmt.Sprint("old ", i))
	}
	mustClose(t, b)
	o := options(dir)
	gate := make(chan struct{})
	o.Doctor = slowDoctor{gate: gate}
	b, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	var positions []Position
	for i := range 4 {
		p, _ := b.Append(Events, fmt.Append(nil, "new ", i)) // not durable yet
		positions = append(positions, p)
	}
	entries, err := b.Next("city", Events, b.Cursor("city", Events), 3, 1000)
	if err != nil || len(entries) != 3 {
		t.Fatalf("next: %v, %v", entries, err)
	}
	if err := b.Confirm("city", Events, positions[1]); err != nil {
		t.Fatal(err)
	}
	checkSums(t, b)
	close(gate)
	<-b.Ready()
	checkSums(t, b)
	// The third was handed out before, and is confirmed only now.
	if err := b.Confirm("city", Events, positions[2]); err != nil {
		t.Fatal(err)
	}
	got := sendFrom(t, b, positions[2])
	if want := "old 0;old 1;old 2;old 3;old 4;new 3;"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s := b.Stats().Lanes["city"][Events]
	if s != (LaneStats{Offered: 9, Confirmed: 9}) {
		t.Errorf("account: %+v", s)
	}
	mustClose(t, b)
	b = open(t, options(dir))
	if got := drain(t, b, "city", Events); len(got) != 0 {
		t.Errorf("after restart: %q", got)
	}
}
