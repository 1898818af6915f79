package configs

import (
	"strconv"
	"strings"
	"testing"

	"periph.io/x/conn/v3/physic"
)

// parts is a catalogue shaped like the product's own.
type parts struct{}

func (parts) Names() []string { return []string{"ads1115", "contact"} }

func (parts) Options(driver string) (any, bool) {
	switch driver {
	case "ads1115":
		return &levelOptions{}, true
	case "contact":
		return &contactOptions{}, true
	}
	return nil, false
}

type levelOptions struct {
	Bus     string          `yaml:"bus" required:"true"`
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
		return map[string]string{"span": "more than 0m"}
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
	Line     string   `yaml:"line" required:"true"`
	Measures measured `yaml:"measures" required:"true"`
	Inverted bool     `yaml:"inverted" default:"false"`
	Active   state    `yaml:"active" default:"closed"`
}

// state of a contact.
type state string

// Values lists the states.
func (state) Values() []string { return []string{"closed", "open"} }

func (o *contactOptions) Claims() []string { return []string{o.Line} }

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
