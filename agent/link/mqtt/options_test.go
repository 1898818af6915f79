package mqtt

import (
	"errors"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"watchpost/agent/link"
	"watchpost/agent/trust"
)

// TestClientOptions names every field of paho's options, so that one added by a
// later paho is seen.
func TestClientOptions(t *testing.T) {
	o := Options{Server: "tcp://broker.example:1883", ClientID: "GW-0317", Username: "u", AllowPlaintext: true}.withDefaults()
	will := link.Message{Topic: "w", Payload: []byte("gone"), Retained: true}
	opened, received := false, ""
	var lost error
	c := clientOptions(o, "secret", will, handlers{
		open:    func() (net.Conn, error) { opened = true; return nil, errors.New("none") },
		lost:    func(err error) { lost = err },
		receive: func(m link.Message) { received = m.Topic },
	})
	want := map[string]any{
		"ClientID": "GW-0317", "Username": "u", "Password": "secret",
		"CleanSession": true, "Order": true,
		"WillEnabled": true, "WillTopic": "w", "WillPayload": []byte("gone"), "WillQos": byte(1), "WillRetained": true,
		"ProtocolVersion": uint(4), "KeepAlive": int64(30),
		"PingTimeout": 10 * time.Second, "ConnectTimeout": 30 * time.Second, "WriteTimeout": 10 * time.Second,
		"AutoReconnect": false, "ConnectRetry": false, "ResumeSubs": false, "AutoAckDisabled": false,
		"MaxResumePubInFlight": 0, "MessageChannelDepth": uint(0),
		"MaxReconnectInterval": 10 * time.Minute, "ConnectRetryInterval": 30 * time.Second, // both without use
	}
	set := map[string]bool{"Servers": true, "Store": true, "DefaultPublishHandler": true, "OnConnectionLost": true,
		"CustomOpenConnectionFn": true, "Dialer": true, "HTTPHeaders": true, "WebsocketOptions": true}
	unset := map[string]bool{"CredentialsProvider": true, "TLSConfig": true, "OnConnect": true, "OnReconnecting": true,
		"OnConnectAttempt": true, "OnConnectionNotification": true}
	v := reflect.ValueOf(*c)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch field := v.Field(i); {
		case name == "protocolVersionExplicit":
			if !field.Bool() {
				t.Errorf("%s = false, want true", name)
			}
		case set[name] || unset[name]:
			if field.IsNil() == set[name] {
				t.Errorf("%s: nil is %t, want %t", name, field.IsNil(), !set[name])
			}
		default:
			w, known := want[name]
			if !known {
				t.Errorf("%s is a field this test does not know", name)
			} else if diff := cmp.Diff(w, field.Interface()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
	if len(c.Servers) != 1 || c.Servers[0].String() != "tcp://broker.example:1883" {
		t.Errorf("servers = %v, want the one", c.Servers)
	}
	c.CustomOpenConnectionFn(nil, *c)
	c.OnConnectionLost(nil, errClosed)
	c.DefaultPublishHandler(nil, message{})
	if !opened || !errors.Is(lost, errClosed) || received != "topic" {
		t.Errorf("handlers called: open %t, lost %v, receive %q", opened, lost, received)
	}
}

type message struct{}

func (message) Duplicate() bool   { return false }
func (message) Qos() byte         { return 1 }
func (message) Retained() bool    { return false }
func (message) Topic() string     { return "topic" }
func (message) MessageID() uint16 { return 1 }
func (message) Payload() []byte   { return nil }
func (message) Ack()              {}

func TestNoWillWithoutTopic(t *testing.T) {
	if c := clientOptions(Options{}.withDefaults(), "", link.Message{}, handlers{}); c.WillEnabled {
		t.Error("a will is set, want none")
	}
}

func TestNewChecksOptions(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		want string // part of the error; empty: none
	}{
		{"good", Options{Server: "tcp://h:1", ClientID: "a", AllowPlaintext: true}, ""},
		{"IPv6", Options{Server: "tcp://[::1]:1883", ClientID: "a", AllowPlaintext: true}, ""},
		{"plaintext not allowed", Options{Server: "tcp://h:1", ClientID: "a"}, "in clear"},
		{"tls", Options{Server: "tls://h:1", ClientID: "a", TLS: trust.Settings{CAFile: "/ca"}}, ""},
		{"tls settings beside tcp", Options{Server: "tcp://h:1", ClientID: "a", AllowPlaintext: true, TLS: trust.Settings{ServerName: "h"}}, "mean nothing beside tcp"},
		{"certificate without key", Options{Server: "tls://h:1", ClientID: "a", TLS: trust.Settings{CertFile: "/c"}}, "go together"},
		{"other scheme", Options{Server: "ws://h:1", ClientID: "a"}, "want tls://host:port"},
		{"no scheme", Options{Server: "broker:1883", ClientID: "a"}, "want tls://host:port"},
		{"tls without port", Options{Server: "tls://h", ClientID: "a"}, "want tls://host:port"},
		{"no port", Options{Server: "tcp://h", ClientID: "a", AllowPlaintext: true}, "want tcp://host:port"},
		{"no host", Options{Server: "tcp://:1883", ClientID: "a", AllowPlaintext: true}, "want tcp://host:port"},
		{"path", Options{Server: "tcp://h:1/x", ClientID: "a", AllowPlaintext: true}, "nothing after the port"},
		{"user in address", Options{Server: "tcp://u:hidden@h:1", ClientID: "a", AllowPlaintext: true}, "own settings"},
		{"no client id", Options{Server: "tcp://h:1", AllowPlaintext: true}, "client id"},
		{"keep-alive below a second", Options{Server: "tcp://h:1", ClientID: "a", AllowPlaintext: true, KeepAlive: 1500 * time.Millisecond}, "whole seconds"},
		{"negative", Options{Server: "tcp://h:1", ClientID: "a", AllowPlaintext: true, AckTimeout: -1}, "ack timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(c.o)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hidden") {
				t.Errorf("error shows the password: %v", err)
			}
		})
	}
}
