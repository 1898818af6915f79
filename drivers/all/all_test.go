package all_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
	"watchpost/drivers/all"
	"watchpost/drivers/board"
	"watchpost/drivers/sim"
)

// filled are options that build, per driver: a new driver adds its own.
func filled(t *testing.T, d all.Driver) all.Options {
	t.Helper()
	options := d.Options()
	switch o := options.(type) {
	case *all.ADS1115Options:
		o.Bus, o.Span = sim.DemoBus, all.Length(sim.DemoSpan)
	case *all.ContactOptions:
		o.Line, o.Measures = sim.DemoSmokeLine, "smoke"
	case *all.ModbusOptions:
		o.Port, o.Unit, o.Register, o.Measured = modbusPort, modbusUnit, modbusRegister, "cm"
	case *all.A02YYUWOptions:
		o.Port, o.Height, o.Model, o.Mode = ultrasonicPort, all.Length(2*physic.Metre), "jsn-sr04t", "trigger"
	case *all.WiegandOptions:
		o.D0, o.D1 = wiegandD0, wiegandD1
	case *all.MFRC522Options:
		o.Port = mfrc522Port
	case *all.DoorOptions:
		o.Line = doorLine
	default:
		t.Fatalf("driver %s: no options in this test for %T", d.Name, o)
	}
	return options.(all.Options)
}

func TestEveryDriverBuildsAndReads(t *testing.T) {
	seen := make(map[string]bool)
	for _, d := range all.Drivers() {
		if seen[d.Name] {
			t.Errorf("two drivers are called %s", d.Name)
		}
		seen[d.Name] = true
		t.Run(d.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				demo, err := sim.NewDemo()
				if err != nil {
					t.Fatal(err)
				}
				addModbus(demo.Board)
				demo.Board.Edges(wiegandD0, wiegandD1)
				addUltrasonic(demo.Board)
				demo.Board.Edges(doorLine)
				addMFRC522(demo.Board)
				b := board.New(demo.Board, board.Options{})
				defer func() {
					if err := b.Close(t.Context()); err != nil {
						t.Error(err)
					}
				}()
				options := filled(t, d)
				if problems := options.Validate(); len(problems) != 0 {
					t.Errorf("problems %v", problems)
				}
				if len(options.Claims()) == 0 {
					t.Error("claims nothing")
				}
				sensor, err := d.Build(b, options, time.Second)
				if err != nil {
					t.Fatal(err)
				}
				if got := sensor.Sampler.Quantities(); !slices.Equal(got, d.Quantities(options)) {
					t.Errorf("quantities %v, the list says %v", got, d.Quantities(options))
				}
				readings, err := sensor.Sampler.Sample(t.Context())
				bad := func(r drivers.Reading) bool { return r.Quality != drivers.Good }
				if err != nil || len(readings) != len(d.Quantities(options)) || slices.ContainsFunc(readings, bad) {
					t.Errorf("sample = %v, %v; want one good reading of each quantity", readings, err)
				}
			})
		})
	}
}

func TestBuildRefuses(t *testing.T) {
	b := board.New(sim.NewBoard(), board.Options{})
	for _, d := range all.Drivers() {
		if _, err := d.Build(b, d.Options(), time.Second); drivers.ReasonOf(err) != drivers.BadWiring {
			t.Errorf("%s without required options: %v", d.Name, err)
		}
		if _, err := d.Build(b, "no options", time.Second); drivers.ReasonOf(err) != drivers.BadWiring {
			t.Errorf("%s with a string for options: %v", d.Name, err)
		}
	}
}

// The default tags are what the manual prints; the struct is what counts.
func TestTags(t *testing.T) {
	for _, d := range all.Drivers() {
		v := reflect.ValueOf(d.Options()).Elem()
		for i := range v.NumField() {
			field, value := v.Type().Field(i), v.Field(i)
			zh, en, ok := strings.Cut(field.Tag.Get("doc"), "|")
			if field.Tag.Get("yaml") == "" || !ok || zh == "" || en == "" {
				t.Errorf("%s.%s: want tags yaml and doc in two languages", d.Name, field.Name)
			}
			text, hasDefault := field.Tag.Lookup("default")
			if hasDefault == (field.Tag.Get("required") == "true") {
				t.Errorf("%s.%s: want either a default or required", d.Name, field.Name)
			}
			if !hasDefault {
				continue
			}
			var same bool
			switch value := value.Addr().Interface().(type) {
			case interface{ Set(string) error }:
				before := reflect.ValueOf(value).Elem().Interface()
				same = value.Set(text) == nil && reflect.DeepEqual(reflect.ValueOf(value).Elem().Interface(), before)
			case interface{ Values() []string }:
				same = slices.Contains(value.Values(), text) && reflect.ValueOf(value).Elem().String() == text
			case *time.Duration:
				same = value.String() == text
			case *uint16:
				n, err := strconv.ParseUint(text, 0, 16)
				same = err == nil && uint64(*value) == n
			case *int:
				n, err := strconv.ParseInt(text, 0, 0)
				same = err == nil && int64(*value) == n
			case *string:
				same = *value == text
			case *bool:
				same = strconv.FormatBool(*value) == text
			}
			if !same {
				t.Errorf("%s.%s: default tag %q is not the value %v", d.Name, field.Name, text, value)
			}
		}
	}
}

