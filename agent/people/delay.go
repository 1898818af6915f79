package people

import (
	"net/netip"
	"time"
)

// The growing delay after wrong tries.
const (
	freeTries  = 5
	firstDelay = time.Second
	maxDelay   = 5 * time.Minute
	// forgetAfter is how long a source must keep quiet to be trusted again.
	forgetAfter = time.Hour
	// maxSources bounds the memory. Beyond it the one that was wrong longest ago
	// is forgotten.
	maxSources = 256
)

// delays knows who gave wrong passwords. It is guarded by its Keeper.
type delays map[netip.Prefix]tries

type tries struct {
	wrong int
	last  time.Time
}

// source is what is counted as one: an IPv4 address, or the /64 an IPv6 host
// picks its addresses from.
func source(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	if err != nil { // the zero address: all who have none are one
		return netip.Prefix{}
	}
	return prefix
}

// wait is how long a source has to wait before its next try.
func (d delays) wait(from netip.Prefix, now time.Time) time.Duration {
	t := d[from]
	if t.wrong < freeTries {
		return 0
	}
	delay := firstDelay
	for i := freeTries; i < t.wrong && delay < maxDelay; i++ {
		delay *= 2
	}
	return max(0, min(delay, maxDelay)-now.Sub(t.last))
}

// wrong notes a wrong try.
func (d delays) wrong(from netip.Prefix, now time.Time) {
	for other, t := range d {
		if now.Sub(t.last) > forgetAfter {
			delete(d, other)
		}
	}
	t, known := d[from]
	if !known && len(d) >= maxSources {
		oldest, at := from, now
		for other, t := range d {
			if !t.last.After(at) {
				oldest, at = other, t.last
			}
		}
		delete(d, oldest)
	}
	t.wrong++
	t.last = now
	d[from] = t
}
