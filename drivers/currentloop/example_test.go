package currentloop_test

import (
	"context"
	"fmt"

	"periph.io/x/conn/v3/physic"

	"watchpost/drivers/currentloop"
)

// mid is a voltmeter that sees 12 mA through 150 ohm.
type mid struct{}

func (mid) Voltage(context.Context) (physic.ElectricPotential, error) {
	return 1800 * physic.MilliVolt, nil
}

func Example() {
	level, err := currentloop.New(mid{}, currentloop.Opts{
		Shunt:  150 * physic.Ohm,
		Span:   5 * physic.Metre,
		Offset: -120 * physic.MilliMetre,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	readings, err := level.Sample(context.Background())
	fmt.Println(readings[0].Value, readings[0].Unit, readings[0].Quality, err)
	// Output: 2.380 m good <nil>
}
