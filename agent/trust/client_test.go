package trust

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
)

// broken is a connection on which writing fails once it is told to.
type broken struct {
	net.Conn
	now atomic.Bool
}

func (b *broken) Write(p []byte) (int, error) {
	if b.now.Load() {
		return 0, syscall.EPIPE
	}
	return b.Conn.Write(p)
}

// A far side that refuses our certificate ends the connection at once, so that
// writing fails before its alert is read. The alert is what counts.
func TestRefusalIsReadAlthoughWritingFailed(t *testing.T) {
	cert, key := pair(t)
	shown, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	refused := make(chan struct{})
	go func() {
		defer close(refused)
		far, err := listener.Accept()
		if err != nil {
			return
		}
		defer far.Close()
		_ = tls.Server(far, &tls.Config{
			Certificates: []tls.Certificate{shown}, ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS13,
		}).HandshakeContext(t.Context()) // it fails; that is the point
	}()
	under, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b := &broken{Conn: under}
	conn, err := (Settings{CAFile: file, ServerName: "GW-0317"}).Client(context.Background(), b, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	<-refused
	b.now.Store(true)
	_, err = conn.Write([]byte("POST"))
	if said, ok := errors.AsType[*Error](err); !ok || said.Reason != ClientCertMissing {
		t.Errorf("error %v, want that a certificate is missing", err)
	}
}

// An IPv6 address is a server name as any.
func TestAddressesAsNames(t *testing.T) {
	c := &x509.Certificate{IPAddresses: []net.IP{net.IPv6loopback, net.IPv4(10, 0, 0, 1)}}
	if got := namesOf(c); got != "::1, 10.0.0.1" {
		t.Errorf("names %q", got)
	}
}
