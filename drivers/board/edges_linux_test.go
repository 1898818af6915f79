package board

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/warthog618/go-gpiocdev"
	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
)

// What is asked of the kernel. The request itself needs a GPIO chip, which a
// test machine does not have.
func TestEdgeRequest(t *testing.T) {
	count := func(opts EdgeOptions, want gpiocdev.LineReqOption) (n int) {
		for _, option := range edgeRequest(opts, func(gpiocdev.LineEvent) {}) {
			if _, isHandler := option.(gpiocdev.EventHandler); !isHandler && option == want {
				n++
			}
		}
		return n
	}
	opts := EdgeOptions{Pull: gpio.PullUp, FallingOnly: true, Buffer: 256}
	for _, want := range []gpiocdev.LineReqOption{
		gpiocdev.AsInput, gpiocdev.WithFallingEdge, gpiocdev.WithPullUp, gpiocdev.WithMonotonicEventClock, gpiocdev.WithEventBufferSize(256),
	} {
		if count(opts, want) != 1 {
			t.Errorf("request lacks %T %v", want, want)
		}
	}
	if count(opts, gpiocdev.WithBothEdges) != 0 || count(EdgeOptions{}, gpiocdev.WithBothEdges) != 1 {
		t.Error("both edges are wanted only without FallingOnly")
	}
	if count(opts, gpiocdev.WithRealtimeEventClock) != 0 {
		t.Error("the real-time clock is missing on vendor kernels of 5.10")
	}
	for pull, want := range map[gpio.Pull]gpiocdev.LineReqOption{gpio.PullDown: gpiocdev.WithPullDown, gpio.Float: gpiocdev.WithBiasDisabled} {
		if count(EdgeOptions{Pull: pull}, want) != 1 {
			t.Errorf("pull %s is not asked for", pull)
		}
	}
	for _, bias := range []gpiocdev.LineReqOption{gpiocdev.WithPullUp, gpiocdev.WithPullDown, gpiocdev.WithBiasDisabled} {
		if count(EdgeOptions{Pull: gpio.PullNoChange}, bias) != 0 {
			t.Error("an unchanged pull is set")
		}
	}
}

func TestToEdge(t *testing.T) {
	offsets := []int{17, 4}
	for _, tt := range []struct {
		event gpiocdev.LineEvent
		want  drivers.Edge
	}{
		{gpiocdev.LineEvent{Offset: 17, Timestamp: 5 * time.Second, Type: gpiocdev.LineEventFallingEdge, Seqno: 7, LineSeqno: 3}, drivers.Edge{Line: 0, At: 5 * time.Second, Seqno: 7}},
		{gpiocdev.LineEvent{Offset: 4, Timestamp: 1, Type: gpiocdev.LineEventRisingEdge, Seqno: 8}, drivers.Edge{Line: 1, Rising: true, At: 1, Seqno: 8}},
	} {
		if diff := cmp.Diff(tt.want, toEdge(tt.event, offsets)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestOpenEdgesWithoutAChip(t *testing.T) {
	h := &periphHost{log: slog.New(slog.DiscardHandler)}
	for _, tt := range []struct {
		lines  []string
		reason drivers.Reason
		words  string
	}{
		{[]string{"gpiochip97:5", "gpiochip97:6"}, drivers.Missing, "is it enabled in the device tree"},
		{[]string{"no such line", "gpiochip97:6"}, drivers.Missing, "no such line"},
		{[]string{"_", "gpiochip97:6"}, drivers.Missing, "write gpiochip0:17"},
		{[]string{"gpiochip97:5", "gpiochip98:6"}, drivers.BadWiring, "same chip"},
		{[]string{"gpiochip97:5", "gpiochip97:5"}, drivers.BadWiring, "both names are of line 5"},
	} {
		edges, err := h.OpenEdges(tt.lines, EdgeOptions{})
		if err == nil {
			_ = edges.Close() // a machine with a chip numbered 97
			t.Fatalf("%q opened", tt.lines)
		}
		if drivers.ReasonOf(err) != tt.reason || !strings.Contains(err.Error(), tt.words) {
			t.Errorf("%q: %v (%s), want %s with %q", tt.lines, err, drivers.ReasonOf(err), tt.reason, tt.words)
		}
	}
}

// A device that is there and is no GPIO chip.
func TestOpenEdgesOfSomethingElse(t *testing.T) {
	if _, err := openChip("null"); !errors.Is(err, gpiocdev.ErrNotCharacterDevice) {
		t.Errorf("/dev/null as a chip: %v", err)
	}
}

// go-gpiocdev's goroutine puts, the owner's takes; more than there is room for
// shows as one gap before the edges that are left.
func TestEdgeQueueOverflow(t *testing.T) {
	q := newEdgeQueue(8)
	e := &cdevEdges{offsets: []int{5, 6}, queue: q, log: slog.New(slog.DiscardHandler)}
	for i := range 20 {
		e.handle(gpiocdev.LineEvent{Offset: 5 + i%2, Type: gpiocdev.LineEventFallingEdge, Seqno: uint32(i + 1)})
	}
	got := make([]drivers.Edge, 64)
	n, err := e.Next(got, time.Second)
	if n != 8 || err != nil || got[0].Seqno != 13 || got[7].Seqno != 20 || q.dropped.Load() != 12 {
		t.Errorf("%d edges, from %d to %d, %d dropped, %v; want 8 from 13 to 20, 12 dropped", n, got[0].Seqno, got[max(n-1, 0)].Seqno, q.dropped.Load(), err)
	}
	if n := q.next(got, time.Millisecond); n != 0 {
		t.Errorf("an empty queue gave %d edges", n)
	}
	if n := q.next(nil, time.Hour); n != 0 {
		t.Errorf("no room, and %d edges", n)
	}
}

// Whatever the two goroutines do, no edge is doubled, out of order, or missing
// without a gap, and what is missing is counted.
func TestEdgeQueueUnderLoad(t *testing.T) {
	const total = 20_000
	q := newEdgeQueue(16)
	var producer sync.WaitGroup
	producer.Go(func() {
		for i := range total {
			q.put(drivers.Edge{Seqno: uint32(i + 1)})
		}
	})
	var last, got int64
	edges := make([]drivers.Edge, 5)
	for last != total {
		n := q.next(edges, 10*time.Second)
		if n == 0 {
			t.Fatalf("nothing after edge %d of %d: the newest is never lost", last, total)
		}
		for _, e := range edges[:n] {
			if int64(e.Seqno) <= last {
				t.Fatalf("edge %d after %d", e.Seqno, last)
			}
			last = int64(e.Seqno)
			got++
		}
	}
	producer.Wait()
	if dropped := q.dropped.Load(); got+dropped != total {
		t.Errorf("%d delivered and %d dropped of %d", got, dropped, total)
	}
}
