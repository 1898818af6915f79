package all_test

import (
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
	"watchpost/drivers/all"
	"watchpost/drivers/board"
	"watchpost/drivers/sim"
)

const (
	modbusPort     = "ttyS1"
	modbusUnit     = 2
	modbusRegister = 0
)

// addModbus puts a line with one gauge at 31 cm on a board.
func addModbus(b *sim.Board) *sim.Modbus {
	line := sim.NewModbus()
	line.Unit(modbusUnit).SetHolding(modbusRegister, 31)
	b.Serial(modbusPort).Attach(line.Answer)
	return line
}

func modbusOptions(t *testing.T) *all.ModbusOptions {
	t.Helper()
	d, ok := all.Lookup("modbus")
	if !ok {
		t.Fatal("no driver modbus")
	}
	return filled(t, d).(*all.ModbusOptions)
}

func TestModbusLevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hardware := sim.NewBoard()
		line := addModbus(hardware)
		line.Unit(7).SetInput(3, 0x41B8, 0x0194) // 23.000772
		b := board.New(hardware, board.Options{})
		defer func() {
			if err := b.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		driver, _ := all.Lookup("modbus")
		read := func(change func(*all.ModbusOptions)) drivers.Reading {
			t.Helper()
			o := modbusOptions(t)
			change(o)
			sensor, err := driver.Build(b, o, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			readings, err := sensor.Sampler.Sample(t.Context())
			if err != nil {
				return drivers.NewFault(drivers.Level, drivers.ReasonOf(err))
			}
			return readings[0]
		}
		got := read(func(o *all.ModbusOptions) { o.Offset = all.Length(-5 * physic.MilliMetre) })
		want := drivers.NewGood(drivers.Level, drivers.Decimal{Coefficient: 305, Scale: 3}, drivers.Metre).WithRaw(drivers.Int(31), drivers.Centimetre)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		got = read(func(o *all.ModbusOptions) {
			o.Port, o.Unit, o.Function, o.Register, o.Type, o.Measured = "/dev/ttyS1", 7, "input", 3, "float32", "m"
		})
		if got.Value.String() != "23.001" || got.Quality != drivers.Good {
			t.Errorf("float level %+v, want 23.001 m", got)
		}
		if got := read(func(o *all.ModbusOptions) { o.Bad = badValues(t, "0x001f") }); got.Reason != drivers.BadValue {
			t.Errorf("a bad value reads as %+v", got)
		}
		if got := read(func(o *all.ModbusOptions) { o.Unit = 9 }); got.Reason != drivers.NoAnswer {
			t.Errorf("an absent unit reads as %+v", got)
		}
		if got := read(func(o *all.ModbusOptions) { o.Baud = 4800 }); got.Reason != drivers.BadWiring {
			t.Errorf("a second speed on one port reads as %+v", got)
		}
		if got := hardware.Serial(modbusPort).Mode(); got.Baud != 9600 || got.Parity != board.ParityNone || got.StopBits != 1 || got.RS485 {
			t.Errorf("port opened at %s", got)
		}
	})
}

func badValues(t *testing.T, s string) (b all.BadValues) {
	t.Helper()
	if err := b.Set(s); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestModbusClaims(t *testing.T) {
	o := modbusOptions(t)
	o.Port, o.Type, o.Register, o.RS485 = "/dev/ttyS1", "float32", 4, true
	if got := strings.Join(o.Claims(), " "); got != "ttyS1@2/holding/4 ttyS1@2/holding/5" {
		t.Errorf("claims %s", got)
	}
	if got := o.Shares(); !maps.Equal(got, map[string]string{"ttyS1": "modbus 9600 8N1 RS-485"}) {
		t.Errorf("shares %v", got)
	}
}

func TestModbusValidate(t *testing.T) {
	for _, tt := range []struct {
		change func(*all.ModbusOptions)
		key    string
	}{
		{func(o *all.ModbusOptions) { o.Port = "" }, "port"},
		{func(o *all.ModbusOptions) { o.Baud = 0 }, "baud"},
		{func(o *all.ModbusOptions) { o.StopBits = 3 }, "stop_bits"},
		{func(o *all.ModbusOptions) { o.Parity = "mark" }, "parity"},
		{func(o *all.ModbusOptions) { o.Unit = 0 }, "unit"},
		{func(o *all.ModbusOptions) { o.Unit = 248 }, "unit"},
		{func(o *all.ModbusOptions) { o.Unit = 258 }, "unit"},
		{func(o *all.ModbusOptions) { o.Function = "coil" }, "function"},
		{func(o *all.ModbusOptions) { o.Type = "int8" }, "type"},
		{func(o *all.ModbusOptions) { o.Order = "ACBD" }, "order"},
		{func(o *all.ModbusOptions) { o.Measured = "" }, "register_unit"},
		{func(o *all.ModbusOptions) { o.Register, o.Type = 65535, "int32" }, "register"},
		{func(o *all.ModbusOptions) { o.Scale = all.Factor{} }, "scale"},
		{func(o *all.ModbusOptions) { o.Scale = all.Factor{Coefficient: 1, Scale: 8} }, "scale"},
		{func(o *all.ModbusOptions) { o.Offset = all.Length(1001 * physic.Metre) }, "offset"},
		{func(o *all.ModbusOptions) { o.Min = all.Length(physic.Metre) }, "min"},
		{func(o *all.ModbusOptions) { o.Bad = badValues(t, "65535") }, "bad_values"},
		{func(o *all.ModbusOptions) { o.Bad = badValues(t, "0x10000") }, "bad_values"},
		{func(o *all.ModbusOptions) { o.Timeout = time.Millisecond }, "timeout"},
	} {
		o := modbusOptions(t)
		tt.change(o)
		problems := o.Validate()
		if len(problems) != 1 || problems[0].Key != tt.key {
			t.Errorf("problems %v, want one with %s", problems, tt.key)
		}
		driver, _ := all.Lookup("modbus")
		if _, err := driver.Build(board.New(sim.NewBoard(), board.Options{}), o, time.Second); drivers.ReasonOf(err) != drivers.BadWiring {
			t.Errorf("%s: built all the same, %v", tt.key, err)
		}
	}
}

func TestFactorAndBadValues(t *testing.T) {
	for in, want := range map[string]string{"0.1": "0.1", "1": "1", "-0.50": "-0.50", "": "", "1e3": "", "one": ""} {
		var f all.Factor
		if err := f.Set(in); (err != nil) != (want == "") || err == nil && f.String() != want {
			t.Errorf("factor %q = %s, %v; want %q", in, f, err, want)
		}
	}
	for in, want := range map[string]string{"0x7fff, -32768": "0x7fff, -32768", " 0X7FFF ,-1": "0x7fff, -1", "-9999.5": "-9999.5", "": "", " ": ""} {
		if got := badValues(t, in).String(); got != want {
			t.Errorf("bad values %q = %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{",", "1,", "0x", "0xfffffffff", "x", "1 2"} {
		var b all.BadValues
		if err := b.Set(in); err == nil {
			t.Errorf("bad values %q accepted as %s", in, b)
		}
	}
}
