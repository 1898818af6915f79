package ads1115_test

import (
	"context"
	"fmt"

	"periph.io/x/conn/v3/i2c/i2ctest"

	"watchpost/drivers/ads1115"
)

func ExampleDev_Input() {
	// In the agent, package board hands out the bus.
	bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
		{Addr: 0x48, W: []byte{0x01, 0x43, 0x83}},
		{Addr: 0x48, W: []byte{0x01}, R: []byte{0xC3, 0x83}},
		{Addr: 0x48, W: []byte{0x01, 0xC3, 0x83}},
		{Addr: 0x48, W: []byte{0x01}, R: []byte{0xC3, 0x83}},
		{Addr: 0x48, W: []byte{0x00}, R: []byte{0x38, 0x40}},
		{Addr: 0x48, W: []byte{0x01}, R: []byte{0xC3, 0x83}},
	}}
	dev, err := ads1115.New(bus, ads1115.AddrGND, ads1115.Opts{})
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := dev.Input(ads1115.AIN0).Voltage(context.Background())
	fmt.Println(v, err)
	// Output: 1.800V <nil>
}
