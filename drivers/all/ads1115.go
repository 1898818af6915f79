package all

import (
	"fmt"
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
	"watchpost/drivers/ads1115"
	"watchpost/drivers/board"
	"watchpost/drivers/currentloop"
)

const ads1115Name = "ads1115"

// highestShunt keeps 21 mA, the upper fault limit, below the 4.096 V the
// converter is set to: beyond it an overcurrent would look like a full tank.
const highestShunt = 190 * physic.Ohm

// Input is an input of an ADS1115.
type Input string

// Values lists the inputs.
func (Input) Values() []string {
	return []string{"AIN0", "AIN1", "AIN2", "AIN3", "AIN0-AIN1", "AIN0-AIN3", "AIN1-AIN3", "AIN2-AIN3"}
}

// ADS1115Options describe a 4-20 mA level transmitter on an ADS1115.
type ADS1115Options struct {
	Bus     string     `yaml:"bus" required:"true" doc:"I2C 总线，如 i2c-1|I2C bus, such as i2c-1"`
	Address uint16     `yaml:"address" default:"0x48" doc:"芯片地址，0x48 至 0x4b|chip address, 0x48 to 0x4b"`
	Input   Input      `yaml:"input" default:"AIN0" doc:"变送器所接的输入|input the transmitter is on"`
	Shunt   Resistance `yaml:"shunt" default:"150ohm" doc:"取样电阻|shunt resistor"`
	Span    Length     `yaml:"span" required:"true" doc:"量程：4 mA 到 20 mA 之间的水位差|span: level between 4 mA and 20 mA"`
	Offset  Length     `yaml:"offset" default:"0m" doc:"4 mA 时的水位|level at 4 mA"`
}

// Claims names the inputs the sensor has for itself.
func (o *ADS1115Options) Claims() []string {
	var claims []string
	for _, input := range strings.Split(strings.ToUpper(string(o.Input)), "-") {
		claims = append(claims, fmt.Sprintf("%s@0x%02x/%s", board.BusName(o.Bus), o.Address, input))
	}
	return claims
}

// Validate lists what is wrong with the values.
func (o *ADS1115Options) Validate() []Problem {
	var v verdicts
	v.given("bus", o.Bus, "总线名，如 i2c-1|a bus name, such as i2c-1")
	if o.Address < ads1115.AddrGND || o.Address > ads1115.AddrSCL {
		v.add("address", "0x48 … 0x4b", fmt.Sprintf("0x%02x", o.Address))
	}
	if _, err := ads1115.ParseMux(string(o.Input)); err != nil {
		v.add("input", strings.Join(o.Input.Values(), ", "), string(o.Input))
	}
	if r := physic.ElectricResistance(o.Shunt); r < physic.Ohm || r > highestShunt {
		v.add("shunt", "1ohm … "+Resistance(highestShunt).String(), o.Shunt.String())
	}
	if d := physic.Distance(o.Span); d <= 0 || d > 1000*physic.Metre {
		v.add("span", "大于 0m，至多 1000m|more than 0m, at most 1000m", o.Span.String())
	}
	if d := physic.Distance(o.Offset); d < -1000*physic.Metre || d > 1000*physic.Metre {
		v.add("offset", "-1000m … 1000m", o.Offset.String())
	}
	return v
}

func ads1115Driver() Driver {
	return Driver{
		Name: ads1115Name,
		Options: func() any {
			return &ADS1115Options{Address: ads1115.AddrGND, Input: "AIN0", Shunt: Resistance(150 * physic.Ohm)}
		},
		Quantities: func(any) []drivers.Quantity { return []drivers.Quantity{drivers.Level} },
		Build:      buildADS1115,
	}
}

func buildADS1115(b *board.Board, options any, _ time.Duration) (Sensor, error) {
	o, err := checked[*ADS1115Options](ads1115Name, options)
	if err != nil {
		return Sensor{}, err
	}
	mux, err := ads1115.ParseMux(string(o.Input))
	if err != nil {
		return Sensor{}, err
	}
	bus := b.I2C(o.Bus)
	// One Dev per chip, however many of its inputs are sensors: it makes them
	// take turns.
	part, err := b.Part(fmt.Sprintf("ads1115 %s@0x%02x", board.BusName(o.Bus), o.Address), func() (any, error) {
		return ads1115.New(bus, o.Address, ads1115.Opts{})
	})
	if err != nil {
		return Sensor{}, err
	}
	chip, ok := part.(*ads1115.Dev)
	if !ok {
		return Sensor{}, fmt.Errorf("build %s: 0x%02x on %s is a %T", ads1115Name, o.Address, o.Bus, part)
	}
	level, err := currentloop.New(chip.Input(mux), currentloop.Opts{
		Shunt:  physic.ElectricResistance(o.Shunt),
		Span:   physic.Distance(o.Span),
		Offset: physic.Distance(o.Offset),
	})
	if err != nil {
		return Sensor{}, err
	}
	return Sensor{Sampler: level}, nil
}
