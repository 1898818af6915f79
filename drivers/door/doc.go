// Package door watches a door: its contact and, where there are any, the request
// to exit (REX, the button or motion detector inside) and the unlock signal of
// the access system. It tells whether the door is open, was forced, or is held
// open.
//
// # Rules
//
//	open     the contact says so for Debounce
//	allowed  while REX or unlock is active, for AccessTime after it ended, and no
//	         longer than until the door closes after an opening that was allowed
//	forced   the door opens while that is not allowed; until it closes
//	held     open for longer than HeldAfter after an opening that was allowed, or
//	         that nobody could judge; until it closes
//
// The contact and the signals are lines of one kernel request, so that their
// edges come in the order they happened, with the kernel's stamps. Readers and
// controllers are not that orderly: a signal that comes up to 300 ms after the
// door's first edge still allows the opening. So forced is told 300 ms late at
// most, or after Debounce where that is longer; a door that closed again meanwhile is
// told forced and not forced at once.
//
// Forced is judged, and reported at all, only with a REX or an unlock line. It is
// never told of the first state seen, nor of the first after a fault: nobody saw
// how the door opened.
//
// # Lost edges
//
// Edges can be lost (see package contact). So all levels are also read every Poll
// and before a state counts, and the levels decide: a change that only a look
// found counts from that look, and is allowed if it was allowed at any time since
// the look before. The end of a signal whose begin was not seen counts as both.
//
// The vocabulary is that of BACnet's door alarm states; the default times are
// those of Axis door controllers (AccessTime PT10S) and of BACnet (held open
// 30 s).
//
// # Wiring
//
//	line ----+---- contact, button or relay ---- GND      with the lines pulled up
//
// A door switch is closed while the door is shut; a cut wire then reads as an
// open door. REX and unlock are usually open at rest. The signals are only
// listened to: what releases the lock in a fire is wired, and never software.
//
// # Configuration
//
//	sensors:
//	  - id: gate-3
//	    driver: door
//	    line: gpiochip0:17
//	    rex: gpiochip0:27      # leave out what there is not; same GPIO chip
//	    unlock: gpiochip0:22
//	    active: open           # state of the contact with the door open
//	    rex_active: closed
//	    unlock_active: closed
//	    pull: up               # of all lines
//	    debounce: 50ms
//	    access_time: 10s
//	    held_after: 30s
package door
