package mqtt

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"watchpost/agent/link"
)

// Who is pushed out again and again is told so, however patient the other is;
// who only has a bad network is not.
func TestContested(t *testing.T) {
	lost := func(cause error) error { return fmt.Errorf("connection lost: %w", cause) }
	for name, c := range map[string]struct {
		lived time.Duration
		err   error
		want  bool
	}{
		"at once":             {time.Millisecond, lost(syscall.ECONNRESET), true},
		"every ten seconds":   {10 * time.Second, lost(io.EOF), true},
		"the same over TLS":   {10 * time.Second, lost(io.ErrUnexpectedEOF), true},
		"bad network":         {10 * time.Second, lost(syscall.ECONNRESET), false},
		"silence":             {40 * time.Second, errors.New("pingresp not received"), false},
		"a broker's restarts": {10 * time.Minute, lost(io.EOF), false},
	} {
		d := &Dialer{}
		for i := range 5 {
			err := d.lifeEnded(c.lived, c.err)
			if got := errors.Is(err, link.ErrContested); got != (c.want && i >= shortInARow-1) || !errors.Is(err, c.err) {
				t.Errorf("%s, time %d: %v", name, i+1, err)
			}
		}
		if d.lifeEnded(2*closedLife, io.EOF); d.short != 0 {
			t.Errorf("%s: a long life changes nothing", name)
		}
	}
}
