package drivers

import "time"

// Edge is one change of a line, as the kernel saw it.
type Edge struct {
	// Line is the line's place in the list that was asked for, from 0.
	Line int
	// Rising says that the line went high.
	Rising bool
	// At is the kernel's own stamp of the edge (CLOCK_MONOTONIC). It has no
	// meaning but for differences.
	At time.Duration
	// Seqno counts the edges of all lines of the request, from 1. A gap is an
	// edge that was lost because nobody read in time.
	Seqno uint32
}
