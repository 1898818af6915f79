// Package board is the gateway's hardware as the drivers see it: I2C buses and
// GPIO lines, each opened once, at first use, and shared. It is the only room
// that touches the operating system for hardware.
//
// One goroutine owns each bus and each line. Everybody else hands it a request
// and waits, with a deadline; so a call that hangs in the kernel costs its own
// caller one deadline and nobody else anything:
//
//   - A transaction that does not come back within Options.TxTimeout is
//     abandoned: its caller gets drivers.Stuck, its bus is marked down, and
//     everybody else on that bus gets drivers.BusDown at once.
//   - So is a bus whose adapter timed out three times in a row.
//   - A bus that is down is closed (once the hanging call has come back) and
//     opened again after 1 s, then 2 s, up to 60 s, with jitter. The first
//     timeout after that marks it down again; the first answer makes it whole.
//   - A line goes the same way after any error.
//
// No caller's buffer is handed to the kernel: an abandoned call ends in memory
// that nobody reads.
//
// What a Host does with names is its own; Periph is the one for real hardware.
package board
