package gateway_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/trust/trusttest"
)

// certified is a certificate for 127.0.0.1 of an hour ago, and its file.
func certified(t *testing.T) (c tls.Certificate, file string) {
	t.Helper()
	c, file, err := trusttest.SelfSignedFrom(t.TempDir(), time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return c, file
}

// A gateway that wakes in 1970 cannot believe any certificate, says so, and
// connects soon after its clock was set.
func TestClockThatIsSetLetsTLSThrough(t *testing.T) {
	t.Parallel()
	cert, ca := certified(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	city := newCityOn(t, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}}))
	var set atomic.Bool
	booted := time.Now()
	r := newRig(t)
	r.clock = &clock.Source{
		Boot: clock.BootID{1}, SinceBoot: func() time.Duration { return time.Since(booted) + time.Minute },
		Wall: func() time.Time {
			if set.Load() {
				return time.Now()
			}
			return time.Unix(60, 0).Add(time.Since(booted))
		},
		Disciplined: set.Load,
	}
	platform := fmt.Sprintf("{id: city, server: \"tls://%s\", tls: {ca_file: %s}}", l.Addr(), ca)
	r.config = strings.Replace(rigConfig, "platforms: [%s]", "platforms: ["+platform+"] #%s", 1)
	life := r.start()
	defer life.end()
	const says = "certificate not valid yet: this clock says 1970-01-01; the clock is not set"
	life.until("the reason", func(v view) bool {
		return len(v.Platforms) == 1 && strings.Contains(v.Platforms[0].LastError, says)
	})
	set.Store(true)
	life.until("the connection", func(v view) bool { return v.Platforms[0].Connected })
	city.until(t, "a reading", "readings", func(cityMessage) bool { return true })
}
