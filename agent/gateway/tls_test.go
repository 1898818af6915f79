package gateway_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"watchpost/agent/clock"
)

// certified is a certificate for 127.0.0.1 that vouches for itself, and its file.
func certified(t *testing.T) (c tls.Certificate, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broker"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
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