func TestClaims(t *testing.T) {
	for want, options := range map[string]all.Options{
		"i2c-1@0x48/AIN0":                 &all.ADS1115Options{Bus: "/dev/i2c-1", Address: 0x48, Input: "ain0"},
		"i2c-1@0x49/AIN2 i2c-1@0x49/AIN3": &all.ADS1115Options{Bus: "I2C1", Address: 0x49, Input: "AIN2-AIN3"},
		"gpiochip0:17":                    &all.ContactOptions{Line: "/dev/gpiochip0:17"},
	} {
		if got := strings.Join(options.Claims(), " "); got != want {
			t.Errorf("claims %s, want %s", got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	keys := func(problems []all.Problem) string {
		var keys []string
		for _, p := range problems {
			keys = append(keys, p.Key)
		}
		return strings.Join(keys, " ")
	}
	for _, tt := range []struct {
		options all.Options
		want    string
	}{
		{&all.ADS1115Options{}, "bus address input shunt span"},
		{&all.ADS1115Options{Bus: "i2c-1", Address: 0x4B, Input: "AIN3", Shunt: all.Resistance(250 * physic.Ohm), Span: all.Length(physic.Metre)}, "shunt"},
		{&all.ContactOptions{}, "line measures active pull debounce"},
		{&all.ContactOptions{Line: "x", Measures: "smoke", Active: "open", Pull: "none", Debounce: 2 * time.Second}, "debounce"},
		{&all.ContactOptions{Line: "x", Measures: "door", Active: "open", Pull: "none", Debounce: 2 * time.Second}, ""},
	} {
		if got := keys(tt.options.Validate()); got != tt.want {
			t.Errorf("%+v: problems with %q, want %q", tt.options, got, tt.want)
		}
	}
}

func TestOneChipIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		demo, err := sim.NewDemo()
		if err != nil {
			t.Fatal(err)
		}
		b := board.New(demo.Board, board.Options{})
		defer func() {
			if err := b.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		driver, _ := all.Lookup("ads1115")
		done := make(chan error)
		for _, input := range []all.Input{"AIN0", "AIN1"} {
			options := driver.Options().(*all.ADS1115Options)
			options.Bus, options.Input, options.Span = sim.DemoBus, input, all.Length(sim.DemoSpan)
			sensor, err := driver.Build(b, options, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				for range 50 {
					if _, err := sensor.Sampler.Sample(t.Context()); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Errorf("two inputs of a chip disturb each other: %v", err)
			}
		}
	})
}

func TestUnits(t *testing.T) {
	for in, want := range map[string]string{"5m": "5m", "1.80m": "1.8m", "12.5cm": "0.125m", "-3mm": "-0.003m", "0m": "0m", "100m": "100m", "1.0000000000m": ""} {
		var l all.Length
		if err := l.Set(in); (err != nil) != (want == "") || err == nil && l.String() != want {
			t.Errorf("length %q = %s, %v; want %q", in, l, err, want)
		}
	}
	for _, in := range []string{"", "5", "m", "5 feet", "5km", "1e3m", "9999999m", "0.0000000001m"} {
		var l all.Length
		if err := l.Set(in); err == nil {
			t.Errorf("length %q accepted as %s", in, l)
		}
	}
	for in, want := range map[string]string{"150ohm": "150ohm", "150Ω": "150ohm", "0.1kohm": "100ohm", "165.5Ohm": "165.5ohm"} {
		var r all.Resistance
		if err := r.Set(in); err != nil || r.String() != want {
			t.Errorf("resistance %q = %s, %v; want %q", in, r, err, want)
		}
	}
	for _, in := range []string{"", "150", "ohm", "150R", "kohm", "150mohm"} {
		var r all.Resistance
		if err := r.Set(in); err == nil {
			t.Errorf("resistance %q accepted as %s", in, r)
		}
	}
}

// A driver that speaks by itself speaks at the configured pace.
func TestWatchersKeepTheirPace(t *testing.T) {
	for sample, want := range map[time.Duration]int{time.Second: 61, 5 * time.Second: 13} {
		synctest.Test(t, func(t *testing.T) {
			host := sim.NewBoard()
			host.Line("gpiochip0:17").Set(gpio.High)
			b := board.New(host, board.Options{})
			driver, _ := all.Lookup("contact")
			o := driver.Options().(*all.ContactOptions)
			o.Line, o.Measures = "gpiochip0:17", "smoke"
			sensor, err := driver.Build(b, o, sample)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute+500*time.Millisecond)
			defer cancel()
			told := 0
			if err := sensor.Watcher.Watch(ctx, func(drivers.Reading) { told++ }); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("watch ended with %v", err)
			}
			if told < want-1 || told > want+1 {
				t.Errorf("sampled every %v: told %d times in a minute, want about %d", sample, told, want)
			}
			if err := b.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}
