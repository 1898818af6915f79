package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/hooks/auth"

	"watchpost/agent/trust"
	"watchpost/agent/trust/trusttest"
)

// lines hands on what is written line by line.
func lines(t *testing.T) (*os.File, <-chan string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	all := make(chan string, 1000)
	go func() {
		defer close(all)
		scanner := bufio.NewScanner(r)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			all <- scanner.Text()
		}
	}()
	t.Cleanup(func() { w.Close(); r.Close() })
	return w, all
}

func awaitLine(t *testing.T, all <-chan string, part string) (before []string) {
	t.Helper()
	guard := time.After(hang)
	for {
		select {
		case l, ok := <-all:
			if before = append(before, l); strings.Contains(l, part) {
				return before
			}
			if !ok {
				t.Fatalf("ended without %q: %q", part, before)
			}
		case <-guard:
			t.Fatalf("no %q in %q", part, before)
		}
	}
}

func writePassword(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// The end of a follow is an error when something was missing, wrong, or nothing
// came, and none otherwise; each in the reader's language.
func TestHowAFollowEnds(t *testing.T) {
	whole := story[:2]
	garbage := [][2]string{{"readings", `{`}, {"state", `[]`}, {"alarms", ``}}
	for name, tt := range map[string]struct {
		messages [][2]string
		lang     string
		last     string // printed for the last message
		cause    error
		says     string
	}{
		"complete":   {whole, "en", "smoke alarm", nil, ""},
		"gap":        {story[:3], "en", "missing events", errIncomplete, "something is missing"},
		"gap, zh":    {story[:3], "zh", "缺失 events", errIncomplete, "有缺失"},
		"garbage":    {garbage, "zh", "alarms：不是 JSON", errIncomplete, "有缺失"},
		"nothing":    {nil, "en", "", errNothing, "nothing was received"},
		"nothing-zh": {nil, "zh", "", errNothing, "什么也没有收到"},
	} {
		for _, asJSON := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				address, server := serve(t, "127.0.0.1:0")
				c := followCommand{
					Server: "tcp://" + address, Root: "watchpost/v1", Gateway: "all", Class: []string{"alarms", "events", "readings", "state"},
					Username: "u", PasswordFile: writePassword(t), Lang: tt.lang, JSON: asJSON,
				}
				out, printed := lines(t)
				said, notices := lines(t)
				ctx, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				ended := make(chan error, 1)
				go func() { ended <- c.follow(ctx, out, said); out.Close() }()
				awaitLine(t, notices, c.pick("已连接", "connected to"))
				for _, m := range tt.messages {
					if err := server.Publish("watchpost/v1/GW-1/"+m[0], []byte(m[1]), false, 1); err != nil {
						t.Fatal(err)
					}
				}
				switch n := len(tt.messages); {
				case n == 0:
				case asJSON:
					for range n {
						awaitLine(t, printed, `"topic":"watchpost/v1/GW-1/`)
					}
				default:
					awaitLine(t, printed, tt.last)
				}
				interrupt()
				err := <-ended
				if !errors.Is(err, tt.cause) || (err == nil) != (tt.cause == nil) || err != nil && !strings.HasPrefix(err.Error(), tt.says) {
					t.Errorf("ended with %v, want %v: %s", err, tt.cause, tt.says)
				}
				rest := awaitLine(t, printed, map[bool]string{false: c.pick("完整：收到", "complete: "), true: `{"complete":`}[asJSON])
				if asJSON && strings.Contains(rest[len(rest)-1], `{"complete":true`) != (tt.cause == nil || errors.Is(tt.cause, errNothing)) {
					t.Errorf("summary %s", rest[len(rest)-1])
				}
			})
		}
	}
}

