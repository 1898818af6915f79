package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"

	"watchpost/agent/desk/mochinet"
	"watchpost/agent/receive"
)

const hang = 20 * time.Second

// printed is what a follower prints of some messages and at the end.
func printed(t *testing.T, zh bool, classes []string, messages ...[2]string) []string {
	t.Helper()
	var out bytes.Buffer
	feed(t, &followPrinter{out: &out, zh: zh, classes: classes, said: map[string]string{}}, messages...)
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// feed has messages printed, and the summary.
func feed(t *testing.T, p *followPrinter, messages ...[2]string) {
	t.Helper()
	c, err := receive.New(receive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		a := arrival{topic: "watchpost/v1/GW-1/" + m[0], payload: []byte(m[1]), at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
		p.message(a, c.Take(a.topic, a.payload, false))
	}
	p.summary(c.Summary())
	if p.err != nil {
		t.Error(p.err)
	}
}

const headOf = `"v":1,"gateway":"GW-1","run":"00000000000000aa-1","time":null,"time_quality":"unsynced","boot":"00000000000000000000000000000000","offset_ms":1,"obs":0`

var story = [][2]string{
	{"events", `{` + headOf + `,"seq":1,"prev":null,"kind":"run","start":{"predecessor":null,"ended":"unknown","durable":{"alarms":0,"events":0,"readings":0},"lost_within_ms":0,"lost_at_most":0,"quarantined":false,"salvaged":0}}`},
	{"alarms", `{` + headOf + `,"seq":1,"prev":null,"alarm":"GW-1/00000000000000aa-1/1","sensor":"s","kind":"smoke","level":"red","state":"raised","since":null,"since_quality":"unsynced","sentence":{"zh":"烟雾报警","en":"smoke alarm"}}`},
	{"events", `{` + headOf + `,"seq":4,"prev":{"run":"00000000000000aa-1","seq":3},"kind":"door","sensor":"d","name":{"zh":"北门","en":"North gate"},"state":"open"}`},
	{"readings", `{"v":1,"gateway":"GW-1","run":"00000000000000aa-1","first_seq":1,"last_seq":2,"prev":null,"boot":"00000000000000000000000000000000","readings":[` +
		`{"seq":1,"obs":1,"time":null,"time_quality":"unsynced","offset_ms":1,"sensor":"pit","quantity":"level","value":1.50,"unit":"m","quality":"good"},` +
		`{"seq":2,"obs":2,"time":null,"time_quality":"unsynced","offset_ms":1,"sensor":"d","quantity":"door","quality":"fault","reason":"bus_down"}]}`},
}

func TestFollowPrints(t *testing.T) {
	all := []string{"alarms", "events", "readings", "state"}
	for _, tt := range []struct {
		zh      bool
		classes []string
		want    []string
	}{
		{false, all, []string{
			"12:00:00  GW-1  ◆ event gateway started with a fresh data directory",
			"12:00:00  GW-1  ● run 00000000000000aa-1",
			"12:00:00  GW-1  ▲ alarm red raised  smoke alarm",
			"12:00:00  GW-1  ◆ event North gate: opened",
			"12:00:00  GW-1  ✕ missing events 0000…-1 seq 2-3",
			"12:00:00  GW-1  · 2 readings  pit 1.50 m, d.door ✕ bus_down",
			"",
			"GW-1  state unknown, 1 runs seen, 0 records told as given up",
			"  alarms    received 1  doubles 0  gaps 0  explained 0  violations 0",
			"  events    received 2  doubles 0  gaps 1  explained 0  violations 0",
			"    ✕ missing 0000…-1 seq 2-3",
			"  readings  received 2  doubles 0  gaps 0  explained 0  violations 0",
			"not complete: 5 records, 1 gaps, 0 violations",
		}},
		{true, []string{"alarms"}, []string{
			"12:00:00  GW-1  ● 运行 00000000000000aa-1",
			"12:00:00  GW-1  ▲ 报警 红色 触发  烟雾报警",
			"12:00:00  GW-1  ✕ 缺失 events 0000…-1 seq 2-3",
			"",
			"GW-1  状态未知，见到 1 次运行，告知放弃 0 条",
			"  alarms    收到 1  重复 0  缺口 0  已说明的缺口 0  违约 0",
			"  events    收到 2  重复 0  缺口 1  已说明的缺口 0  违约 0",
			"    ✕ 缺失 0000…-1 seq 2-3",
			"  readings  收到 2  重复 0  缺口 0  已说明的缺口 0  违约 0",
			"不完整：收到 5 条，缺口 1 处，违约 0 处",
		}},
	} {
		if got := printed(t, tt.zh, tt.classes, story...); !slices.Equal(got, tt.want) {
			t.Errorf("zh %t: printed\n%s\nwant\n%s", tt.zh, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
		}
	}
	// What is wrong is said in the reader's language.
	faulty := [2]string{"readings", strings.Replace(story[3][1], `"reason":"bus_down"`, `"value":0`, 1)}
	for zh, want := range map[bool]string{
		false: "12:00:00  GW-1  ✕ against the contract readings: a fault of d has a value",
		true:  "12:00:00  GW-1  ✕ 违反约定 readings：d 的故障读数带有数值",
	} {
		if got := printed(t, zh, all, faulty); !slices.Contains(got, want) {
			t.Errorf("zh %t: %q, want %s", zh, got, want)
		}
	}
	// A double is counted, and not printed as if it were new.
	got := printed(t, false, all, story[1], story[1])
	if n := slices.Index(got, "12:00:00  GW-1  = doubles alarms 1"); n != 2 {
		t.Errorf("a double: %q", got)
	}
}

// serve runs a broker on an address until the test ends, or down is called.
func serve(t *testing.T, address string) (at string, server *mochi.Server) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l.Addr().String(), serveOn(t, l)
}

func serveOn(t *testing.T, l net.Listener, rules ...auth.ACLRule) *mochi.Server {
	t.Helper()
	server := mochi.New(&mochi.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	if err := errors.Join(server.AddHook(&auth.Hook{}, &auth.Options{Ledger: &auth.Ledger{Auth: auth.AuthRules{{Username: "u", Password: "p", Allow: true}}, ACL: append(rules, auth.ACLRule{Username: "u"})}}),
		mochinet.Listen(server, l), server.Serve()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

func follower(t *testing.T, address, password string) *subscriber {
	t.Helper()
	file := t.TempDir() + "/password"
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := followCommand{Server: "tcp://" + address, Root: "r", Gateway: "all", Class: []string{"alarms"}, Username: "u", PasswordFile: file}
	s, err := c.subscriber()
	if err != nil {
		t.Fatal(err)
	}
	s.notice = func(_, en string) { t.Log(en) }
	return s
}

func receiveOne(t *testing.T, s *subscriber) string {
	t.Helper()
	guard := time.NewTimer(hang)
	defer guard.Stop()
	select {
	case m := <-s.messages:
		return string(m.payload)
	case <-guard.C:
		t.Fatal("no message")
	}
	return ""
}

func publish(t *testing.T, server *mochi.Server, payload string, retained bool) {
	t.Helper()
	if err := server.Publish("r/GW-1/alarms", []byte(payload), retained, 1); err != nil {
		t.Fatal(err)
	}
}

// What comes while the connection is broken is received after it, and no session
// is left at the end.
func TestSubscriberKeepsItsSession(t *testing.T) {
	address, server := serve(t, "127.0.0.1:0")
	s := follower(t, address, "p")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	publish(t, server, "1", true) // seen whenever the subscription is there
	if got := receiveOne(t, s); got != "1" {
		t.Fatalf("received %q first", got)
	}
	client, ok := server.Clients.Get(s.id)
	if !ok {
		t.Fatal("the broker has no such client")
	}
	client.Stop(errors.New("cable pulled"))
	publish(t, server, "2", false) // seen by a session that was kept, and no other
	got := receiveOne(t, s)
	if got == "1" { // its confirmation was on its way when the connection broke
		got = receiveOne(t, s)
	}
	if got != "2" {
		t.Errorf("received %q after the connection broke, want 2", got)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(hang); ; {
		if _, left := server.Clients.Get(s.id); !left {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the session is left at the broker")
		}
		<-time.After(10 * time.Millisecond)
	}
}

// A broker that refuses ends the follower: asking again is no use.
func TestSubscriberIsRefused(t *testing.T) {
	address, _ := serve(t, "127.0.0.1:0")
	if err := follower(t, address, "wrong").run(t.Context()); !errors.Is(err, errRefused) {
		t.Errorf("error %v, want refused", err)
	}
}

func TestFollowFlags(t *testing.T) {
	for _, tt := range []struct {
		change func(*followCommand)
		says   string
	}{
		{func(c *followCommand) { c.Server = "127.0.0.1:1883" }, "--server"},
		{func(c *followCommand) { c.Server = "tcp://user:secret@host" }, "--server"},
		{func(c *followCommand) { c.Server = "ws://host" }, "--server"},
		{func(c *followCommand) { c.Server = "tcp://host/path" }, "--server"},
		{func(c *followCommand) { c.Root = "a/+" }, "--root"},
		{func(c *followCommand) { c.Gateway = "a/b" }, "--gateway"},
		{func(c *followCommand) { c.KeyFile = "k" }, "tls://"},
		{func(c *followCommand) { c.Server, c.CertFile = "tls://h", "c" }, "--key-file"},
		{func(c *followCommand) { c.Server, c.CAFile = "tls://h", "follow_test.go" }, "no certificate"},
		{func(c *followCommand) { c.PasswordFile = "/no/such" }, "--password-file"},
	} {
		c := followCommand{Server: "tcp://h", Root: "r", Gateway: "all", Class: []string{"readings"}}
		tt.change(&c)
		if _, err := c.subscriber(); err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v, want an error with %s", c, err, tt.says)
		}
	}
	c := followCommand{Server: "tls://[::1]", Root: "a/b/", Gateway: "GW-1", Class: []string{"readings", "state"}}
	s, err := c.subscriber()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a/b/GW-1/alarms/active", "a/b/GW-1/events", "a/b/GW-1/readings", "a/b/GW-1/state"}
	if !slices.Equal(s.topics, want) || s.address != "[::1]:8883" || s.host != "::1" || s.trust == nil {
		t.Errorf("topics %v at %s, %s; want %v", s.topics, s.address, s.host, want)
	}
}
