// Package drivers holds the words every sensor driver speaks: Reading,
// Quantity, Quality, the two ways of being read (Sampler and Watcher) and the
// kinds of error.
//
// A driver lives in a folder of its own below this one, named after its chip or
// protocol. It takes periph types (i2c.Bus, spi.Conn) or a small interface it
// declares, and never opens a device: package board does that.
//
// The one law of this room: a failure is a Reading of quality Fault with a
// Reason, never a zero and never the last value again.
package drivers
