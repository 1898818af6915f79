// Package relay switches a relay, a siren or a lamp by one output line. It is no
// sensor: nothing of it is read, and it never asks its line anything. periph's
// Read and Func make an input of an output (periph.io/x/host/v3/gpioioctl,
// GPIOLine.Read), and a relay that is asked how it is drops.
//
// # Wiring
//
// A GPIO drives no coil: it switches the input of a relay board with a transistor
// or an optocoupler and a supply of its own. Most boards with optocouplers switch
// on at the low level; their output is active low. Choose the contact (NO or NC)
// so that the harmless state is the one without power: that is how the relay is
// before the program starts, after it ended and whenever its line is gone.
//
// # Promises
//
//   - Off at the start of Run, off at its end, off at Close.
//   - While it should be on it is set anew every Options.Refresh, and every
//     Options.Retry after an error: a line that was lost and came back is off at
//     first, and soon on again.
//   - On for Options.Longest at most. After that it stays off, whatever is asked
//     for, until Off was called: who calls On again and again cannot prolong it.
//
// The contact itself is not known to have moved: a welded contact or a broken
// coil looks the same from here.
package relay
