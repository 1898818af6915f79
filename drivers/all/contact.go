package all

import (
	"time"

	"watchpost/drivers"
	"watchpost/drivers/board"
	"watchpost/drivers/contact"
)

const contactName = "contact"

// Measures is what a contact says.
type Measures string

// Values lists what a contact can say.
func (Measures) Values() []string { return []string{string(drivers.Smoke), string(drivers.Door)} }

// Active is the contact's state that means smoke, or an open door.
type Active string

// Values lists the states of a contact.
func (Active) Values() []string { return []string{"closed", "open"} }

// Pull is the resistor that holds the line of an open contact.
type Pull string

// Values lists the pulls.
func (Pull) Values() []string { return []string{"up", "down", "none"} }

// ContactOptions describe a dry contact on a GPIO line. With pull up or none the
// contact connects the line to ground, so closed reads low; with pull down it
// connects the line to the supply, so closed reads high.
type ContactOptions struct {
	Line     string        `yaml:"line" required:"true" doc:"GPIO 线：gpiochip0:17 或内核中的名字|GPIO line: gpiochip0:17 or the kernel's name"`
	Measures Measures      `yaml:"measures" required:"true" doc:"触点含义：smoke 烟雾，door 门|what the contact says: smoke or door"`
	Active   Active        `yaml:"active" default:"closed" doc:"报警或开门时触点的状态|state of the contact in alarm, or with the door open"`
	Pull     Pull          `yaml:"pull" default:"up" doc:"上拉或下拉|pull resistor"`
	Debounce time.Duration `yaml:"debounce" default:"50ms" doc:"消抖时间|how long a state must hold"`
}

// Claims names the line.
func (o *ContactOptions) Claims() []string { return []string{board.LineName(o.Line)} }

// Validate lists what is wrong with the values.
func (o *ContactOptions) Validate() []Problem {
	var v verdicts
	v.given("line", o.Line, "GPIO 线，如 gpiochip0:17|a line, such as gpiochip0:17")
	v.word("measures", string(o.Measures), o.Measures.Values())
	v.word("active", string(o.Active), o.Active.Values())
	v.word("pull", string(o.Pull), o.Pull.Values())
	longest := contact.MaxDebounce
	if o.Measures == Measures(drivers.Smoke) {
		longest = contact.MaxSmokeDebounce
	}
	v.between("debounce", o.Debounce, time.Millisecond, longest)
	return v
}

func contactDriver() Driver {
	return Driver{
		Name: contactName,
		Options: func() any {
			return &ContactOptions{Active: "closed", Pull: "up", Debounce: contact.DefaultDebounce}
		},
		Quantities: func(options any) []drivers.Quantity {
			if o, ok := options.(*ContactOptions); ok {
				return []drivers.Quantity{drivers.Quantity(o.Measures)}
			}
			return nil
		},
		Build: buildContact,
	}
}

func buildContact(b *board.Board, options any, sample time.Duration) (Sensor, error) {
	o, err := checked[*ContactOptions](contactName, options)
	if err != nil {
		return Sensor{}, err
	}
	closedIsLow := o.Pull != "down"
	c, err := contact.New(b.Line(o.Line, o.Pull.resistor()), contact.Opts{
		Quantity:  drivers.Quantity(o.Measures),
		ActiveLow: (o.Active == "closed") == closedIsLow,
		Debounce:  o.Debounce,
		Poll:      within(sample, contact.MinPoll, contact.MaxPoll),
	})
	if err != nil {
		return Sensor{}, err
	}
	return Sensor{Sampler: c, Watcher: c}, nil
}
