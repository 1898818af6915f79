//go:build !linux

package board

import (
	"errors"
	"fmt"
)

// OpenOutput is for Linux only; the desk's simulated board needs no kernel.
func (h *periphHost) OpenOutput(name string, _ bool) (HostOutput, error) {
	return nil, missing(fmt.Errorf("open output %s: %w", name, errors.ErrUnsupported))
}
