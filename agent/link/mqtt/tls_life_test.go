package mqtt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"watchpost/agent/link"
	"watchpost/agent/trust"
)

// secure is a city's broker that makes faults, and what it takes to reach it.
func (c *city) secure(t *testing.T, b *fakeBroker) Options {
	t.Helper()
	if b.tls == nil {
		b.tls = serves(leaf(t, "broker", x509.Certificate{}, c.ca))
	}
	o := startFake(t, b).options()
	o.Server, o.AllowPlaintext = "tls"+strings.TrimPrefix(o.Server, "tcp"), false
	o.TLS = trust.Settings{CAFile: c.caFile, Clock: at(today, true)}
	return o
}

func TestBytesAreCountedBelowTLS(t *testing.T) {
	c := newCity(t)
	_, clear := startBroker(t)
	_, secured := startTLSBroker(t, serves(leaf(t, "broker", x509.Certificate{}, c.ca)))
	secured.TLS = trust.Settings{CAFile: c.caFile, Clock: at(today, true)}
	stats := func(o Options) Stats {
		d := dialer(t, o)
		l := dial(t, d, link.Opening{})
		if n, err := l.Send(t.Context(), batchOf(16)); n != 16 || err != nil {
			t.Fatalf("Send = %d, %v; want 16", n, err)
		}
		if err := l.Close(); err != nil || l.Err() != nil {
			t.Errorf("Close: %v, Err: %v", err, l.Err())
		}
		return d.Stats()
	}
	without, with := stats(clear), stats(secured)
	// A handshake of our side has some 200 bytes at least, one of the broker's
	// side its certificate.
	if with.BytesSent < without.BytesSent+200 || with.BytesReceived < without.BytesReceived+300 {
		t.Errorf("with TLS %+v, without %+v", with, without)
	}
	t.Logf("a connection with 16 readings: %d + %d bytes in clear, %d + %d with TLS",
		without.BytesSent, without.BytesReceived, with.BytesSent, with.BytesReceived)
}

