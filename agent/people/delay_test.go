package people

import (
	"net/netip"
	"testing"
	"time"
)

// The table of who was wrong is bounded, and forgets the oldest, not the newest.
func TestSourcesAreBounded(t *testing.T) {
	d, now := delays{}, time.Now()
	from := func(i int) netip.Prefix { return source(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})) }
	for i := range 2 * maxSources {
		now = now.Add(time.Second)
		d.wrong(from(i), now)
	}
	_, first := d[from(0)]
	_, last := d[from(2*maxSources-1)]
	if len(d) != maxSources || first || !last {
		t.Errorf("%d sources, the first known %v, the last %v", len(d), first, last)
	}
	if d.wrong(from(0), now.Add(2*time.Hour)); len(d) != 1 {
		t.Errorf("%d sources after two quiet hours, want the new one", len(d))
	}
}
