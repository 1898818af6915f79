//go:build !linux

package board

import (
	"errors"
	"fmt"
)

// OpenEdges is for Linux only; the desk's simulated board needs no kernel.
func (h *periphHost) OpenEdges(lines []string, _ EdgeOptions) (HostEdges, error) {
	return nil, missing(fmt.Errorf("open lines %q: %w", lines, errors.ErrUnsupported))
}
