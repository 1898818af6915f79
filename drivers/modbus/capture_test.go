package modbus

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rows are the lines of a capture below its head.
func rows(t *testing.T, name string) (out [][]string) {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	header := true
	for lines.Scan() {
		switch {
		case strings.HasPrefix(lines.Text(), "#"):
		case header:
			header = false
		default:
			out = append(out, strings.Split(lines.Text(), ","))
		}
	}
	if err := lines.Err(); err != nil || len(out) == 0 {
		t.Fatalf("%s: %d rows, %v", name, len(out), err)
	}
	return out
}

// captured are the bytes of a capture.
func captured(t *testing.T, name string) (out []byte) {
	t.Helper()
	for _, row := range rows(t, name) {
		b, err := hex.DecodeString(row[2])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

// listen takes a line's bytes apart as somebody who only listens can: a question
// where one begins, then its answer; what is neither is false.
func listen(b []byte) (frames []string, functions map[Function]int, odd []byte) {
	functions = map[Function]int{}
	var pending *Request
	for len(b) > 0 {
		n := 0
		if pending != nil {
			if length, v := pending.match(b); v == right {
				n, pending = length, nil
			}
		}
		if n == 0 {
			if r, length, ok := ParseRequest(b); ok {
				n, pending = length, &r
			}
		}
		if n == 0 {
			odd = append(odd, b[0])
			b = b[1:]
			continue
		}
		frames = append(frames, fmt.Sprintf("% x", b[:n]))
		functions[Function(b[1])]++
		b = b[n:]
	}
	return frames, functions, odd
}

func TestCaptures(t *testing.T) {
	for _, tt := range []struct {
		name      string
		bytes     int
		frames    int
		functions map[Function]int
	}{
		{"io16do", 235, 30, map[Function]int{1: 4, 2: 4, 3: 4, 4: 4, 5: 4, 6: 4, 15: 4, 16: 2}},
		{"wizmodbus", 716, 88, map[Function]int{3: 80, 6: 8}},
		{"flowmeter-poll", 153, 18, map[Function]int{3: 18}},
		{"flowmeter-idle", 917, 74, map[Function]int{3: 74}},
		{"flowmeter-15", 1634, 132, map[Function]int{3: 128, 16: 4}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			line := captured(t, tt.name+".bytes.csv")
			frames, functions, wrong := listen(line)
			var want []string
			for _, row := range rows(t, tt.name+".frames.csv") {
				want = append(want, row[3])
			}
			if diff := cmp.Diff(want, frames); diff != "" {
				t.Errorf("frames (-want +got):\n%s", diff)
			}
			if len(frames) != tt.frames || len(wrong) != 0 {
				t.Errorf("%d frames and %d false bytes, want %d and none", len(frames), len(wrong), tt.frames)
			}
			if tt.bytes != len(line) {
				t.Errorf("%d bytes, want %d", len(line), tt.bytes)
			}
			if diff := cmp.Diff(tt.functions, functions); diff != "" {
				t.Errorf("functions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFloatingBus(t *testing.T) {
	var want []string
	for _, row := range rows(t, "wizmodbus.frames.csv") {
		want = append(want, row[3])
	}
	frames, _, wrong := listen(captured(t, "wizmodbus-bus.bytes.csv"))
	if diff := cmp.Diff(want, frames); diff != "" {
		t.Errorf("frames (-want +got):\n%s", diff)
	}
	kinds := map[byte]int{}
	for _, b := range wrong {
		kinds[b]++
	}
	if diff := cmp.Diff(map[byte]int{0x00: 46, 0xFE: 42}, kinds); diff != "" || len(frames) != 88 {
		t.Errorf("%d frames; false bytes (-want +got):\n%s", len(frames), diff)
	}
	line := uart(t, "wizmodbus-bus.edges.csv")
	frames, _, wrong = listen(line)
	if len(line) != 402 || len(frames) != 44 || len(wrong) != 44 || !slices.Equal(frames, want[:44]) {
		t.Errorf("edges: %d bytes, %d frames, %d false; want 402, 44, 44", len(line), len(frames), len(wrong))
	}
	for _, b := range wrong {
		if !idle(b) {
			t.Errorf("false byte %02x is not what a floating line makes", b)
		}
	}
}

// Answers of the recorded floating bus, with the false bytes around them, reach
// the master's search as they would from a port.
func TestSearchOnFloatingBus(t *testing.T) {
	line := captured(t, "wizmodbus-bus.bytes.csv")
	found := 0
	for i := 0; i+fixedLength <= len(line); i++ {
		r, n, ok := ParseRequest(line[i:])
		if !ok || !r.reads() {
			continue
		}
		x := exchange{request: r, question: line[i : i+n]}
		after := line[i+n : min(len(line), i+n+r.AnswerLength()+3)]
		h := x.search(after, false)
		if h.answer == nil || h.stray != 0 {
			t.Errorf("% x: no answer in % x, heard %s", x.question, after, h)
			continue
		}
		found++
		i += n - 1
	}
	if found != 40 {
		t.Errorf("%d answers found, want 40", found)
	}
}

// The meter answers in less than 3.5 characters: by silence alone question and
// answer would be one frame.
func TestAnswerWithinTheSilence(t *testing.T) {
	character := time.Duration(10) * time.Second / 9600
	read := rows(t, "flowmeter-15.frames.csv")
	shortest := time.Hour
	glued := 0
	for i := 1; i < len(read); i++ {
		gap, err := strconv.ParseInt(read[i][1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		shortest = min(shortest, time.Duration(gap))
		if time.Duration(gap) < Quiet(9600) {
			glued++
		}
	}
	if shortest.Round(time.Microsecond) != 4004*time.Microsecond || glued == 0 {
		t.Errorf("shortest silence %s, %d below %s: the capture proves nothing", shortest, glued, Quiet(9600))
	}
	t.Logf("%d of %d silences below %s, the shortest %s; a character is %s", glued, len(read)-1, Quiet(9600), shortest, character)
}

// uart reads the line bus of an edge capture at 9600 8N1.
func uart(t *testing.T, name string) (out []byte) {
	t.Helper()
	type edge struct {
		at   int64
		high bool
	}
	var edges []edge
	for _, row := range rows(t, name) {
		at, err := strconv.ParseInt(row[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if row[1] == "bus" {
			edges = append(edges, edge{at, row[2] == "1"})
		}
	}
	const bit = 1e9 / 9600.0
	level := func(at int64) bool {
		i, exact := slices.BinarySearchFunc(edges, at, func(e edge, at int64) int { return int(max(-1, min(1, e.at-at))) })
		if !exact {
			i--
		}
		return edges[i].high
	}
	free := int64(0)
	for i, e := range edges {
		if i == 0 || e.high || e.at < free || !edges[i-1].high {
			continue
		}
		b := byte(0)
		for n := range 8 {
			if level(e.at + int64((float64(n)+1.5)*bit)) {
				b |= 1 << n
			}
		}
		out = append(out, b)
		free = e.at + 989_583 // to the middle of the stop bit
	}
	return out
}
