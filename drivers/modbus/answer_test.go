package modbus

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

const (
	level     = "01 03 00 04 00 01 C5 CB" // register 4 of unit 1
	fifteen   = "01 03 02 00 99 78 2E"    // 153
	unitTwo   = "02 03 02 00 1F BD 8C"    // an answer of unit 2
	twoValues = "01 03 04 52 66 57 07 75 66"
	coils     = "01 01 01 01 90 48"
	refusal   = "01 83 02 C0 F1"
)

func searching(t testing.TB, question string) exchange {
	t.Helper()
	b := unhex(t, question)
	r, _, ok := ParseRequest(b)
	if !ok {
		t.Fatalf("%s is no question", question)
	}
	return exchange{request: r, question: b}
}

// What comes before the answer is passed over, whatever it is, whole or not.
func TestPassedOver(t *testing.T) {
	for _, before := range []string{
		"", "00", "fe", "ff", "00 fe ff 00", "01", "01 03", "01 03 02", "83", "12 34 56 78 9a",
		level, unitTwo, twoValues, coils, level + unitTwo, "fe" + level + "00", level[3:],
		"01 03 02 00 99 78 2F", // damaged
		"02 83 02 30 F1",
	} {
		for _, answer := range []string{fifteen, refusal} {
			x, want := searching(t, level), unhex(t, answer)
			all := append(unhex(t, before), want...)
			for n := range all {
				if h := x.search(all[:n], false); h.answer != nil {
					t.Errorf("after %q: % X passes for the answer", before, all[:n])
				}
			}
			if h := x.search(all, false); !bytes.Equal(h.answer, want) {
				t.Errorf("%s after %q: found % X, heard %s", answer, before, h.answer, h)
			}
		}
	}
}

func TestHeardInstead(t *testing.T) {
	for _, tt := range []struct {
		line, want string
		silence    bool
	}{
		{"", "nothing", true},
		{"00", "nothing", true},
		{"00 fe ff f8 80", "nothing", true},
		{level, "the question's own echo", true},
		{level + "fe", "the question's own echo", true},
		{unitTwo, "1 frames of others", true},
		{"fe" + unitTwo + unitTwo, "2 frames of others", true},
		{"02 03 00 00 00 01 84 39", "1 frames of others", true},
		{twoValues, "1 answers to another question", false},
		{coils, "1 answers to another question", false},
		{"01 03 02 00 99 78 2F", "an answer with a wrong checksum", false},
		{"01 03 02 00", "3 stray bytes", false},
		{level + "01 03", "the question's own echo, 2 stray bytes", false},
	} {
		h := searching(t, level).search(unhex(t, tt.line), true)
		if got := h.String(); h.answer != nil || !strings.Contains(got, tt.want) || h.silence() != tt.silence {
			t.Errorf("%q: heard %s, silence %v; want %s, %v", tt.line, got, h.silence(), tt.want, tt.silence)
		}
	}
}

// Where another master asks the same unit for as many registers, nothing tells
// whose answer is whose.
func TestAnswersToAnotherMaster(t *testing.T) {
	other := Request{Unit: 1, Function: ReadHoldingRegisters, Address: 9, Count: 1}
	x := searching(t, level)
	for _, tt := range []struct {
		name  string
		asks  func(*Request)
		found bool
	}{
		{"same form", func(*Request) {}, false},
		{"another unit", func(r *Request) { r.Unit = 2 }, true},
		{"another length", func(r *Request) { r.Count = 2 }, true},
		{"another function", func(r *Request) { r.Function = ReadInputRegisters }, true},
		{"the same question", func(r *Request) { *r = x.request }, true},
	} {
		r := other
		tt.asks(&r)
		for _, answer := range []string{fifteen, refusal} {
			want := tt.found && (r.Count == 1 || answer != refusal) // an exception says no length
			h := x.search(append(r.Append(nil), unhex(t, answer)...), true)
			if got := h.answer != nil; got != want {
				t.Errorf("%s, %s: found %v, heard %s", tt.name, answer, got, h)
			}
		}
	}
}

