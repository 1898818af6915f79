package configs

import (
	"strconv"
	"strings"
	"testing"

	"periph.io/x/conn/v3/physic"
)

// parts is a catalogue shaped like the product's own.
type parts struct{}

func (parts) Names() []string { return []string{"ads1115", "contact", "modbus", "sonar", "wiegand"} }

func (parts) Options(driver string) (any, bool) {
	switch driver {
	case "ads1115":
		return &levelOptions{}, true
	case "contact":
		return &contactOptions{}, true
	case "modbus":
		return &modbusOptions{}, true
	case "sonar":
		return &sonarOptions{}, true
	case "wiegand":
		return &cardOptions{}, true
	}
	return nil, false
}

// Alarms reports whether a driver has anything that can be in alarm.
func (parts) Alarms(driver string, _ any) bool { return driver != "wiegand" }

// modbusOptions share a serial port with others that speak the same way.
type modbusOptions struct {
	Port     string `yaml:"port" required:"true" doc:"串口，如 ttyS1|serial port, such as ttyS1"`
	Baud     int    `yaml:"baud" default:"9600" min:"1200" max:"115200"`
	Device   uint8  `yaml:"device" default:"1" min:"1" max:"247"`
	Register uint16 `yaml:"register" default:"0"`
}

func (o *modbusOptions) Claims() []string {
	return []string{strings.TrimPrefix(o.Port, "/dev/") + "/" + strconv.Itoa(int(o.Device)) + "/" + strconv.Itoa(int(o.Register))}
}

func (o *modbusOptions) Shares() map[string]string {
	return map[string]string{strings.TrimPrefix(o.Port, "/dev/"): "modbus " + strconv.Itoa(o.Baud) + " 8N1"}
}

func (o *modbusOptions) Thresholds() bool { return true }

// sonarOptions need a serial port alone.
type sonarOptions struct {
	Port string `yaml:"port" required:"true" doc:"串口，如 ttyS1|serial port, such as ttyS1"`
}

func (o *sonarOptions) Shares() map[string]string {
	return map[string]string{strings.TrimPrefix(o.Port, "/dev/"): "alone: sonar 9600 8N1"}
}

func (o *sonarOptions) Thresholds() bool { return true }

// cardOptions describe a reader, which has neither thresholds nor alarms.
type cardOptions struct {
	D0 string `yaml:"d0" required:"true" doc:"D0 线，如 gpiochip0:5|line D0, such as gpiochip0:5"`
	D1 string `yaml:"d1" required:"true" doc:"D1 线，如 gpiochip0:6|line D1, such as gpiochip0:6"`
}

func (o *cardOptions) Claims() []string { return []string{o.D0, o.D1} }

func (o *cardOptions) Thresholds() bool { return false }

type levelOptions struct {
	Bus     string          `yaml:"bus" required:"true" doc:"I2C 总线，如 i2c-1|I2C bus, such as i2c-1"`
	Address uint16          `yaml:"address" default:"0x48" min:"0x48" max:"0x4b"`
	Input   input           `yaml:"input" required:"true"`
	Shunt   ohms            `yaml:"shunt" default:"150ohm"`
	Span    physic.Distance `yaml:"span" required:"true"`
}

func (o *levelOptions) Claims() []string {
	return []string{o.Bus + "/0x" + strconv.FormatInt(int64(o.Address), 16) + "/" + string(o.Input)}
}

func (o *levelOptions) Thresholds() bool { return true }

func (o *levelOptions) Validate() map[string]string {
	if o.Span <= 0 {
		return map[string]string{"span": "大于 0m|more than 0m"}
	}
	return nil
}

type input string

func (input) Values() []string { return []string{"AIN0", "AIN1", "AIN2", "AIN3"} }

type ohms int

func (o *ohms) Set(s string) error {
	number, ok := strings.CutSuffix(s, "ohm")
	n, err := strconv.Atoi(number)
	if !ok || err != nil {
		return strconv.ErrSyntax
	}
	*o = ohms(n)
	return nil
}

type contactOptions struct {
	Line     string   `yaml:"line" required:"true" doc:"GPIO 线，如 gpiochip0:17|GPIO line, such as gpiochip0:17"`
	Measures measured `yaml:"measures" required:"true"`
	Inverted bool     `yaml:"inverted" default:"false"`
	Active   state    `yaml:"active" default:"closed"`
}

// state of a contact.
type state string

// Values lists the states.
func (state) Values() []string { return []string{"closed", "open"} }

func (o *contactOptions) Claims() []string { return []string{strings.TrimPrefix(o.Line, "/dev/")} }

func (o *contactOptions) Thresholds() bool { return false }

type measured string

func (measured) Values() []string { return []string{"smoke", "door"} }

func TestCheckHoldsACatalogueToItsPromise(t *testing.T) {
	if err := Check(parts{}); err != nil {
		t.Errorf("Check of a sound catalogue: %v", err)
	}
	err := Check(bad{})
	if err == nil {
		t.Fatal("Check of an unsound catalogue found nothing")
	}
	want := `driver doubled: no fresh pointer to a struct
driver tags: key alarm: taken, or not a plain word
driver tags: key Bus: taken, or not a plain word
driver tags: key count: required, yet has a default
driver tags: key count: tag value "many" does not fit
driver tags: key far: tag value "9" does not fit
driver tags: key hook: type func() cannot be read
driver tags: key shape: form round is not known`
	if got := err.Error(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

type bad struct{}

var one = &contactOptions{} // the same each time: what Check is to notice

func (bad) Names() []string { return []string{"doubled", "tags"} }

func (bad) Options(driver string) (any, bool) {
	if driver == "doubled" {
		return one, true
	}
	return &struct {
		Alarm string `yaml:"alarm"`
		Bus   string `yaml:"Bus"`
		Count int    `yaml:"count" required:"true" default:"many"`
		Far   int    `yaml:"far" default:"9" max:"5"`
		Hook  func() `yaml:"hook"`
		Shape string `yaml:"shape" form:"round"`
	}{}, true
}
