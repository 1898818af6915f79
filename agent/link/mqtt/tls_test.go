package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"watchpost/agent/link"
	"watchpost/agent/trust"
)

// city is the platform's side of the matrix: its authority, another one that
// nobody asked for, and our certificates from both.
type city struct {
	ca, other, old             *issued
	caFile, oldFile, otherFile string
}

func newCity(t *testing.T) *city {
	t.Helper()
	c := &city{
		ca: authority(t, "City CA", years(-5), years(5)), other: authority(t, "Other CA", years(-5), years(5)),
		old: authority(t, "Old CA", years(-9), years(-2)),
	}
	c.caFile, _ = c.ca.write(t)
	c.oldFile, _ = c.old.write(t)
	c.otherFile, _ = c.other.write(t)
	return c
}

// serves is a broker's TLS with one certificate.
func serves(i *issued) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{i.shown()}, Time: func() time.Time { return today }}
}

// wantingClient asks for a certificate of the city's authority.
func (c *city) wantingClient(config *tls.Config) *tls.Config {
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, c.ca.pool()
	return config
}

func upTo(version uint16, config *tls.Config) *tls.Config {
	config.MaxVersion = version
	if version < tls.VersionTLS12 {
		config.MinVersion = version
	}
	return config
}

func at(now time.Time, set bool) trust.Clock {
	return func() (time.Time, bool) { return now, set }
}

// verdict is what becomes of an attempt; without words it succeeds.
type verdict struct {
	reason    trust.Reason
	en, zh    string // {ca} is the CA file, {own} our certificate's
	untrusted bool   // link.ErrUntrusted
	refused   bool   // link.ErrRefused
}

type matrixRow struct {
	name     string
	server   *tls.Config
	settings trust.Settings // with the city's CA file and the clock at today, unless set
	want     verdict
}

