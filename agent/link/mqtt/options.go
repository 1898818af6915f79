package mqtt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"watchpost/agent/link"
	"watchpost/agent/trust"
)

// Defaults of Options.
const (
	DefaultKeepAlive      = 30 * time.Second
	DefaultPingTimeout    = 10 * time.Second
	DefaultConnectTimeout = 30 * time.Second
	DefaultWriteTimeout   = 10 * time.Second
	DefaultAckTimeout     = 20 * time.Second
	DefaultTCPUserTimeout = 25 * time.Second
)

// Options say which broker to reach and how long to wait for it. A zero
// duration means its default.
type Options struct {
	Server   string // "tls://host:port" or "tcp://host:port"
	ClientID string // must be the gateway's own: a second client with it takes the connection away
	Username string // empty: none
	// Password is asked at each Dial, so that a changed file is seen. nil: none.
	Password func() ([]byte, error)
	// AllowPlaintext permits tcp://, on which the password can be overheard.
	AllowPlaintext bool
	// TLS is for tls:// only. Its files are read at each Dial.
	TLS trust.Settings

	KeepAlive      time.Duration // between pings on an idle connection, whole seconds
	PingTimeout    time.Duration // wait for the answer to one
	ConnectTimeout time.Duration // for TCP, TLS, CONNACK and SUBACK together
	WriteTimeout   time.Duration // for any write to the socket
	AckTimeout     time.Duration // for the PUBACK of the oldest message in flight
	TCPUserTimeout time.Duration // for data the kernel sent and nobody acknowledged (TCP_USER_TIMEOUT, Linux only)

	// Dial makes the connection below TLS and MQTT; nil: TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	Log *slog.Logger // nil: silent
}

// withDefaults fills in what is zero.
func (o Options) withDefaults() Options {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.KeepAlive, DefaultKeepAlive},
		{&o.PingTimeout, DefaultPingTimeout},
		{&o.ConnectTimeout, DefaultConnectTimeout},
		{&o.WriteTimeout, DefaultWriteTimeout},
		{&o.AckTimeout, DefaultAckTimeout},
		{&o.TCPUserTimeout, DefaultTCPUserTimeout},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if o.Dial == nil {
		// TCP keep-alive is off: MQTT's own pings do that work, and on a mobile link
		// both would be paid for.
		dialer := net.Dialer{KeepAlive: -1, Control: userTimeout(o.TCPUserTimeout)}
		o.Dial = dialer.DialContext
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// check says what is wrong with the options, all at once.
func (o Options) check() error {
	var errs []error
	if err := checkServer(o.Server, o.AllowPlaintext); err != nil {
		errs = append(errs, err)
	}
	files := [4]string{o.TLS.CAFile, o.TLS.CertFile, o.TLS.KeyFile, o.TLS.ServerName}
	if o.address().Scheme == "tcp" && files != [4]string{} {
		errs = append(errs, errors.New("check TLS settings: they mean nothing beside tcp://"))
	}
	if (o.TLS.CertFile == "") != (o.TLS.KeyFile == "") {
		errs = append(errs, errors.New("check TLS settings: a certificate and its key go together"))
	}
	if o.ClientID == "" {
		errs = append(errs, errors.New("check client id: it is empty"))
	}
	if o.KeepAlive < time.Second || o.KeepAlive > 65535*time.Second || o.KeepAlive%time.Second != 0 {
		errs = append(errs, fmt.Errorf("check keep-alive %v: want whole seconds from 1s to 65535s", o.KeepAlive))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"ping timeout", o.PingTimeout}, {"connect timeout", o.ConnectTimeout},
		{"write timeout", o.WriteTimeout}, {"ack timeout", o.AckTimeout},
		{"TCP user timeout", o.TCPUserTimeout},
	} {
		if d.value < 0 {
			errs = append(errs, fmt.Errorf("check %s %v: it is negative", d.name, d.value))
		}
	}
	return errors.Join(errs...)
}

// address is the broker's, empty for one that check would refuse.
func (o Options) address() url.URL {
	u, err := url.Parse(o.Server)
	if err != nil {
		return url.URL{}
	}
	return *u
}

// checkServer says what is wrong with a broker's address. It never repeats the
// whole address: a password might stand in it.
func checkServer(server string, plaintext bool) error {
	u, err := url.Parse(server)
	if err != nil {
		return errors.New("check server address: want tls://host:port")
	}
	if u.User != nil {
		return errors.New("check server address: user name and password have their own settings")
	}
	switch {
	case u.Scheme == "tcp" && !plaintext:
		return fmt.Errorf("check server address %q: tcp:// sends everything in clear, the password too; allow plaintext if that is meant", server)
	case u.Scheme != "tls" && u.Scheme != "tcp":
		return fmt.Errorf("check server address %q: want tls://host:port", server)
	}
	if _, port, err := net.SplitHostPort(u.Host); err != nil || port == "" || u.Hostname() == "" {
		return fmt.Errorf("check server address %q: want %s://host:port", server, u.Scheme)
	}
	if u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("check server address %q: want nothing after the port", server)
	}
	return nil
}

// handlers are the hooks a client is built with.
type handlers struct {
	open    func() (net.Conn, error)
	lost    func(error)
	receive func(link.Message)
}

// clientOptions builds the whole set of paho's options; nothing else sets any.
func clientOptions(o Options, password string, will link.Message, h handlers) *paho.ClientOptions {
	c := paho.NewClientOptions() // never a literal: its zero PingTimeout ends connections at once
	c.AddBroker(o.Server)
	c.SetClientID(o.ClientID)
	c.SetUsername(o.Username)
	c.SetPassword(password)
	c.SetProtocolVersion(4) // unset, a refused 3.1.1 CONNECT is tried again as 3.1
	c.SetCleanSession(true) // tokens in flight end with an error when the connection is lost
	c.SetAutoReconnect(false)
	c.SetConnectRetry(false)
	c.SetResumeSubs(false)
	c.SetStore(paho.NewMemoryStore())
	c.SetOrderMatters(true)
	c.SetKeepAlive(o.KeepAlive)
	c.SetPingTimeout(o.PingTimeout)
	c.SetConnectTimeout(o.ConnectTimeout)
	c.SetWriteTimeout(o.WriteTimeout)
	if will.Topic != "" {
		c.SetBinaryWill(will.Topic, will.Payload, 1, will.Retained)
	}
	// The custom function also keeps proxies named in the environment out.
	c.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) { return h.open() })
	c.SetConnectionLostHandler(func(_ paho.Client, err error) { h.lost(err) })
	// Without a handler a message is not even acknowledged.
	c.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		h.receive(link.Message{Topic: m.Topic(), Payload: m.Payload(), Retained: m.Retained()})
	})
	return c
}
