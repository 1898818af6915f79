// Package wiegand reads card readers and keypads with the two-wire Wiegand
// interface: D0 and D1 rest high, and a bit is a low pulse on one of them, never
// on both (https://docs.baltech.de/developers/wiegand). The first bit sent is
// the highest.
//
// # How it listens
//
// A frame is what lies between two silences. It is put together from the
// kernel's own stamps and sequence numbers, so that a process that was held up
// still reads it right:
//
//   - Silence of Gap ends a frame. It is seen in the stamps of the next edge or,
//     if none comes, in two ticks of the lines without any.
//   - A second pulse of the same line within 100 us is the same pulse, ringing.
//     Within 100 us of a pulse of the other line it makes the frame unreadable:
//     which of them meant it cannot be known.
//   - A gap in the sequence numbers is an edge that was lost. The frame it lies
//     in is refused, and so are the two it may lie between.
//   - A frame that goes on after it was taken for ended is refused.
//
// A refused frame is never a card. It is counted (drivers.Misread), and Card is
// uncertain until a frame is good or a minute has passed:
//
//	parity_errors  right length, wrong parity
//	swapped_lines  the complement of the frame would be right: D0 and D1 are
//	               exchanged. Said at once as long as nothing was read, later of
//	               three such frames in a row only
//	noise          another number of bits, pulses on both lines, no such key;
//	               the raw value is the number of bits: 4, 8, 26, 34 and 37 are
//	               formats; one too few is wires, ground or level shifter
//	overrun        edges were lost
//	line_stuck     a line has been low for a second: a fault, no count is told
//
// # Formats
//
//	format   bits  layout                               token
//	26       26    P, facility code 8, number 16, P     h10301:99/999
//	34       34    P, 32 bits, P                        uid:45320488
//	h10304   37    P, facility code 16, number 19, P    h10304:1234/56789
//	h10302   37    P, number 35, P                      h10302:1234567890
//	keypad4   4    key                                  pin
//	keypad8   8    complement of the key, key           pin
//
// The first P makes the first half even, the last one makes the second half odd;
// of 35 data bits the middle one is in both halves
// (RfidResearchGroup/proxmark3 client/src/wiegand_formats.c). h10304 and h10302
// differ in nothing that can be seen on the wire. Keys are 0 to 9, 10 for * and
// 11 for # (esphome components/wiegand, Baltech PinMessageFormat). A code is
// what was typed up to #, or up to a silence of Entry; * clears it. Where a key may
// have gone unheard (a frame refused, a stuck line, the start) the code is refused
// whole: what is left would be another one.
//
// What parity cannot see: two wrong bits in one half, and so one random frame
// of the right length in four. keypad4 has no check at all, and the keys 4 to
// 11 of swapped lines are other valid keys, in keypad8 too. A UID cut to 26
// bits, or a seven-byte UID of which a reader sends four bytes, is not unique.
// Wiegand itself neither encrypts nor proves anything: whoever reaches the wires
// can play a card back.
//
// Which byte of a UID comes first is a setting of the reader (Opts.Reversed).
// Tokens must be written as the card sends its UID, or the same card is another
// one at the next door.
//
// # Wiring
//
//	reader D0 ---- level shifter ---- line     (pulled up)
//	reader D1 ---- level shifter ---- line     (pulled up)
//	reader GND -------------------- gateway GND
//
// Readers drive 5 V; most gateways' lines bear 3.3 V. Use a level shifter, or a
// divider of 10 kohm above 20 kohm at the gateway's end, then with the line's
// own pull off. Without a common ground there is noise or nothing. Both lines
// must be of the same GPIO chip. Go by the names D0 and D1 in the reader's own
// manual, not by the colours of its wires: exchanged wires are found out and
// named.
//
// # Configuration
//
//	sensors:
//	  - id: gate-reader
//	    driver: wiegand
//	    d0: gpiochip0:5
//	    d1: gpiochip0:6
//	    format: 34+keypad4   # 26, 34, h10304, h10302, keypad4, keypad8
//	    uid_order: raw       # reversed: the reader sends the last byte first
//	    pull: up             # none with a divider
//	    gap: 30ms
//	    repeat: 0s           # 5s: a card held for long is presented once
//	    entry: 5s
package wiegand
