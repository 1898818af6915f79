//go:build !linux

package board

import (
	"errors"
	"fmt"
)

// OpenSerial is for Linux only; the desk's simulated board needs no kernel.
func (h *periphHost) OpenSerial(name string, _ SerialMode) (HostSerial, error) {
	return nil, missing(fmt.Errorf("open serial port %s: %w", name, errors.ErrUnsupported))
}
