package all_test

import (
	"strings"
	"testing"
	"time"

	"periph.io/x/conn/v3/physic"

	"watchpost/drivers/all"
	"watchpost/drivers/sim"
)

const ultrasonicPort = "ttyS9"

// addUltrasonic puts a sensor that measures when asked on a port of its own.
func addUltrasonic(b *sim.Board) {
	b.Serial(ultrasonicPort).Attach(func([]byte) []sim.Piece {
		return []sim.Piece{{After: 40 * time.Millisecond, Bytes: []byte{0xFF, 0x05, 0xDC, 0xE0}}}
	})
}

func TestA02YYUWOptions(t *testing.T) {
	driver, _ := all.Lookup("a02yyuw")
	for _, tt := range []struct {
		change func(*all.A02YYUWOptions)
		keys   string
	}{
		{func(*all.A02YYUWOptions) {}, ""},
		{func(o *all.A02YYUWOptions) { *o = all.A02YYUWOptions{} }, "port height model mode baud median"},
		{func(o *all.A02YYUWOptions) { o.Port = "" }, "port"},
		{func(o *all.A02YYUWOptions) { o.Height = 0 }, "height"},
		{func(o *all.A02YYUWOptions) { o.Height = -1 }, "height"},
		{func(o *all.A02YYUWOptions) { o.Height = all.Length(physic.Metre + physic.MicroMetre) }, "height"},
		{func(o *all.A02YYUWOptions) { o.Height = all.Length(101 * physic.Metre) }, "height"},
		{func(o *all.A02YYUWOptions) { o.Model = "hc-sr04" }, "model"},
		{func(o *all.A02YYUWOptions) { o.Mode = "both" }, "mode"},
		{func(o *all.A02YYUWOptions) { o.Mode = "trigger" }, "mode"},
		{func(o *all.A02YYUWOptions) { o.Model, o.Mode = "sen0754", "trigger" }, "mode"},
		{func(o *all.A02YYUWOptions) { o.Model, o.Mode = "jsn-sr04t", "trigger" }, ""},
		{func(o *all.A02YYUWOptions) { o.Model, o.Mode = "aj-sr04m", "trigger" }, ""},
		{func(o *all.A02YYUWOptions) { o.Baud = 4800 }, "baud"},
		{func(o *all.A02YYUWOptions) { o.Baud = 115200 }, ""},
		{func(o *all.A02YYUWOptions) { o.Blind = all.Length(33 * physic.Metre) }, "blind"},
		{func(o *all.A02YYUWOptions) { o.Blind = all.Length(5 * physic.Metre) }, "blind"},
		{func(o *all.A02YYUWOptions) { o.Range = all.Length(20 * physic.MilliMetre) }, "blind"},
		{func(o *all.A02YYUWOptions) { o.Range = 1 }, "range"},
		{func(o *all.A02YYUWOptions) { o.Median = 10 }, "median"},
	} {
		o := driver.Options().(*all.A02YYUWOptions)
		o.Port, o.Height = "/dev/ttyS1", all.Length(2*physic.Metre)
		tt.change(o)
		var keys []string
		for _, p := range o.Validate() {
			keys = append(keys, p.Key)
		}
		if got := strings.Join(keys, " "); got != tt.keys {
			t.Errorf("%+v: problems with %q, want %q", o, got, tt.keys)
		}
	}
	o := driver.Options().(*all.A02YYUWOptions)
	o.Port = "/dev/ttyS1"
	if got := o.Claims(); len(got) != 1 || got[0] != "ttyS1" {
		t.Errorf("claims %v", got)
	}
	if got := o.Shares()["ttyS1"]; got != "alone: a02yyuw 9600 8N1" {
		t.Errorf("shares %q", got)
	}
}
