package all

import (
	"fmt"
	"strings"
	"time"

	"watchpost/drivers"
	"watchpost/drivers/board"
)

// Driver is one entry of the list.
type Driver struct {
	// Name is what a configuration calls the driver.
	Name string
	// Options is a pointer to a fresh options struct with its defaults; it is
	// an Options.
	Options func() any
	// Quantities is what a sensor with these options reports.
	Quantities func(options any) []drivers.Quantity
	// Build makes a sensor that is to be sampled at this pace; a Watcher keeps to
	// it as far as its kind allows. It touches no hardware: what is wrong with that
	// comes when the sensor is read.
	Build func(b *board.Board, options any, sample time.Duration) (Sensor, error)
}

// Options are one sensor's driver settings: a pointer to a struct as described
// in the package's documentation.
type Options interface {
	// Claims names the hardware the sensor has for itself, such as
	// "i2c-1@0x48/AIN0" or "gpiochip0:17". Two sensors must not share a claim.
	Claims() []string
	// Validate lists what is wrong with the values; none when all is right.
	Validate() []Problem
}

// Problem is one value that cannot be.
type Problem struct {
	Key string // the field's key
	// Want is what was expected: "中文|English", or a text that reads the same in
	// both languages, such as "0x48 … 0x4b" or "up, down, none".
	Want string
	Got  string // what is there
}

// told is a Want in which {0} and {1} stand for args, in both languages.
func told(want string, args ...string) string {
	for i, arg := range args {
		want = strings.ReplaceAll(want, fmt.Sprintf("{%d}", i), arg)
	}
	return want
}

// Sensor is what a driver builds.
type Sensor struct {
	Sampler drivers.Sampler
	Watcher drivers.Watcher // nil when the sensor only answers
}

// Drivers is the list, in the order of documentation.
func Drivers() []Driver {
	return []Driver{ads1115Driver(), contactDriver(), modbusDriver(), wiegandDriver(), a02yyuwDriver(), mfrc522Driver(), doorDriver()}
}

// Lookup finds a driver by its name.
func Lookup(name string) (Driver, bool) {
	for _, d := range Drivers() {
		if d.Name == name {
			return d, true
		}
	}
	return Driver{}, false
}

// within is sample, or the nearest to it that a driver can keep.
func within(sample, least, most time.Duration) time.Duration { return min(max(sample, least), most) }

// wrongOptions is the error of a Build that was given another driver's options.
func wrongOptions(name string, got any) error {
	return drivers.Because(drivers.BadWiring, fmt.Errorf("build %s: options are a %T", name, got))
}

// refuse turns the first problem into an error.
func refuse(name string, problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	p := problems[0]
	want := p.Want[strings.Index(p.Want, "|")+1:] // errors are in English
	return drivers.Because(drivers.BadWiring, fmt.Errorf("build %s: %s is %s, want %s", name, p.Key, p.Got, want))
}