// A renewed certificate is used at the next connection, of either side.
func TestFilesAreReadAtEachDial(t *testing.T) {
	c := newCity(t)
	o := c.secure(t, &fakeBroker{publish: answerAll, tls: c.wantingClient(serves(leaf(t, "broker", x509.Certificate{}, c.ca)))})
	good, goodKey := leaf(t, "GW-0317", x509.Certificate{}, c.ca).write(t)
	o.TLS.CertFile, o.TLS.KeyFile = leaf(t, "GW-0317", x509.Certificate{}, c.other).write(t)
	o.TLS.CAFile, _ = c.other.write(t)
	d := dialer(t, o)
	for _, step := range []struct {
		from, to string
		want     trust.Reason // before the step
	}{
		{c.caFile, o.TLS.CAFile, trust.UnknownAuthority},
		{good, o.TLS.CertFile, trust.ClientCertRefused},
		{goodKey, o.TLS.KeyFile, trust.BadFile}, // certificate and key of two renewals
	} {
		_, err := d.Dial(t.Context(), link.Opening{})
		if got, _ := errors.AsType[*trust.Error](err); got == nil || got.Reason != step.want {
			t.Errorf("error %v, want %s", err, step.want)
		}
		renewed, err := os.ReadFile(step.from)
		if err == nil {
			err = os.WriteFile(step.to, renewed, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	dial(t, d, link.Opening{})
}

// Frozen far sides are noticed with TLS as without it.
func TestFrozenWithinTLS(t *testing.T) {
	c := newCity(t)
	t.Run("after the handshake", func(t *testing.T) {
		o := c.secure(t, &fakeBroker{frozen: true})
		o.ConnectTimeout = time.Second
		if _, err := dialer(t, o).Dial(t.Context(), link.Opening{}); err == nil || !strings.Contains(err.Error(), "no answer within 1s") {
			t.Errorf("error %v, want no answer within 1s", err)
		}
	})
	t.Run("after CONNACK", func(t *testing.T) {
		before := runtime.NumGoroutine()
		o := c.secure(t, &fakeBroker{deaf: true})
		o.WriteTimeout, o.AckTimeout = time.Second, time.Hour
		l := dial(t, dialer(t, o), link.Opening{})
		batch := batchOf(16)
		for i := range batch {
			batch[i].Payload = make([]byte, 2<<20) // more than the kernel buffers
		}
		if n, err := l.Send(t.Context(), batch); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Send = %d, %v; want 0 and a write timeout", n, err)
		}
		wait(t, l.Done(), "the end of the connection")
		l.Close()
		settle(t, before+4) // the broker's own
	})
	t.Run("without confirming", func(t *testing.T) {
		o := c.secure(t, &fakeBroker{publish: answerNone})
		o.AckTimeout = 50 * time.Millisecond
		l := dial(t, dialer(t, o), link.Opening{})
		if n, err := l.Send(t.Context(), batchOf(3)); n != 0 || err == nil || !strings.Contains(err.Error(), "no confirmation within 50ms") {
			t.Errorf("Send = %d, %v; want 0 and no confirmation", n, err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		before := runtime.NumGoroutine()
		d := dialer(t, Options{Server: "tls://" + answering(t, ""), ClientID: "a", TLS: trust.Settings{CAFile: c.caFile}})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		if _, err := d.Dial(ctx, link.Opening{}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context canceled", err)
		}
		settle(t, before+1) // the server's own
	})
}

// Some servers end the connection without an alert when they do not like what
// they were shown.
func TestSilentRefusalOfACertificate(t *testing.T) {
	c := newCity(t)
	asks := serves(leaf(t, "broker", x509.Certificate{}, c.ca))
	asks.ClientAuth = tls.RequestClientCert
	want := verdict{reason: trust.CutOffAfterCert,
		en: "the server ended the connection after it had asked for a certificate: most often it does not accept this gateway's, or wants one",
		zh: "对方索要证书后断开了连接：多半是不接受网关的证书，或网关没有证书"}
	_, err := dialer(t, c.secure(t, &fakeBroker{tls: asks, mute: true})).Dial(t.Context(), link.Opening{})
	if flaw := judge(err, want, trust.Settings{}); flaw != "" {
		t.Error(flaw)
	}
	// One that takes it and has CONNACK refused is another matter.
	_, err = dialer(t, c.secure(t, &fakeBroker{tls: asks, connack: 5})).Dial(t.Context(), link.Opening{})
	if _, ok := errors.AsType[*trust.Error](err); ok || !errors.Is(err, link.ErrRefused) {
		t.Errorf("error %v, want the broker's refusal", err)
	}
}

// Two gateways with one id push each other out of a real broker.
func TestSecondClientIsSeenOverTLS(t *testing.T) {
	c := newCity(t)
	_, o := startTLSBroker(t, serves(leaf(t, "broker", x509.Certificate{}, c.ca)))
	o.TLS = trust.Settings{CAFile: c.caFile, Clock: at(today, true)}
	ours, theirs := dialer(t, o), dialer(t, o)
	for i := range 4 {
		l, err := ours.Dial(t.Context(), link.Opening{})
		if err != nil {
			t.Fatal(err)
		}
		dial(t, theirs, link.Opening{})
		wait(t, l.Done(), "the end of the connection")
		if seen := errors.Is(l.Err(), link.ErrContested); seen != (i >= 2) {
			t.Errorf("connection %d: %v; contested wanted: %t", i+1, l.Err(), i >= 2)
		}
		l.Close()
	}
}

func TestManyTLSConnectionsLeaveNothingBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("connections", func(t *testing.T) {
		c := newCity(t)
		good := c.secure(t, &fakeBroker{publish: answerAll})
		drops := c.secure(t, &fakeBroker{publish: flaky(1, 1, 0)})
		wantsMore := c.secure(t, &fakeBroker{tls: c.wantingClient(serves(leaf(t, "broker", x509.Certificate{}, c.ca)))})
		distrusted := c.secure(t, &fakeBroker{})
		distrusted.TLS.CAFile = c.otherFile
		frozen := c.secure(t, &fakeBroker{frozen: true})
		frozen.ConnectTimeout = 20 * time.Millisecond
		var dialers []*Dialer
		for _, o := range []Options{good, drops, wantsMore, distrusted, frozen} {
			dialers = append(dialers, dialer(t, o))
		}
		for i := range 300 {
			l, err := dialers[i%5].Dial(t.Context(), link.Opening{})
			if (err == nil) != (i%5 < 2) {
				t.Fatalf("connection %d: %v", i, err)
			}
			if err != nil {
				continue
			}
			if _, err := l.Send(t.Context(), batchOf(1)); (err == nil) != (i%5 == 0) {
				t.Fatalf("send %d: %v", i, err)
			}
			l.Close()
		}
	})
	settle(t, before)
}
