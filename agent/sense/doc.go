// Package sense keeps every sensor under supervision: each has a goroutine of
// its own, a deadline and a backoff, so that one bad sensor is one bad sensor.
// It stamps what the drivers return (obs, boot, offset, wall time as believed),
// says which readings the report policy wants sent, and turns changed contacts
// into events.
//
// Driver errors and panics leave here as readings of quality Fault, never as a
// value and never as silence.
package sense
