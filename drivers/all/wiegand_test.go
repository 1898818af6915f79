package all_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/drivers"
	"watchpost/drivers/all"
	"watchpost/drivers/board"
	"watchpost/drivers/sim"
)

// Lines of a simulated reader.
const wiegandD0, wiegandD1 = "gpiochip0:5", "gpiochip0:6"

func wiegandOptions(t *testing.T) (all.Driver, *all.WiegandOptions) {
	t.Helper()
	driver, ok := all.Lookup("wiegand")
	if !ok {
		t.Fatal("no driver wiegand")
	}
	options := driver.Options().(*all.WiegandOptions)
	options.D0, options.D1 = "gpiochip0:5", "/dev/gpiochip0:6"
	return driver, options
}

func TestWiegandValidate(t *testing.T) {
	for want, spoil := range map[string]func(*all.WiegandOptions){
		"":                      func(*all.WiegandOptions) {},
		"d0 d1":                 func(o *all.WiegandOptions) { o.D0, o.D1 = "", "" },
		"d1":                    func(o *all.WiegandOptions) { o.D1 = "gpiochip0:5" },
		"d1 gap":                func(o *all.WiegandOptions) { o.D1, o.Gap = "gpiochip1:6", time.Second },
		"format uid_order pull": func(o *all.WiegandOptions) { o.Format, o.UIDOrder, o.Pull = 0, "", "" },
		"repeat entry":          func(o *all.WiegandOptions) { o.Repeat, o.Entry = -1, 0 },
	} {
		_, options := wiegandOptions(t)
		spoil(options)
		var keys []string
		for _, p := range options.Validate() {
			keys = append(keys, p.Key)
		}
		if got := strings.Join(keys, " "); got != want {
			t.Errorf("problems with %q, want %q", got, want)
		}
	}
	_, options := wiegandOptions(t)
	if got := strings.Join(options.Claims(), " "); got != "gpiochip0:5 gpiochip0:6" {
		t.Errorf("claims %s", got)
	}
}

// A card from the simulated lines through board and driver.
func TestWiegandReadsACard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := sim.NewBoard()
		reader := host.Edges("gpiochip0:5", "gpiochip0:6")
		b := board.New(host, board.Options{})
		defer func() {
			if err := b.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		driver, options := wiegandOptions(t)
		if err := options.Format.Set("26+keypad8"); err != nil {
			t.Fatal(err)
		}
		sensor, err := driver.Build(b, options, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			<-time.After(time.Second)
			if err := reader.Send(t.Context(), "00110001100000011111001111", 2*time.Millisecond); err != nil {
				t.Error(err)
			}
		}()
		var got []string
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_ = sensor.Watcher.Watch(ctx, func(r drivers.Reading) { // ends with ctx
			if !r.Token.IsZero() {
				got = append(got, r.Token.Secret())
			}
		})
		if strings.Join(got, " ") != "h10301:99/999" {
			t.Errorf("read %q, want h10301:99/999", got)
		}
	})
}
