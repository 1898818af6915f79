package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"

	"watchpost/agent/desk/mochinet"
)

// platform is a real MQTT broker behind TLS, which lets everybody in.
type platform struct {
	address, ca string
	server      *mochi.Server
	close       func() error // once is enough
}

// newPlatform leaves the file of its CA in dir.
func newPlatform(dir string) (*platform, error) {
	certificate, ca, err := certified(dir)
	if err != nil {
		return nil, err
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		return nil, fmt.Errorf("open broker: %w", err)
	}
	p := &platform{address: l.Addr().String(), ca: ca, server: mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})}
	if err := errors.Join(
		p.server.AddHook(new(auth.AllowHook), nil),
		mochinet.Listen(p.server, l),
		p.server.Serve(),
	); err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	p.close = sync.OnceValue(p.server.Close)
	return p, nil
}

// certified is a certificate for 127.0.0.1 that vouches for itself, and its file.
// It is good in 1970 too, for the gateway whose clock was never set.
func certified(dir string) (c tls.Certificate, file string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, "", fmt.Errorf("make certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "platform"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Now().AddDate(10, 0, 0), BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return c, "", fmt.Errorf("make certificate: %w", err)
	}
	file = filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return c, "", fmt.Errorf("keep certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file, nil
}