// The members that --json has had from the beginning stay.
func TestJSONMembersStay(t *testing.T) {
	out, printed := lines(t)
	p := newFollowPrinter(out, false, true, []string{"alarms", "events", "readings", "state"})
	feed(t, p, story[0], story[0], story[2], story[3], [2]string{"events", "\x00"})
	out.Close()
	var all []map[string]any
	for l := range printed {
		var o map[string]any
		if err := json.Unmarshal([]byte(l), &o); err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		all = append(all, o)
	}
	members := func(o map[string]any) string {
		var keys []string
		for k := range o {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		return strings.Join(keys, " ")
	}
	finding := func(i, n int) map[string]any { return all[i]["findings"].([]any)[n].(map[string]any) }
	for _, c := range []struct{ what, got, want string }{
		{"message", members(all[0]), "at findings message topic"},
		{"run", members(finding(0, 0)), "finding text"},
		{"double", members(finding(1, 0)), "at finding lane"},
		{"gap", members(finding(2, 0)), "at finding gap lane"},
		{"gap's ends", members(finding(2, 0)["gap"].(map[string]any)), "after through"},
		{"all well", members(all[3]), "at message topic"},
		{"no JSON", members(all[4]), "at findings raw topic"},
		{"violation", members(finding(4, 0)), "finding lane text zh"},
		{"end", members(all[5]), "complete summary"},
		{"summary", members(all[5]["summary"].(map[string]any)), "doubles gateways given_up missing received strange wrong"},
		{"gateway", members(all[5]["summary"].(map[string]any)["gateways"].([]any)[0].(map[string]any)),
			"active_current documents gateway given_up lanes online outdated runs violations"},
		{"lane", members(all[5]["summary"].(map[string]any)["gateways"].([]any)[0].(map[string]any)["lanes"].([]any)[0].(map[string]any)),
			"differing doubles explained filled gaps lane more_gaps received violations"},
	} {
		if c.got != c.want {
			t.Errorf("%s has %s, want %s", c.what, c.got, c.want)
		}
	}
}

// A broker that is not the one that was meant ends the follower in words; one
// that is, is followed.
func TestFollowOverTLS(t *testing.T) {
	shown, file := certificate(t)
	_, stranger := certificate(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{shown}})
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, l)
	for name, tt := range map[string]struct {
		ca, server, lang string
		reason           trust.Reason // empty: it connects
		says             string
	}{
		"good":         {file, "", "en", "", ""},
		"wrong CA":     {stranger, "", "zh", trust.UnknownAuthority, "平台的证书（broker）由 CN=broker 签发"},
		"wrong name":   {file, "city.example", "en", trust.WrongName, "the certificate is for 127.0.0.1, not for city.example"},
		"no such file": {file + "x", "", "zh", "", "文件 " + file + "x 不能用"},
	} {
		t.Run(name, func(t *testing.T) {
			c := followCommand{
				Server: "tls://" + l.Addr().String(), Root: "watchpost/v1", Gateway: "all", Class: []string{"alarms"}, CAFile: tt.ca, ServerName: tt.server,
				Username: "u", PasswordFile: writePassword(t), Lang: tt.lang,
			}
			out, _ := lines(t)
			said, notices := lines(t)
			ctx, interrupt := context.WithTimeout(t.Context(), hang)
			defer interrupt()
			ended := make(chan error, 1)
			go func() { ended <- c.follow(ctx, out, said) }()
			if tt.says == "" {
				awaitLine(t, notices, "connected to")
				interrupt()
				if err := <-ended; !errors.Is(err, errNothing) {
					t.Error(err)
				}
				return
			}
			err := <-ended
			if distrust, ok := errors.AsType[*trust.Error](err); ok != (tt.reason != "") || ok && distrust.Reason != tt.reason || err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want %s", err, tt.says)
			}
		})
	}
}

// certificate is one for 127.0.0.1, and the file that has it.
func certificate(t *testing.T) (shown tls.Certificate, file string) {
	t.Helper()
	shown, file, err := trusttest.SelfSigned(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return shown, file
}

// What goes in clear over a network is shown; what stays on the machine is not
// worth a word.
func TestFollowInClear(t *testing.T) {
	for server, want := range map[string]bool{"tcp://192.0.2.1": true, "tcp://127.0.0.1:1": false, "tcp://[::1]:1": false, "tcp://localhost:1": false} {
		c := followCommand{Server: server, Root: "r", Gateway: "all", Class: []string{"alarms"}, Lang: "en"}
		out, _ := lines(t)
		said, err := os.Create(filepath.Join(t.TempDir(), "said"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, interrupt := context.WithCancel(t.Context())
		interrupt()
		if err := c.follow(ctx, out, said); !errors.Is(err, errNothing) {
			t.Error(err)
		}
		text, err := os.ReadFile(said.Name())
		if err != nil {
			t.Fatal(err)
		}
		if shown := strings.Contains(string(text), "not encrypted"); shown != want {
			t.Errorf("%s: %q", server, text)
		}
		said.Close()
	}
}

// A broker that does not let us subscribe ends the follower too.
func TestSubscriptionRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, l, auth.ACLRule{Username: "u", Filters: auth.Filters{"r/#": auth.Deny}})
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	if err := follower(t, l.Addr().String(), "p").run(ctx); !errors.Is(err, errRefused) {
		t.Errorf("error %v, want refused", err)
	}
}
