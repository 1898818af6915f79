package mqtt

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/packets"

	"watchpost/agent/desk/mochinet"
	"watchpost/agent/link"
)

// startBroker runs a real broker that knows one user, who may not write to
// "secret".
func startBroker(t *testing.T) (*mochi.Server, Options) { return startTLSBroker(t, nil) }

// startTLSBroker is startBroker with TLS, unless config is nil.
func startTLSBroker(t *testing.T, config *tls.Config) (*mochi.Server, Options) {
	t.Helper()
	s := mochi.New(&mochi.Options{InlineClient: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	err := s.AddHook(new(auth.Hook), &auth.Options{Ledger: &auth.Ledger{
		Auth: auth.AuthRules{{Username: "gw", Password: "right", Allow: true}},
		ACL: auth.ACLRules{{Filters: auth.Filters{
			"readings": auth.ReadWrite, "state": auth.ReadWrite, "mark": auth.ReadWrite,
			"own/state": auth.ReadWrite, "commands/#": auth.ReadWrite, "#": auth.Deny,
		}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if config != nil {
		l = tls.NewListener(l, config)
	}
	if err := errors.Join(mochinet.Listen(s, l), s.Serve()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	o := Options{
		Server: "tcp://" + address, ClientID: "GW-0317", AllowPlaintext: config == nil,
		Username: "gw", Password: func() ([]byte, error) { return []byte("right"), nil },
	}
	if config != nil {
		o.Server = "tls://" + address
	}
	return s, o
}

// listen hands over what the broker passes on for a topic.
func listen(t *testing.T, s *mochi.Server, topic string) <-chan packets.Packet {
	t.Helper()
	got := make(chan packets.Packet, 64)
	err := s.Subscribe(topic, 1, func(_ *mochi.Client, _ packets.Subscription, p packets.Packet) { got <- p })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func next(t *testing.T, ch <-chan packets.Packet) packets.Packet {
	t.Helper()
	select {
	case p := <-ch:
		return p
	case <-time.After(20 * time.Second):
		t.Fatal("no message")
	}
	return packets.Packet{}
}

func TestSendThroughARealBroker(t *testing.T) {
	t.Setenv("ALL_PROXY", "socks5://127.0.0.1:1") // must make no difference
	t.Setenv("all_proxy", "socks5://127.0.0.1:1")
	s, o := startBroker(t)
	got := listen(t, s, "readings")
	d := dialer(t, o)
	l := dial(t, d, link.Opening{})
	batch := batchOf(16)
	if n, err := l.Send(t.Context(), batch); n != 16 || err != nil {
		t.Fatalf("Send = %d, %v; want 16", n, err)
	}
	for _, m := range batch {
		if p := next(t, got); !bytes.Equal(p.Payload, m.Payload) || p.FixedHeader.Retain {
			t.Errorf("got %q retained %t, want %q", p.Payload, p.FixedHeader.Retain, m.Payload)
		}
	}
	st := d.Stats()
	// 16 messages of 2 header, 2+8 topic, 2 id and 5 payload bytes, and CONNECT.
	if st.Connections != 1 || st.BytesSent < 16*19 || st.BytesSent > 16*19+100 || st.BytesReceived != 4+16*4 {
		t.Errorf("stats %+v", st)
	}
	if err := l.Close(); err != nil || l.Err() != nil {
		t.Errorf("Close: %v, Err: %v", err, l.Err())
	}
	wait(t, l.Done(), "Done after Close")
	if n, err := l.Send(t.Context(), batch); n != 0 || err == nil {
		t.Errorf("Send after Close = %d, %v; want an error", n, err)
	}
}

func TestConcurrentSends(t *testing.T) {
	_, o := startBroker(t)
	l := dial(t, dialer(t, o), link.Opening{})
	results := make(chan error, 3)
	for range 3 {
		go func() {
			n, err := l.Send(t.Context(), batchOf(50))
			if err == nil && n != 50 {
				err = errors.New("not all confirmed")
			}
			results <- err
		}()
	}
	for range 3 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestRetainedDocument(t *testing.T) {
	s, o := startBroker(t)
	l := dial(t, dialer(t, o), link.Opening{})
	if _, err := l.Send(t.Context(), []link.Message{{Topic: "state", Payload: []byte("online"), Retained: true}}); err != nil {
		t.Fatal(err)
	}
	if kept := s.Topics.Messages("state"); len(kept) != 1 || string(kept[0].Payload) != "online" {
		t.Errorf("retained: %v, want the document", kept)
	}
}

func TestBadCredentials(t *testing.T) {
	_, o := startBroker(t)
	before := runtime.NumGoroutine()
	o.Password = func() ([]byte, error) { return []byte("wrong"), nil }
	if _, err := dialer(t, o).Dial(t.Context(), link.Opening{}); !errors.Is(err, link.ErrRefused) {
		t.Errorf("error %v, want refused", err)
	}
	settle(t, before)
	o.Password = func() ([]byte, error) { return nil, io.ErrUnexpectedEOF }
	if _, err := dialer(t, o).Dial(t.Context(), link.Opening{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want that of reading the password", err)
	}
}

func TestTopicDenied(t *testing.T) {
	_, o := startBroker(t)
	l := dial(t, dialer(t, o), link.Opening{})
	// The broker answers with the end of the connection.
	if n, err := l.Send(t.Context(), []link.Message{{Topic: "readings"}, {Topic: "secret"}}); n > 1 || err == nil {
		t.Errorf("Send = %d, %v; want an error", n, err)
	}
	wait(t, l.Done(), "the end of the connection")
}

// farewells is a broker's hook that tells of each connection that has ended, will
// and all.
type farewells struct {
	mochi.HookBase
	ended chan struct{}
}

func (*farewells) ID() string                                { return "farewells" }
func (*farewells) Provides(b byte) bool                      { return b == mochi.OnDisconnect }
func (f *farewells) OnDisconnect(*mochi.Client, error, bool) { f.ended <- struct{}{} }

func TestWill(t *testing.T) {
	s, o := startBroker(t)
	left := &farewells{ended: make(chan struct{}, 8)}
	if err := s.AddHook(left, nil); err != nil {
		t.Fatal(err)
	}
	got := listen(t, s, "#")
	opening := link.Opening{Will: link.Message{Topic: "state", Payload: []byte("gone"), Retained: true}}

	polite := dial(t, dialer(t, o), opening)
	polite.Close()
	wait(t, left.ended, "the end of the polite one") // or the next of its id pushes it out
	abrupt := dial(t, dialer(t, o), opening)
	if _, err := abrupt.Send(t.Context(), []link.Message{{Topic: "mark"}}); err != nil {
		t.Fatal(err)
	}
	if p := next(t, got); p.TopicName != "mark" {
		t.Errorf("first message is on %q, want no will after Close", p.TopicName)
	}
	abrupt.(*conn).fail(errors.New("cable pulled"), false)
	if p := next(t, got); p.TopicName != "state" || string(p.Payload) != "gone" {
		t.Errorf("got %q on %q, want the will", p.Payload, p.TopicName)
	}
	if kept := s.Topics.Messages("state"); len(kept) != 1 {
		t.Errorf("will retained %d times, want once", len(kept))
	}
}

func TestReceive(t *testing.T) {
	s, o := startBroker(t)
	if err := s.Publish("own/state", []byte("old"), true, 1); err != nil {
		t.Fatal(err)
	}
	got := make(chan link.Message, 8)
	dial(t, dialer(t, o), link.Opening{
		Subscribe: []string{"own/state", "commands/#"},
		Receive:   func(m link.Message) { got <- m },
	})
	if m := <-got; string(m.Payload) != "old" || !m.Retained {
		t.Errorf("got %+v, want the retained document", m)
	}
	if err := s.Publish("commands/1", []byte("do"), false, 1); err != nil {
		t.Fatal(err)
	}
	if m := <-got; m.Topic != "commands/1" || string(m.Payload) != "do" || m.Retained {
		t.Errorf("got %+v, want the command", m)
	}
}
