//go:build broker

package outage

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"watchpost/agent/link"
	"watchpost/agent/link/mqtt"
	"watchpost/agent/trust"
)

// authority issues certificates into files.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.file, _ = a.issue(template)
	raw, err := os.ReadFile(a.file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	if a.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue writes a certificate and its key; the first is the authority's own.
func (a *authority) issue(template *x509.Certificate) (cert, key string) {
	a.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	}
	parent, signer := a.cert, a.key
	if signer == nil {
		a.key, parent, signer = private, template, private
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, private.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	dir := a.t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return cert, key
}

// TestTLSWithClientCertificates has the whole agent speak to a Mosquitto that
// wants a certificate, and Mosquitto's refusals in words.
func TestTLSWithClientCertificates(t *testing.T) {
	ca, other := newAuthority(t, "City CA"), newAuthority(t, "Other CA")
	server, serverKey := ca.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "broker"}, DNSNames: []string{"mqtt.city.example"}})
	ours, oursKey := ca.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "GW-TEST"}})
	foreign, foreignKey := other.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "GW-TEST"}})
	late, lateKey := ca.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: "GW-TEST"}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour),
	})
	expired, expiredKey := ca.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: "broker"}, DNSNames: []string{"mqtt.city.example"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour),
	})
	settings := func(cert, key string) trust.Settings {
		return trust.Settings{CAFile: ca.file, CertFile: cert, KeyFile: key, ServerName: "mqtt.city.example"}
	}
	good := settings(ours, oursKey)
	files := fmt.Sprintf("cafile %s\ncertfile %s\nkeyfile %s\nrequire_certificate true\n", ca.file, server, serverKey)

	broker := newMosquittoWith(t, files)
	t.Run("agent", func(t *testing.T) { speaksTLS(t, broker, good) })
	stale := newMosquittoWith(t, strings.Replace(strings.Replace(files, server, expired, 1), serverKey, expiredKey, 1))

	with := func(edit func(*trust.Settings)) trust.Settings {
		s := good
		edit(&s)
		return s
	}
	for _, row := range []struct {
		name   string
		broker *mosquitto
		s      trust.Settings
		want   trust.Reason // empty: it goes through
	}{
		{"good", broker, good, ""},
		{"wrong CA", broker, with(func(s *trust.Settings) { s.CAFile = other.file }), trust.UnknownAuthority},
		{"wrong name", broker, with(func(s *trust.Settings) { s.ServerName = "" }), trust.WrongName},
		{"expired", stale, good, trust.Expired},
		{"clock in 1970", broker, with(func(s *trust.Settings) {
			s.Clock = func() (time.Time, bool) { return time.Unix(60, 0), false }
		}), trust.NotYetOrClock},
		{"no certificate", broker, settings("", ""), trust.ClientCertMissing},
		{"certificate of another CA", broker, settings(foreign, foreignKey), trust.ClientCertRefused},
		{"certificate expired", broker, settings(late, lateKey), trust.ClientCertExpired},
	} {
		t.Run(row.name, func(t *testing.T) {
			expect(t, mqtt.Options{Server: "tls://" + row.broker.address(), ClientID: "GW-TEST", TLS: row.s}, row.want)
		})
	}
	t.Run("plaintext to TLS", func(t *testing.T) {
		expect(t, mqtt.Options{Server: "tcp://" + broker.address(), ClientID: "GW-TEST", AllowPlaintext: true}, trust.WantsTLS, trust.MayWantTLS)
	})
	t.Run("TLS to plaintext", func(t *testing.T) {
		expect(t, mqtt.Options{Server: "tls://" + newMosquitto(t).address(), ClientID: "GW-TEST", TLS: good}, trust.CutOff)
	})
}

// expect dials once; one of the reasons is what must become of it.
func expect(t *testing.T, o mqtt.Options, reasons ...trust.Reason) {
	t.Helper()
	d, err := mqtt.New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := d.Dial(t.Context(), link.Opening{})
	if err == nil {
		l.Close()
	}
	var got trust.Reason
	if e, ok := errors.AsType[*trust.Error](err); ok {
		got = e.Reason
	} else if err != nil {
		got = "none"
	}
	for _, want := range reasons {
		if got == want {
			t.Logf("%v", err)
			return
		}
	}
	t.Errorf("%q: %v; want %v", got, err, reasons)
}

// speaksTLS runs the agent until its records arrive.
func speaksTLS(t *testing.T, broker *mosquitto, s trust.Settings) {
	ctx, cancel := context.WithCancel(t.Context())
	ready := make(chan struct{})
	cert, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(raw)
	city := &platform{t: t, address: broker.address(), tls: &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: roots, ServerName: s.ServerName}}
	var subscriber sync.WaitGroup
	subscriber.Go(func() { city.subscribe(ctx, ready) })
	defer subscriber.Wait()
	defer cancel()
	<-ready

	dir := t.TempDir()
	config := writeConfig(t, dir, broker.address())
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	secured := strings.Replace(string(text), fmt.Sprintf("\"tcp://%s\", allow_plaintext: true", broker.address()),
		fmt.Sprintf("\"tls://%s\", tls: {ca_file: %s, cert_file: %s, key_file: %s, server_name: %s}", broker.address(), s.CAFile, s.CertFile, s.KeyFile, s.ServerName), 1)
	if err := os.WriteFile(config, []byte(secured), 0o600); err != nil || secured == string(text) {
		t.Fatal("the configuration was not changed to TLS", err)
	}
	a := &agent{t: t, config: config, ledger: filepath.Join(dir, "ledger"), door: "closed", smoke: "normal"}
	a.start()
	defer a.end()
	for guard := time.Now().Add(time.Minute); city.count() < perLook; pause(100 * time.Millisecond) {
		if time.Now().After(guard) {
			t.Fatalf("%d records arrived", city.count())
		}
	}
}
