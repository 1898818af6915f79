package board

// standing judges a device by what its addresses do, one request after the
// other. An I2C bus has many; other devices have one, 0. Some adapters answer a
// missing chip with a timeout and not with "not acknowledged"; there one timeout
// looks the same whether a chip is absent or the bus is stuck. What tells them
// apart is whether others are answered:
//
//   - An answer from anybody, and any error but a timeout, proves the bus. The
//     addresses that timed out before it are absent, and their timeouts say
//     nothing of the bus until they answer.
//   - Timeouts in a row, with no answer between, take the bus down at the third,
//     if two addresses that had answered are among them, or if every address
//     that is asked for on this bus is.
//
// So one address alone, or any number of absent ones, never takes down a bus on
// which somebody else lives or has not been asked yet; a stuck bus goes down with
// the third timeout, unless all three are of one address while the others are
// not asked. Then it is down as soon as one of them was, and nobody missed it.
//
// After a bus was opened again nothing is proved, and every address that is
// asked for has to fail once before it goes down again.
type standing struct {
	known   map[uint16]bool // every address that was ever asked for: has it answered since the bus was opened?
	silent  map[uint16]bool // those that timed out since the last answer
	row     int             // timeouts since the last answer
	doubted bool            // opened again, and nobody has answered yet
}

func newStanding() *standing {
	return &standing{known: make(map[uint16]bool), silent: make(map[uint16]bool)}
}

// ask notes that somebody wants an address, be it that the bus is down.
func (s *standing) ask(addr uint16) {
	if _, ok := s.known[addr]; !ok {
		s.known[addr] = false
	}
}

// proved notes that the bus works, and whether it was the address that answered.
func (s *standing) proved(addr uint16, answered bool) {
	for absent := range s.silent {
		s.known[absent] = false
	}
	s.known[addr] = answered
	clear(s.silent)
	s.row, s.doubted = 0, false
}

// timedOut notes a timeout and reports whether the bus is down.
func (s *standing) timedOut(addr uint16) (down bool) {
	s.ask(addr)
	s.silent[addr] = true
	s.row++
	witnesses := 0
	for silent := range s.silent {
		if s.known[silent] {
			witnesses++
		}
	}
	all := len(s.silent) == len(s.known)
	return s.row >= timeoutsToDown && (witnesses >= 2 || all) || s.doubted && all
}

// reopened forgets what is known of the bus, but not who is asked for.
func (s *standing) reopened() {
	for addr := range s.known {
		s.known[addr] = false
	}
	clear(s.silent)
	s.row, s.doubted = 0, true
}
