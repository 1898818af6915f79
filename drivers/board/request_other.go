//go:build !linux

package board

import (
	"errors"

	"periph.io/x/conn/v3/gpio"
)

// requestLine is for Linux only; the desk's simulated board needs no kernel.
func requestLine(string, uint32, gpio.Pull) (HostLine, error) {
	return nil, errors.New("request line: GPIO lines need Linux")
}
