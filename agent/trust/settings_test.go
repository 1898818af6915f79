package trust

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pair is a self-signed certificate and its key, PEM.
func pair(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "GW-0317"}, DNSNames: []string{"GW-0317"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	cert, key := pair(t)
	_, otherKey := pair(t)
	dir := t.TempDir()
	file := func(name string, mode os.FileMode, parts ...[]byte) string {
		var raw []byte
		for _, p := range parts {
			raw = append(raw, p...)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, raw, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	certs := file("cert.pem", 0o644, cert)
	keys := file("key.pem", 0o600, key)
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})
	for _, c := range []struct {
		name string
		s    Settings
		file string // the one at fault; empty: none
		want string // part of why
	}{
		{"none", Settings{}, "", ""},
		{"all right", Settings{CAFile: file("ca.pem", 0o644, []byte("City CA\n"), cert, cert), CertFile: certs, KeyFile: keys}, "", ""},
		{"key before certificate in one file", Settings{CertFile: file("both.pem", 0o600, key, cert), KeyFile: filepath.Join(dir, "both.pem")}, "", ""},
		{"no CA file", Settings{CAFile: filepath.Join(dir, "nowhere")}, "nowhere", "no such file"},
		{"directory", Settings{CAFile: dir}, filepath.Base(dir), "not a regular file"},
		{"no certificate", Settings{CAFile: keys}, "key.pem", "no certificate in it"},
		{"empty", Settings{CAFile: file("empty", 0o644)}, "empty", "no certificate in it"},
		{"second one broken", Settings{CAFile: file("half", 0o644, cert, broken)}, "half", "certificate 2"},
		{"too long", Settings{CAFile: file("long", 0o644, cert, make([]byte, maxFile))}, "long", "longer than"},
		{"no certificate of ours", Settings{CertFile: keys, KeyFile: keys}, "key.pem", "no certificate in it"},
		{"key open to others", Settings{CertFile: certs, KeyFile: file("open.key", 0o640, key)}, "open.key", "chmod 0600"},
		{"key of another", Settings{CertFile: certs, KeyFile: file("other.key", 0o600, otherKey)}, "other.key", "not the key of"},
		{"locked key", Settings{CertFile: certs, KeyFile: file("locked.key", 0o600, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}))}, "locked.key", "passphrase"},
		{"no key", Settings{CertFile: certs, KeyFile: file("no.key", 0o600, cert)}, "no.key", "not the key of"},
		{"key not named", Settings{CertFile: certs}, "", "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.s.Check()
			if (err == nil) != (c.want == "") {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			if err == nil {
				return
			}
			bad, ok := errors.AsType[*Error](err)
			if !ok || bad.Reason != BadFile || filepath.Base(bad.Args[0]) != c.file && c.file != "" || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one of %q with %q", err, c.file, c.want)
			}
			for _, secret := range []string{"PRIVATE KEY", "BEGIN"} {
				if strings.Contains(strings.ReplaceAll(err.Error(), `"PRIVATE KEY"`, ""), secret) {
					t.Errorf("the error quotes the file: %v", err)
				}
			}
		})
	}
}

// A connection whose files cannot be used is closed, and nothing was said on it.
func TestBadFilesEndTheConnection(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	if _, err := (Settings{CAFile: "/nowhere"}).Client(context.Background(), near, "h"); err == nil {
		t.Fatal("no error")
	}
	if n, err := far.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("%d bytes were sent", n)
	}
}
