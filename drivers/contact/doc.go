// Package contact reads a dry contact on a GPIO line: the alarm relay of a smoke
// detector, a door switch.
//
// # How it listens
//
// Edges only wake it. The truth is the level read afterwards, and a state counts
// when it held for Debounce. Edges do get lost: the kernel keeps 16 events for a
// line by default and drops the oldest (Linux include/uapi/linux/gpio.h,
// gpio_v2_line_request), and trailing edges have been seen to vanish
// (https://github.com/joan2937/lg/issues/18). So the level is also read every
// Poll without any edge.
//
// A contact that does not come to rest is a fault and not a guess: chatter means
// a loose wire or mains pick-up.
//
// # Why not periph's gpio.PinIn
//
// PinIn.Read has no error: when the line is gone it returns Low, which would be a
// contact at rest, or a fire. PinIn.WaitForEdge cannot say why it returned false,
// and periph's implementations disagree about a timeout of 0 and of -1: with
// gpioioctl 0 blocks for ever and -1 returns at once
// (https://github.com/periph/host/issues/78). This package therefore asks for a
// Line, whose methods return errors; it only ever waits for a positive time of at
// most 500 ms, looks at its context in between, and takes three waits in a row
// that end far too early for a dead line.
//
// # Wiring
//
//	line ----+---- contact ---- GND      with the line pulled up
//
// Prefer a normally closed contact: a cut wire then reads as an alarm and not as
// calm. A level alone cannot tell a cut wire from an open contact.
//
//	wiring                                          Opts.ActiveLow  active
//	pull-up, closes in alarm (normally open)        true            closed
//	pull-up, opens in alarm (normally closed)       false           open
//	pull-up, door switch closed when door is shut   false           open
//
// The debounce of a smoke contact is at most one second, so that it cannot hold
// back an alarm for long.
//
// # Configuration
//
//	sensors:
//	  - id: stairwell-smoke
//	    driver: contact
//	    line: gpiochip0:17
//	    measures: smoke      # smoke or door
//	    active: open         # state of the contact in alarm, or with the door open
//	    pull: up
//	    debounce: 50ms       # smoke: at most 1s; door: at most 5s
package contact