// An echo whose first bytes happen to be a sealed answer is not taken for one
// as long as the rest may come.
func TestEchoThatLooksLikeAnAnswer(t *testing.T) {
	found := 0
	for address := 0x0200; address < 0x0300; address++ {
		for unit := byte(1); unit <= MaxUnit; unit++ {
			r := Request{Unit: unit, Function: ReadHoldingRegisters, Address: uint16(address), Count: 1}
			question := r.Append(nil)
			if !sealed(question[:7]) {
				continue
			}
			found++
			x := exchange{request: r, question: question}
			if h := x.search(question[:7], false); h.answer != nil {
				t.Errorf("% X: seven bytes of the echo pass for an answer", question)
			}
			if h := x.search(question, false); h.answer != nil || !h.echo {
				t.Errorf("% X: the echo passes for an answer", question)
			}
			if h := x.search(question[:7], true); h.answer == nil {
				t.Errorf("% X: an answer that resembles the question is never found", question)
			}
		}
	}
	if found == 0 {
		t.Error("no such question: the test proves nothing")
	}
	t.Logf("%d such questions", found)
}

func TestIdleBytes(t *testing.T) {
	var got []string
	for b := range 256 {
		if idle(byte(b)) {
			got = append(got, fmt.Sprintf("%02x", b))
		}
	}
	if want := "00 80 c0 e0 f0 f8 fc fe ff"; strings.Join(got, " ") != want {
		t.Errorf("idle bytes %v, want %s", got, want)
	}
}

// FuzzSearch holds the search to what an answer must be, and to finding one
// behind any rubbish that is no frame itself.
func FuzzSearch(f *testing.F) {
	f.Add([]byte{}, byte(1), byte(3), uint16(4), uint16(1), false)
	for _, line := range []string{fifteen, level + fifteen, "fe" + unitTwo + "00" + refusal, twoValues, coils} {
		f.Add(unhex(f, line), byte(1), byte(3), uint16(4), uint16(1), true)
	}
	f.Add(unhex(f, level), byte(1), byte(3), uint16(4), uint16(66), false)
	f.Fuzz(func(t *testing.T, line []byte, unit, function byte, address, count uint16, ended bool) {
		r := Request{Unit: unit, Function: Function(function), Address: address, Count: count}
		if r.Validate() != nil {
			return
		}
		x := exchange{request: r, question: r.Append(nil)}
		h := x.search(line, ended)
		if h.answer != nil {
			checkAnswer(t, x, line, h.answer)
			return
		}
		if ended {
			_ = h.String()
			return
		}
		// A refusal behind it is found, unless it ends a frame that began before, or
		// may be to another master.
		answer := appendCRC([]byte{unit, function | byte(exceptionFlag), 2})
		after := x.search(append(bytes.Clone(line), answer...), true)
		if after.answer == nil && !endsFrame(x, line, answer) && !hasRival(x, line) {
			t.Errorf("% X behind % X is not found", answer, line)
		}
	})
}

func checkAnswer(t *testing.T, x exchange, line, answer []byte) {
	t.Helper()
	r := x.request
	if !bytes.Contains(line, answer) || !sealed(answer) || answer[0] != r.Unit {
		t.Errorf("% X taken for the answer to % X", answer, x.question)
	}
	plain := answer[1] == byte(r.Function) && len(answer) == r.AnswerLength() && int(answer[2]) == len(answer)-exceptionLength
	refused := answer[1] == byte(r.Function|exceptionFlag) && len(answer) == exceptionLength
	if !plain && !refused {
		t.Errorf("% X taken for the answer to % X", answer, x.question)
	}
}

// endsFrame reports whether some frame begins in line and reaches into answer.
func endsFrame(x exchange, line, answer []byte) bool {
	all := append(bytes.Clone(line), answer...)
	for i := range line {
		if n := answerAt(all[i:]); n > 0 && i+n > len(line) {
			return true
		}
		if _, n, ok := ParseRequest(all[i:]); ok && i+n > len(line) {
			return true
		}
		if n, v := x.request.match(all[i:]); v == right && i+n > len(line) {
			return true
		}
		if bytes.HasPrefix(all[i:], x.question) && i+len(x.question) > len(line) {
			return true
		}
	}
	return false
}

// hasRival reports another master's question to the unit whose refusal looks
// like one of ours.
func hasRival(x exchange, line []byte) bool {
	for i := range line {
		r, _, ok := ParseRequest(line[i:])
		if ok && r.Unit == x.request.Unit && r.Function == x.request.Function && !r.same(x.request) {
			return true
		}
	}
	return false
}

// FuzzParseRequest holds the reading of questions to their writing.
func FuzzParseRequest(f *testing.F) {
	for _, q := range questions {
		f.Add(unhex(f, q.frame))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, n, ok := ParseRequest(b)
		if !ok {
			return
		}
		if got := r.Append(nil); !bytes.Equal(got, b[:n]) {
			t.Errorf("% X reads as %+v, which is % X", b[:n], r, got)
		}
	})
}
