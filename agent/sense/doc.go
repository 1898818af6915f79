// Package sense keeps every sensor under supervision: each has a goroutine of
// its own, a deadline and a backoff, so that one bad sensor is one bad sensor.
// It stamps what the drivers return (obs, boot, offset, wall time as believed),
// says which readings the report policy wants sent, turns changed contacts and
// presented cards into events, and card numbers into pseudonyms: no number
// leaves this room.
//
// Driver errors and panics leave here as readings of quality Fault, never as a
// value and never as silence.
//
// # Supervision
//
// A sensor that is asked has one call out at most. A call past its deadline is
// said to be stuck and left alone; its answer, should it ever come, is dropped,
// since nobody knows when it was measured. A watcher must say something each
// period; one that is silent for three deadlines is told to end and started
// again, or left alone until it comes back. Failures are retried at the normal
// pace three times, then at twice the time each, up to 10 s, so that a sensor
// plugged in again is soon seen; up to 30 s where asking in vain takes long and
// would eat up a shared line. A watcher that says more than 100 readings a
// second is held to that: the newest reading of each quantity is handed on and
// the others are counted in Observation.Folded.
//
// # Cards
//
// A reading with a Token is a presentation. Its pseudonym is made here, before
// anything else sees the reading, and the Token is taken out. What a driver
// writes into an error or a panic is logged as it is: drivers keep numbers in
// Tokens, which print as nothing.
package sense
