package modbus

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Questions as manuals of level meters and water gauges print them.
var questions = []struct {
	frame string
	want  Request
}{
	{"01 03 00 04 00 01 C5 CB", Request{Unit: 1, Function: ReadHoldingRegisters, Address: 4, Count: 1}},
	{"02 03 00 00 00 01 84 39", Request{Unit: 2, Function: ReadHoldingRegisters, Count: 1}},
	{"01 03 00 00 00 07 04 08", Request{Unit: 1, Function: ReadHoldingRegisters, Count: 7}},
	{"02 06 10 00 00 03 CD 38", Request{Unit: 2, Function: WriteSingleRegister, Address: 0x1000, Count: 1, Data: []byte{0, 3}}},
	{"02 10 10 00 00 01 02 00 03 E3 60", Request{Unit: 2, Function: WriteMultipleRegisters, Address: 0x1000, Count: 1, Data: []byte{0, 3}}},
	{"00 06 10 00 00 03 CC DA", Request{Function: WriteSingleRegister, Address: 0x1000, Count: 1, Data: []byte{0, 3}}},
	{"01 03 00 03 00 01 74 0A", Request{Unit: 1, Function: ReadHoldingRegisters, Address: 3, Count: 1}},
}

func TestQuestions(t *testing.T) {
	for _, tt := range questions {
		frame := unhex(t, tt.frame)
		if err := tt.want.Validate(); err != nil {
			t.Errorf("%s: %v", tt.frame, err)
		}
		if got := tt.want.Append([]byte{0xAA}); !bytes.Equal(got[1:], frame) {
			t.Errorf("asks % X, want %s", got[1:], tt.frame)
		}
		got, n, ok := ParseRequest(append(frame, 0xFE, 0x00))
		if diff := cmp.Diff(tt.want, got); diff != "" || n != len(frame) || !ok {
			t.Errorf("%s read as %d bytes, %v (-want +got):\n%s", tt.frame, n, ok, diff)
		}
	}
}

// Answers: to which question, and the data or the exception in them.
var answers = []struct {
	question, frame, data string
	refused               Exception
}{
	{question: "02 03 00 00 00 01 84 39", frame: "02 03 02 00 1F BD 8C", data: "00 1F"},
	{question: "01 03 00 04 00 01 C5 CB", frame: "01 03 02 00 99 78 2E", data: "00 99"},
	{question: "01 03 00 04 00 01 C5 CB", frame: "01 03 02 FF EC F8 39", data: "FF EC"},
	{question: "01 03 00 04 00 01 C5 CB", frame: "01 83 02 C0 F1", refused: 2},
	{question: "01 03 00 00 00 07 04 08", frame: "01 03 0E 00 01 00 03 00 11 00 01 00 99 00 00 13 88 23 0A", data: "00 01 00 03 00 11 00 01 00 99 00 00 13 88"},
	{question: "01 03 00 03 00 01 74 0A", frame: "01 03 02 00 01 79 84", data: "00 01"},
	{question: "01 03 00 03 00 01 74 0A", frame: "01 03 02 00 00 B8 44", data: "00 00"},
}

func TestAnswers(t *testing.T) {
	for _, tt := range answers {
		question, frame := unhex(t, tt.question), unhex(t, tt.frame)
		r, _, ok := ParseRequest(question)
		if !ok {
			t.Fatalf("%s is no question", tt.question)
		}
		x := exchange{request: r, question: question}
		got := x.search(frame, false)
		if !bytes.Equal(got.answer, frame) {
			t.Fatalf("%s: found % X, heard %s", tt.frame, got.answer, got)
		}
		if tt.refused != 0 {
			if Exception(frame[2]) != tt.refused || frame[1] != byte(ReadHoldingRegisters|exceptionFlag) {
				t.Errorf("%s: exception %s", tt.frame, Exception(frame[2]))
			}
			continue
		}
		if want := unhex(t, tt.data); !bytes.Equal(frame[3:len(frame)-2], want) || r.AnswerLength() != len(frame) {
			t.Errorf("%s: data % X in %d bytes, want % X", tt.frame, frame[3:len(frame)-2], r.AnswerLength(), want)
		}
		for n := range frame {
			if got := x.search(frame[:n], false); got.answer != nil {
				t.Errorf("%s: %d bytes pass for the whole", tt.frame, n)
			}
		}
	}
}

