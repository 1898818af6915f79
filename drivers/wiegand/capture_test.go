package wiegand

import (
	"bufio"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"watchpost/drivers"
)

// capture reads the recorded edges. The first row of each line is its level.
func capture(t testing.TB) (edges []drivers.Edge) {
	t.Helper()
	file, err := os.Open("testdata/wiegand34-two-reads.edges.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	seen := make(map[string]bool)
	for rows := bufio.NewScanner(file); rows.Scan(); {
		fields := strings.Split(rows.Text(), ",")
		if len(fields) != 3 || strings.HasPrefix(rows.Text(), "#") || fields[0] == "time_ns" {
			continue
		}
		at, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if seen[fields[1]] {
			edges = append(edges, drivers.Edge{Line: int(fields[1][1] - '0'), Rising: fields[2] == "1", At: time.Duration(at), Seqno: uint32(len(edges) + 1)})
		}
		seen[fields[1]] = true
	}
	return edges
}

// What the capture's own description says: two frames of 34 bits.
func TestCaptureFrames(t *testing.T) {
	edges := capture(t)
	var first []time.Duration
	for i, e := range edges {
		if !e.Rising && (i == 0 || e.At-edges[i-1].At > 100*ms) {
			first = append(first, e.At)
		}
	}
	if want := []time.Duration{622_400 * time.Microsecond, 1_190_400 * time.Microsecond}; !slices.Equal(first, want) {
		t.Errorf("frames begin at %v, want %v", first, want)
	}
	for _, gap := range []time.Duration{MinGap, DefaultGap, 50 * ms, MaxGap} {
		frames := assemble(gap, edges)
		if len(frames) != 2 {
			t.Fatalf("gap %s: %d frames, want 2", gap, len(frames))
		}
		for _, f := range frames {
			if got := sendable(f.bits, f.length); got != card34 || f.flaw != sound {
				t.Errorf("gap %s: %s flaw %d, want %s", gap, got, f.flaw, card34)
			}
		}
	}
	// A gap shorter than the bit period makes frames of one bit: refused.
	for _, f := range assemble(2*ms, edges) {
		if f.length == 34 {
			t.Error("a gap below the bit period still gave a frame")
		}
	}
}

func TestCaptureThroughTheReader(t *testing.T) {
	for _, tt := range []struct {
		opts Opts
		want []string
	}{
		{Opts{Formats: UID34}, []string{"uid:45320488", "uid:45320488"}},
		{Opts{Formats: UID34, Reversed: true}, []string{"uid:88043245", "uid:88043245"}},
		{Opts{Formats: UID34 | H10301 | Keypad8, Repeat: time.Second}, []string{"uid:45320488"}},
		{Opts{Formats: H10301 | H10304 | Keypad4}, nil},
	} {
		out, _ := run(t, newLines(capture(t)...), tt.opts, 3*time.Second)
		if got := tokens(out); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.opts.Formats, got, tt.want)
		}
	}
	out, _ := run(t, newLines(exchanged(capture(t))...), Opts{Formats: UID34}, 3*time.Second)
	if got := last(out, drivers.Card); len(tokens(out)) != 0 || got.Reason != drivers.SwappedLines {
		t.Errorf("exchanged: %q, %+v", tokens(out), got)
	}
}