func (c *city) matrix(t *testing.T) []matrixRow {
	t.Helper()
	good := leaf(t, "broker", x509.Certificate{}, c.ca)
	named := leaf(t, "broker", x509.Certificate{DNSNames: []string{"mqtt.city.example", "mqtt2.city.example"}}, c.ca)
	expired := leaf(t, "broker", x509.Certificate{NotBefore: years(-2), NotAfter: years(-1)}, c.ca)
	early := leaf(t, "broker", x509.Certificate{NotBefore: years(1), NotAfter: years(2)}, c.ca)
	weak := issue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "broker"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, SignatureAlgorithm: x509.ECDSAWithSHA1,
	}, c.ca)
	helpful := issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Helpful"}, BasicConstraintsValid: true}, nil) // no authority
	helpfulFile, _ := helpful.write(t)
	six := leaf(t, "broker", x509.Certificate{IPAddresses: []net.IP{net.IPv6loopback}}, c.ca)
	rows := []matrixRow{
		{name: "IPv6 address as server name", server: serves(six), settings: trust.Settings{ServerName: "::1"}},
		{"SHA-1", serves(weak), trust.Settings{}, verdict{trust.WeakSignature,
			"the certificate of broker is signed with ECDSA-SHA1, which is no longer safe; it has to be issued anew",
			"平台的证书（broker）用 ECDSA-SHA1 签名，这种签名已不安全；请换发证书", true, false}},
		{"issuer that is no authority", serves(leaf(t, "broker", x509.Certificate{}, helpful)), trust.Settings{CAFile: helpfulFile}, verdict{trust.NoAuthority,
			"Helpful in CA file {ca} is no CA certificate, and cannot vouch for the platform's (CA:TRUE is missing)",
			"CA 文件 {ca} 里的 Helpful 不是 CA 证书，不能为平台的证书作保（缺 CA:TRUE）", true, false}},
		{name: "good", server: serves(good)},
		{name: "good, TLS 1.2", server: upTo(tls.VersionTLS12, serves(good))},
		{name: "server name apart from the address", server: serves(named), settings: trust.Settings{ServerName: "mqtt.city.example"}},
		{"wrong CA", serves(good), trust.Settings{CAFile: c.otherFile}, verdict{trust.UnknownAuthority,
			"the certificate of broker was issued by CN=City CA, which CA file {ca} does not vouch for",
			"平台的证书（broker）由 CN=City CA 签发，CA 文件 {ca} 不认它", true, false}},
		{"CA that the system does not know", serves(good), trust.Settings{CAFile: "-"}, verdict{trust.UnknownToSystem,
			"the certificate of broker was issued by CN=City CA, which the system's roots do not vouch for; name its CA with ca_file",
			"平台的证书（broker）由 CN=City CA 签发，系统自带的根证书不认它；请用 ca_file 指定 CA", true, false}},
		{"CA expired", serves(leaf(t, "broker", x509.Certificate{}, c.old)), trust.Settings{CAFile: c.oldFile}, verdict{trust.Expired,
			"the certificate of Old CA expired on 2024-06-15", "证书（Old CA）已于 2024-06-15 过期", true, false}},
		{"wrong name", serves(named), trust.Settings{}, verdict{trust.WrongName,
			"the certificate is for mqtt.city.example, mqtt2.city.example, not for 127.0.0.1; name the right one with server_name if that is the platform",
			"平台的证书是给 mqtt.city.example, mqtt2.city.example 的，不是给 127.0.0.1 的；如果确实是它，用 server_name 写明", true, false}},
		{"wrong server name", serves(good), trust.Settings{ServerName: "mqtt.city.example"}, verdict{trust.WrongName,
			"the certificate is for 127.0.0.1, not for mqtt.city.example; name the right one with server_name if that is the platform",
			"平台的证书是给 127.0.0.1 的，不是给 mqtt.city.example 的；如果确实是它，用 server_name 写明", true, false}},
		{"expired", serves(expired), trust.Settings{}, verdict{trust.Expired,
			"the certificate of broker expired on 2025-06-15", "证书（broker）已于 2025-06-15 过期", true, false}},
		{"expired, clock not set", serves(expired), trust.Settings{Clock: at(today, false)}, verdict{trust.ExpiredOrClock,
			"the certificate of broker expired on 2025-06-15: this clock says 2026-06-15; the clock is not set",
			"证书（broker）已于 2025-06-15 过期：本机时间是 2026-06-15，但时间未校准", false, false}},
		{"not yet valid", serves(early), trust.Settings{}, verdict{trust.NotYetValid,
			"certificate not valid yet: that of broker is valid from 2027-06-15, and today is 2026-06-15",
			"证书（broker）要到 2027-06-15 才生效：今天是 2026-06-15", true, false}},
		{"not yet valid, clock not set", serves(good), trust.Settings{Clock: at(time.Unix(150, 0), false)}, verdict{trust.NotYetOrClock,
			"certificate not valid yet: this clock says 1970-01-01; the clock is not set (that of broker is valid from 2025-06-15)",
			"证书尚未生效：本机时间是 1970-01-01，时间未校准（证书 broker 自 2025-06-15 起有效）", false, false}},
		{"certificate of no server", serves(leaf(t, "broker", x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, c.ca)), trust.Settings{}, verdict{trust.BadCertificate,
			"the certificate cannot be used: certificate specifies an incompatible key usage",
			"平台的证书不能用：certificate specifies an incompatible key usage", true, false}},
		{"TLS 1.1", upTo(tls.VersionTLS11, serves(good)), trust.Settings{}, verdict{trust.OldVersion,
			"the platform speaks nothing as new as TLS 1.2", "平台只支持 TLS 1.2 之前的旧协议", true, false}},
		{"no common cipher", &tls.Config{
			Certificates: []tls.Certificate{good.shown()}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA},
		}, trust.Settings{}, verdict{trust.NoCommonCipher,
			"the platform accepts none of this gateway's ciphers", "平台与网关没有共同的加密方式", true, false}},
		{"name that the server does not know", &tls.Config{
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil },
		}, trust.Settings{ServerName: "mqtt.town.example"}, verdict{trust.NameRefused,
			"the server does not know the name mqtt.town.example; check server_name",
			"平台的服务器不认 mqtt.town.example 这个名字；请核对 server_name", false, true}},
	}
	return append(rows, c.clientRows(t, good)...)
}

