package mfrc522_test

import (
	"context"
	"fmt"

	"watchpost/drivers/mfrc522"
)

// unplugged is a port with no chip on it: nobody drives MISO.
type unplugged struct{}

func (unplugged) Tx(_, r []byte) error {
	for i := range r {
		r[i] = 0xFF
	}
	return nil
}

func ExampleDev_Sample() {
	// In the agent, package board hands out the port.
	reader, err := mfrc522.New(unplugged{}, mfrc522.Opts{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = reader.Sample(context.Background())
	fmt.Println(err)
	// Output: sample mfrc522: read version 0xff: no chip on this port, check supply and MISO
}
