//go:build broker

package outage

import (
	"bytes"
	"strconv"
	"sync"
	"testing"
	"time"
)

// drain follows the readings that reach a subscriber.
type drain struct {
	more chan struct{} // holds one token: something came

	mu          sync.Mutex
	arrived     int
	first, last time.Time
	upToFirst   int // arrived with the first message
}

// take counts the readings of a message. Nothing more is decoded: the subscriber
// shares its processors with the agent under test.
func (d *drain) take(payload []byte) {
	d.mu.Lock()
	d.last = time.Now()
	d.arrived += number(payload, `"last_seq":`) - number(payload, `"first_seq":`) + 1
	if d.first.IsZero() {
		d.first, d.upToFirst = d.last, d.arrived
	}
	d.mu.Unlock()
	select {
	case d.more <- struct{}{}:
	default:
	}
}

// number follows the name in the head of a message.
func number(payload []byte, name string) int {
	_, rest, _ := bytes.Cut(payload, []byte(name))
	digits := 0
	for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
		digits++
	}
	n, _ := strconv.Atoi(string(rest[:digits])) // zero shows in the count
	return n
}

// goesOn says that not all of the backlog has come.
func (d *drain) goesOn(backlog int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.arrived < backlog
}

// await waits until readings come.
func (d *drain) await(t *testing.T) {
	t.Helper()
	select {
	case <-d.more:
	case <-time.After(60 * time.Second):
		t.Fatal("waited for readings to arrive")
	}
}

// rate is readings a second, from the first message to the last.
func (d *drain) rate() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.first.Before(d.last) {
		return 0
	}
	return float64(d.arrived-d.upToFirst) / d.last.Sub(d.first).Seconds()
}
