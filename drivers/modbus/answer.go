package modbus

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Exception is the code by which a unit refuses a question (V1.1b3, section 7).
type Exception byte

// Error is the code's name in words.
func (e Exception) Error() string {
	switch e {
	case 0x01:
		return "illegal function"
	case 0x02:
		return "illegal data address"
	case 0x03:
		return "illegal data value"
	case 0x04:
		return "server device failure"
	case 0x05:
		return "acknowledged, still working on it"
	case 0x06:
		return "server device busy"
	case 0x08:
		return "memory parity error"
	case 0x0A:
		return "gateway path unavailable"
	case 0x0B:
		return "gateway target device does not respond"
	}
	return fmt.Sprintf("exception 0x%02x", byte(e))
}

// exchange looks for the answer to one question in what arrives after it.
type exchange struct {
	request  Request
	question []byte // its frame, which some boards send back as an echo
}

// heard is what a search for the answer came across.
type heard struct {
	answer  []byte // the whole frame; nil when it is not there (yet)
	stale   int    // whole answers of the unit to other questions
	others  int    // whole frames of others
	echo    bool   // the question itself
	damaged []byte // a frame that is the answer in all but its checksum
	stray   int    // other bytes that an idle line does not make by itself
}

// search goes through all bytes that arrived so far. What cannot begin the
// answer is passed over: false bytes of a floating line, an echo, late answers
// to other questions. What looks like the answer is not believed after another
// master's question that it may be to. ended says that no more bytes will come.
func (x exchange) search(b []byte, ended bool) (h heard) {
	var rivals []openQuestion
	for len(b) > 0 {
		if bytes.HasPrefix(b, x.question) {
			h.echo = true
			b = b[len(x.question):]
			continue
		}
		n, v := x.request.match(b)
		// The first bytes of an echo may have the form of an answer, with a right
		// checksum, for about one register in 256 from 512 to 767: only what
		// follows tells.
		if v == right && !ended && len(b) < len(x.question) && bytes.HasPrefix(x.question, b[:n]) {
			v = short
		}
		switch {
		case v == right && !slices.ContainsFunc(rivals, func(q openQuestion) bool { return q.disputes(x.request, b[:n]) }):
			h.answer = b[:n]
			return h
		case v == damaged:
			h.damaged = b[:n]
		}
		if n := answerAt(b); n > 0 {
			if b[0] == x.request.Unit {
				h.stale++
			} else {
				h.others++
			}
			b = b[n:]
			continue
		}
		if r, n, ok := ParseRequest(b); ok { // another master's, or an echo that was late
			h.others++
			rivals = append(rivals, openQuestion{request: r})
			b = b[n:]
			continue
		}
		if !idle(b[0]) {
			h.stray++
		}
		b = b[1:]
	}
	return h
}

// idle reports a byte that a floating line makes by itself. It drops once and
// rises once, so that a UART sees zeros and then ones, low bit first.
func idle(b byte) bool {
	ones := ^b
	return ones&(ones+1) == 0
}

// silence reports that nothing came that could have been an answer.
func (h heard) silence() bool { return h.stale == 0 && h.damaged == nil && h.stray == 0 }

// String says what was heard instead of an answer.
func (h heard) String() string {
	var parts []string
	if h.echo {
		parts = append(parts, "the question's own echo")
	}
	if h.damaged != nil {
		parts = append(parts, "an answer with a wrong checksum")
	}
	if h.stale > 0 {
		parts = append(parts, fmt.Sprintf("%d answers to another question", h.stale))
	}
	if h.others > 0 {
		parts = append(parts, fmt.Sprintf("%d frames of others", h.others))
	}
	if h.stray > 0 {
		parts = append(parts, fmt.Sprintf("%d stray bytes", h.stray))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}