func TestEverySingleBitFlipIsRefused(t *testing.T) {
	flips := 0
	for _, tt := range questions {
		frame := unhex(t, tt.frame)
		for bit := range 8 * len(frame) {
			bad := bytes.Clone(frame)
			bad[bit/8] ^= 1 << (bit % 8)
			if r, _, ok := ParseRequest(bad); ok {
				t.Errorf("%s with bit %d turned reads as %+v", tt.frame, bit, r)
			}
			flips++
		}
	}
	for _, tt := range answers {
		question, frame := unhex(t, tt.question), unhex(t, tt.frame)
		r, _, _ := ParseRequest(question)
		x := exchange{request: r, question: question}
		for bit := range 8 * len(frame) {
			bad := bytes.Clone(frame)
			bad[bit/8] ^= 1 << (bit % 8)
			for _, ended := range []bool{false, true} {
				if got := x.search(bad, ended); got.answer != nil {
					t.Errorf("%s with bit %d turned passes as % X", tt.frame, bit, got.answer)
				}
			}
			flips++
		}
	}
	t.Logf("%d flips refused", flips)
}

func TestValidate(t *testing.T) {
	for _, r := range []Request{
		{Unit: 1},
		{Unit: 1, Function: 7, Count: 1},
		{Unit: 248, Function: ReadHoldingRegisters, Count: 1},
		{Unit: 0, Function: ReadHoldingRegisters, Count: 1},
		{Unit: 1, Function: ReadHoldingRegisters},
		{Unit: 1, Function: ReadHoldingRegisters, Count: 126},
		{Unit: 1, Function: ReadHoldingRegisters, Count: 2, Address: 65535},
		{Unit: 1, Function: ReadHoldingRegisters, Count: 1, Data: []byte{1, 2}},
		{Unit: 1, Function: ReadCoils, Count: 2001},
		{Unit: 1, Function: WriteSingleRegister, Count: 1},
		{Unit: 1, Function: WriteSingleRegister, Count: 2, Data: []byte{1, 2}},
		{Unit: 1, Function: WriteSingleCoil, Count: 1, Data: []byte{1, 0}},
		{Unit: 1, Function: WriteSingleCoil, Count: 1, Data: []byte{0xFF, 1}},
		{Unit: 1, Function: WriteMultipleCoils, Count: 9, Data: []byte{1}},
		{Unit: 1, Function: WriteMultipleRegisters, Count: 124, Data: make([]byte, 248)},
	} {
		if err := r.Validate(); err == nil {
			t.Errorf("%+v is accepted", r)
		}
	}
	for _, r := range []Request{
		{Unit: 247, Function: ReadInputRegisters, Count: 125, Address: 65411},
		{Unit: 1, Function: ReadDiscreteInputs, Count: 2000},
		{Unit: 1, Function: WriteSingleCoil, Count: 1, Data: []byte{0xFF, 0}},
		{Unit: 1, Function: WriteMultipleCoils, Count: 9, Data: []byte{1, 1}},
	} {
		if err := r.Validate(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
		if back, n, ok := ParseRequest(r.Append(nil)); !ok || !cmp.Equal(r, back) || n > maxFrame {
			t.Errorf("%+v reads as %+v, %v", r, back, ok)
		}
	}
}

func TestVerdicts(t *testing.T) {
	for _, tt := range []struct {
		request Request
		answer  string
		want    verdict
	}{
		{Request{Unit: 2, Function: WriteSingleRegister, Address: 0x1000, Count: 1, Data: []byte{0, 3}}, "02 06 10 00 00 03 CD 38", right},
		{Request{Unit: 2, Function: WriteSingleRegister, Address: 0x1000, Count: 1, Data: []byte{0, 4}}, "02 06 10 00 00 03 CD 38", stranger},
		{Request{Unit: 2, Function: WriteMultipleRegisters, Address: 0x1000, Count: 1, Data: []byte{0, 3}}, "02 10 10 00 00 01", short},
		{Request{Unit: 2, Function: WriteMultipleRegisters, Address: 0x1000, Count: 2, Data: []byte{0, 3, 0, 3}}, "02 10 10 00 00 01", stranger},
		{Request{Unit: 1, Function: ReadHoldingRegisters, Address: 4, Count: 1}, "01 03 04", stranger},
		{Request{Unit: 1, Function: ReadHoldingRegisters, Address: 4, Count: 2}, "01 03 02 00 99 78 2E 00 00", stranger},
		{Request{Unit: 1, Function: ReadHoldingRegisters, Address: 4, Count: 1}, "01 03 02 00 99 78 2F", damaged},
	} {
		if _, got := tt.request.match(unhex(t, tt.answer)); got != tt.want {
			t.Errorf("%s to %+v: verdict %d, want %d", tt.answer, tt.request, got, tt.want)
		}
	}
}

func TestExceptionsInWords(t *testing.T) {
	for code, want := range map[Exception]string{2: "illegal data address", 6: "server device busy", 11: "gateway target device does not respond", 0x7F: "exception 0x7f"} {
		if got := code.Error(); got != want {
			t.Errorf("exception %d is %q, want %q", byte(code), got, want)
		}
	}
}