// clientRows are those with certificates of ours, in both versions of TLS: in 1.3
// the refusal comes after the handshake.
func (c *city) clientRows(t *testing.T, server *issued) (rows []matrixRow) {
	t.Helper()
	settings := func(i *issued) trust.Settings {
		cert, key := i.write(t)
		return trust.Settings{CertFile: cert, KeyFile: key}
	}
	ours := settings(leaf(t, "GW-0317", x509.Certificate{}, c.ca))
	foreign := settings(leaf(t, "GW-0317", x509.Certificate{}, c.other))
	late := settings(leaf(t, "GW-0317", x509.Certificate{NotBefore: years(-2), NotAfter: years(-1)}, c.ca))
	for name, version := range map[string]uint16{", TLS 1.2": tls.VersionTLS12, ", TLS 1.3": tls.VersionTLS13} {
		wants := func() *tls.Config { return upTo(version, c.wantingClient(serves(server))) }
		rows = append(rows,
			matrixRow{name: "client certificate" + name, server: wants(), settings: ours},
			matrixRow{name: "client certificate that nobody asks for" + name, server: upTo(version, serves(server)), settings: ours},
			matrixRow{"client certificate missing" + name, wants(), trust.Settings{}, verdict{trust.ClientCertMissing,
				"the platform wants a certificate of this gateway, and no cert_file and key_file are configured",
				"平台要求网关出示证书，但没有配置 cert_file 和 key_file", false, true}},
			matrixRow{"client certificate of another CA" + name, wants(), foreign, verdict{trust.ClientCertRefused,
				"the platform does not accept this gateway's certificate {own}: unknown certificate authority",
				"平台不接受网关的证书 {own}：unknown certificate authority", false, true}},
			matrixRow{"client certificate expired" + name, wants(), late, verdict{trust.ClientCertExpired,
				"the platform does not accept this gateway's certificate {own}: it expired on 2025-06-15",
				"平台不接受网关的证书 {own}：它已于 2025-06-15 过期", false, true}},
		)
	}
	return rows
}

// TestTLSMatrix holds every way in which two sides can fail to trust each other
// to its exact words, over a real broker that asks for a password.
func TestTLSMatrix(t *testing.T) {
	c := newCity(t)
	for _, row := range c.matrix(t) {
		t.Run(row.name, func(t *testing.T) {
			_, o := startTLSBroker(t, row.server)
			o.TLS = row.settings
			switch o.TLS.CAFile {
			case "":
				o.TLS.CAFile = c.caFile
			case "-":
				o.TLS.CAFile = ""
			}
			if o.TLS.Clock == nil {
				o.TLS.Clock = at(today, true)
			}
			d := dialer(t, o)
			l, err := d.Dial(t.Context(), link.Opening{})
			if err == nil {
				_, err = l.Send(t.Context(), batchOf(3))
				l.Close()
			}
			if flaw := judge(err, row.want, o.TLS); flaw != "" {
				t.Error(flaw)
			}
			if connected := d.Stats().Connections == 1; connected != (row.want.reason == "") {
				t.Errorf("the broker accepted a connection: %t", connected)
			}
		})
	}
}

// judge compares an error with what was to become of the attempt.
func judge(err error, want verdict, s trust.Settings) string {
	if want.reason == "" {
		if err != nil {
			return "refused: " + err.Error()
		}
		return ""
	}
	got, ok := errors.AsType[*trust.Error](err)
	if !ok {
		if err == nil {
			return "it went through, want " + want.en
		}
		return "without a reason: " + err.Error()
	}
	fill := strings.NewReplacer("{ca}", s.CAFile, "{own}", s.CertFile).Replace
	zh, en := got.Words()
	switch {
	case got.Reason != want.reason:
		return "reason " + string(got.Reason) + ", want " + string(want.reason) + ": " + err.Error()
	case en != fill(want.en) || zh != fill(want.zh):
		return "got  " + en + "\n     " + zh + "\nwant " + fill(want.en) + "\n     " + fill(want.zh)
	case !strings.HasSuffix(err.Error(), en):
		return "the error does not end with its reason: " + err.Error()
	case errors.Is(err, link.ErrUntrusted) != want.untrusted || errors.Is(err, link.ErrRefused) != want.refused:
		return "taken for untrusted or refused, or not, and should be the other way: " + err.Error()
	}
	return ""
}

