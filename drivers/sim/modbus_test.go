package sim_test

import (
	"bytes"
	"encoding/hex"
	"net"
	"strings"
	"testing"
	"time"

	"watchpost/drivers/sim"
)

func frame(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// heard is all a line says after a question.
func heard(pieces []sim.Piece) (out []byte) {
	for _, p := range pieces {
		out = append(out, p.Bytes...)
	}
	return out
}

// Questions and answers as manuals of water gauges print them.
func TestModbusUnit(t *testing.T) {
	line := sim.NewModbus()
	line.Unit(1).SetHolding(4, 153)
	gauge := line.Unit(2)
	gauge.SetHolding(0, 31)
	gauge.SetHolding(0x1000, 2)
	for _, tt := range []struct{ question, want string }{
		{"01 03 00 04 00 01 C5 CB", "01 03 02 00 99 78 2E"},
		{"02 03 00 00 00 01 84 39", "02 03 02 00 1F BD 8C"},
		{"02 06 10 00 00 03 CD 38", "02 06 10 00 00 03 CD 38"},
		{"01 03 00 00 00 07 04 08", "01 83 02 C0 F1"}, // has register 4 only
		{"01 03 00 04 00 01 C5 CA", ""},               // damaged
		{"03 03 00 04 00 01 C4 29", ""},               // nobody there
	} {
		if got := heard(line.Answer(frame(t, tt.question))); !bytes.Equal(got, frame(t, tt.want)) {
			t.Errorf("%s is answered % X, want %s", tt.question, got, tt.want)
		}
	}
	if got := heard(line.Answer(frame(t, "02 10 10 00 00 01 02 00 03 E3 60"))); len(got) != 8 || got[1] != 0x10 {
		t.Errorf("a block written is answered % X", got)
	}
	if gauge.Asked() != 3 {
		t.Errorf("gauge answered %d questions, want 3", gauge.Asked())
	}
}

func TestModbusFaults(t *testing.T) {
	question, answer := frame(t, "01 03 00 04 00 01 C5 CB"), frame(t, "01 03 02 00 99 78 2E")
	line := sim.NewModbus()
	unit := line.Unit(1)
	unit.SetHolding(4, 153)
	for fault, want := range map[sim.ModbusFault]string{
		sim.ModbusHealthy:     "01 03 02 00 99 78 2E",
		sim.ModbusSilent:      "",
		sim.ModbusWrongCRC:    "01 03 02 00 99 78 3E",
		sim.ModbusTruncated:   "01 03 02 00",
		sim.ModbusOtherUnit:   "02 03 02 00 99",
		sim.ModbusOtherLength: "01 03 04 00 99 00 00",
	} {
		unit.Inject(fault)
		if got := heard(line.Answer(question)); !bytes.HasPrefix(got, frame(t, want)) || want == "" && got != nil {
			t.Errorf("fault %d: % X, want %s", fault, got, want)
		}
	}
	unit.Inject(sim.ModbusHealthy)
	unit.Delay(time.Second)
	line.Echo(true)
	line.Float(true)
	pieces := line.Answer(question)
	want := append(append(append(bytes.Clone(question), 0xFE, 0x00), answer...), 0xFE)
	if got := heard(pieces); !bytes.Equal(got, want) || pieces[len(pieces)-1].After != time.Second {
		t.Errorf("% X, want % X a second later", got, want)
	}
}

// Serve finds questions in whatever pieces they come, and ends with its line.
func TestModbusServe(t *testing.T) {
	near, far := net.Pipe()
	line := sim.NewModbus()
	line.Unit(1).SetHolding(4, 153)
	served := make(chan error)
	go func() { served <- line.Serve(t.Context(), far) }()
	question := frame(t, "FE 01 03 00 04 00 01 C5 CB")
	for i := range question {
		if _, err := near.Write(question[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, 7)
	if _, err := near.Read(got); err != nil || !bytes.Equal(got, frame(t, "01 03 02 00 99 78 2E")) {
		t.Errorf("% X, %v", got, err)
	}
	if err := near.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Errorf("served until %v", err)
	}
}
