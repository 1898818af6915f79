package mqtt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// today is when the tests of TLS play, on both sides.
var today = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

func years(n int) time.Time { return today.AddDate(n, 0, 0) }

// issued is a certificate with its key.
type issued struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// issue makes a certificate of a template, signed by an authority or, with nil,
// by itself. Leaves have Ed25519 keys.
func issue(t *testing.T, template *x509.Certificate, by *issued) *issued {
	t.Helper()
	if template.NotBefore.IsZero() {
		template.NotBefore = years(-1)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = years(1)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	var key crypto.Signer
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if by == nil {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	parent := template
	signer := key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{cert, key}
}

func authority(t *testing.T, name string, from, until time.Time) *issued {
	t.Helper()
	return issue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: from, NotAfter: until,
	}, nil)
}

// leaf is what a server or a client shows; template may be empty.
func leaf(t *testing.T, name string, template x509.Certificate, by *issued) *issued {
	t.Helper()
	template.Subject.CommonName = name
	template.KeyUsage = x509.KeyUsageDigitalSignature
	if template.ExtKeyUsage == nil {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	if template.DNSNames == nil && template.IPAddresses == nil {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	return issue(t, &template, by)
}

func (i *issued) shown() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{i.cert.Raw}, PrivateKey: i.key, Leaf: i.cert}
}

// write puts certificate and key into files.
func (i *issued) write(t *testing.T) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: i.cert.Raw},
		key:  {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// pool believes one authority.
func (i *issued) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(i.cert)
	return p
}
