// Package board is the gateway's hardware as the drivers see it: I2C buses, SPI
// and serial ports, GPIO inputs, edges and outputs, each opened once, at first
// use, and shared. It is the only room that touches the operating system for
// hardware.
//
// One goroutine owns each device. Everybody else hands it a request and waits,
// with a deadline; so a call that hangs in the kernel costs its own caller one
// deadline and nobody else anything:
//
//   - A transaction that does not come back within Options.TxTimeout is
//     abandoned: its caller gets drivers.Stuck, its bus is marked down, and
//     everybody else on that bus gets drivers.BusDown at once.
//   - So is a bus whose adapter timed out three times in a row, unless it is the
//     chips that are absent; see standing.
//   - A bus that is down is closed (once the hanging call has come back) and
//     opened again after 1 s, then 2 s, up to 60 s, with jitter. The first
//     timeout of everybody after that marks it down again; the first answer
//     makes it whole.
//   - A line and an output go the same way after any error. A serial port does
//     after an error of its own, such as being unplugged, and is looked for
//     every 10 s at least; a peer that is silent or babbles costs only those who
//     ask it.
//
// A line is an input or an output, and who comes second with the other wish gets
// drivers.BadWiring. An output is off when it is opened and when the board
// closes, and has no method that reads.
//
// No caller's buffer is handed to the kernel: an abandoned call ends in memory
// that nobody reads.
//
// What a Host does with names is its own; Periph is the one for real hardware.
package board