// TestMatrixSeesBlindTrust is the negative control: against a client that
// believes everybody, the rows in which the broker's certificate is at fault
// are red.
func TestMatrixSeesBlindTrust(t *testing.T) {
	c := newCity(t)
	red := 0
	for _, row := range c.matrix(t) {
		switch row.want.reason {
		case trust.UnknownAuthority, trust.UnknownToSystem, trust.WrongName, trust.Expired, trust.ExpiredOrClock,
			trust.NotYetValid, trust.NotYetOrClock, trust.BadCertificate:
		default:
			continue
		}
		_, o := startTLSBroker(t, row.server)
		blind, err := tls.Dial("tcp", strings.TrimPrefix(o.Server, "tls://"), &tls.Config{InsecureSkipVerify: true})
		if err == nil {
			blind.Close()
		}
		if flaw := judge(err, row.want, row.settings); flaw == "" {
			t.Errorf("%s: blind trust passes for care", row.name)
		}
		red++
	}
	if red < 10 {
		t.Errorf("%d rows looked at", red)
	}
}

// Where one side speaks TLS and the other does not, or nobody speaks at all.
func TestTLSAgainstNone(t *testing.T) {
	c := newCity(t)
	good := leaf(t, "broker", x509.Certificate{}, c.ca)
	answers := func(answer string) string { return answering(t, answer) }
	clear, secure := cuttingOff(t, nil), cuttingOff(t, serves(good))
	for _, row := range []struct {
		name, server string
		want         verdict
	}{
		{"broker without TLS", "tls://" + clear, verdict{reason: trust.CutOff,
			en: "the server ended the connection during the TLS handshake: most often there is no TLS on this port",
			zh: "TLS 握手时被对方断开：这个端口多半不是 TLS"}},
		{"server that speaks something else", "tls://" + answers("SSH-2.0-OpenSSH_9.2\r\n"), verdict{reason: trust.NotTLS,
			en: "no TLS on this port: what the server answered is not TLS",
			zh: "这个端口不是 TLS：对方的回答不是加密的"}},
		{"nobody answers", "tls://" + answers(""), verdict{reason: trust.NoAnswer,
			en: "the TLS handshake was not answered in time", zh: "TLS 握手没有及时得到回答"}},
		{"plaintext to a TLS port that says nothing", "tcp://" + secure, verdict{reason: trust.MayWantTLS,
			en: "the server ended the connection without an answer: perhaps this port wants TLS (tls://)",
			zh: "对方没有回答就断开了：这个端口也许要求 TLS（tls://）"}},
		// What OpenSSL sends: fatal, protocol_version.
		{"plaintext to a TLS port that protests", "tcp://" + answers("\x15\x03\x01\x00\x02\x02\x46"), verdict{reason: trust.WantsTLS,
			en: "the server speaks TLS on this port: write tls:// in server", zh: "这个端口要求 TLS：server 请写 tls://"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := Options{Server: row.server, ClientID: "GW-0317", ConnectTimeout: 20 * time.Second}
			if row.want.reason == trust.NoAnswer {
				o.ConnectTimeout = 500 * time.Millisecond
			}
			if strings.HasPrefix(row.server, "tcp") {
				o.AllowPlaintext = true
			} else {
				o.TLS = trust.Settings{CAFile: c.caFile, Clock: at(today, true)}
			}
			_, err := dialer(t, o).Dial(t.Context(), link.Opening{})
			if flaw := judge(err, row.want, o.TLS); flaw != "" {
				t.Error(flaw)
			}
		})
	}
}

// cuttingOff is a broker to a client that does not speak as it does: it hears
// the first bytes, cannot make sense of them and ends the connection. (The real
// one of the other tests does the same, but races with its own end when its only
// connection was of that kind; Mosquitto's part is in cross/outage.)
func cuttingOff(t *testing.T, config *tls.Config) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			if config != nil {
				_ = tls.Server(c, config).HandshakeContext(t.Context()) // it fails; that is the point
			} else {
				_, _ = c.Read(make([]byte, 1))
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-ended })
	return listener.Addr().String()
}

// answering is a server that says one thing to whoever connects, and then
// nothing.
func answering(t *testing.T, answer string) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			if _, err := c.Write([]byte(answer)); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { listener.Close(); <-ended })
	return listener.Addr().String()
}
