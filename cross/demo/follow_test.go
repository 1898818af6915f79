//go:build demo

package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/packets"

	"watchpost/agent/desk/mochinet"
	"watchpost/agent/gateway"
	"watchpost/agent/receive"
	"watchpost/configs"
	"watchpost/drivers/sim"
)

// followed is how a follower ended.
type followed struct {
	code     int
	errs     string
	kinds    map[receive.FindingKind]int
	lines    int
	summary  receive.Summary
	complete bool
}

// follow runs the built program's follow and reads its JSON.
func follow(t *testing.T, broker string, args ...string) followed {
	t.Helper()
	program, err := filepath.Abs("../../bin/watchpost-desk")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*hang)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append([]string{"follow", "--json", "--lang", "en", "--server", "tcp://" + broker}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatalf("run follow: %v", err)
	}
	f := followed{code: cmd.ProcessState.ExitCode(), errs: errs.String(), kinds: map[receive.FindingKind]int{}}
	for line := range bytes.Lines(out.Bytes()) {
		var one struct {
			Findings []receive.Finding `json:"findings"`
			Summary  *receive.Summary  `json:"summary"`
			Complete bool              `json:"complete"`
		}
		if err := json.Unmarshal(line, &one); err != nil {
			t.Fatalf("line %s: %v", line, err)
		}
		f.lines++
		for _, found := range one.Findings {
			f.kinds[found.Kind]++
		}
		if one.Summary != nil {
			f.summary, f.complete = *one.Summary, one.Complete
		}
	}
	return f
}

// TestFollowTheDemo: what the demo sends keeps the contract, and nothing of it is
// missing.
func TestFollowTheDemo(t *testing.T) {
	t.Parallel()
	c := start(t, "--page", free(t), "--broker", free(t), "--round", "2m") // its outage is long after
	valueOnPage(t, c.page())
	f := follow(t, c.broker(), "--for", "8s")
	if f.code != 0 || !f.complete || f.summary.Received == 0 || f.lines < 3 || f.kinds[receive.Violation] > 0 || f.kinds[receive.FoundGap] > 0 {
		t.Errorf("exit code %d, complete %t, %d lines, found %v, %q\n%+v", f.code, f.complete, f.lines, f.kinds, f.errs, f.summary)
	}
	t.Logf("%d records, found %v", f.summary.Received, f.kinds)
	// The session at the broker is gone: a broker would keep it for ever.
	if strings.Contains(f.errs, "is left at the broker") {
		t.Error(f.errs)
	}
	if other := follow(t, c.broker(), "--for", "2s", "--gateway", "GW-OTHER"); other.code != 1 || !strings.Contains(other.errs, "nothing was received") {
		t.Errorf("a gateway there is not: exit code %d, %q; want 1 and that nothing was received", other.code, other.errs)
	}
	c.interrupt()
}

// leaky is a broker's hook that confirms some messages and loses them.
type leaky struct {
	mochi.HookBase
	class string
	every int64
	count atomic.Int64
	lost  atomic.Int64
}

func (*leaky) ID() string           { return "leaky" }
func (*leaky) Provides(b byte) bool { return b == mochi.OnPublish }

func (l *leaky) OnPublish(_ *mochi.Client, p packets.Packet) (packets.Packet, error) {
	if strings.HasSuffix(p.TopicName, "/"+l.class) && l.every > 0 && l.count.Add(1)%l.every == 3 {
		l.lost.Add(1)
		return p, packets.CodeSuccessIgnore
	}
	return p, nil
}

// leakyBroker serves until the test ends.
func leakyBroker(t *testing.T, hook *leaky) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	if err := errors.Join(s.AddHook(new(auth.AllowHook), nil), s.AddHook(hook, nil), mochinet.Listen(s, l), s.Serve()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// runGateway runs the demo's gateway at a broker until the test ends.
func runGateway(t *testing.T, broker string) {
	t.Helper()
	cfg, problems := configs.Parse("demo.yaml", configs.Demo(), gateway.Catalogue{})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	cfg.Page.Listen, cfg.Platforms[0].Server, cfg.Data = "127.0.0.1:0", "tcp://"+broker, t.TempDir()
	demo, err := sim.NewDemo()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- gateway.Run(ctx, cfg, gateway.Options{Host: demo.Board, Version: "test", Reconnect: time.Second, Log: slog.New(slog.DiscardHandler)})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestFollowSeesWhatABrokerLoses: a broker that confirms messages and loses them
// is found out, and the lane is named; the same broker without the fault is not.
func TestFollowSeesWhatABrokerLoses(t *testing.T) {
	t.Parallel()
	for _, hook := range []*leaky{{class: "readings", every: 4}, {class: "readings"}} {
		broker := leakyBroker(t, hook)
		runGateway(t, broker)
		f := follow(t, broker, "--for", "10s")
		want, code := hook.lost.Load() > 0, 0
		if want {
			code = 1
		}
		var with []string
		for _, g := range f.summary.Gateways {
			for _, l := range g.Lanes {
				if len(l.Gaps) > 0 {
					with = append(with, l.Lane)
				}
			}
		}
		t.Logf("lost %d messages: exit code %d, gaps in %v, found %v", hook.lost.Load(), f.code, with, f.kinds)
		if f.code != code || f.complete == want || slices.Equal(with, []string{"readings"}) != want || f.summary.Wrong != 0 || f.summary.Received == 0 {
			t.Errorf("exit code %d, want %d; complete %t; gaps in %v; %q; %+v", f.code, code, f.complete, with, f.errs, f.summary)
		}
		if (hook.every > 0) != want {
			t.Error("the broker lost nothing: this proves nothing")
		}
	}
}

// TestFollowWrongUse: what cannot be meant ends with exit code 2 and says why.
func TestFollowWrongUse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"--gateway", "GW/1"}, "--gateway"},
		{[]string{"--root", "a/#"}, "--root"},
		{[]string{"--class", "replies"}, "--class"},
		{[]string{"--password-file", "/no/such/file"}, "--password-file"},
		{[]string{"--ca-file", "/no/such/file"}, "tls://"},
	} {
		program, err := filepath.Abs("../../bin/watchpost-desk")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), program, append([]string{"follow", "--for", "1s"}, tt.args...)...)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), tt.says) {
			t.Errorf("%v: %v, %s; want exit code 2 and %s", tt.args, err, out, tt.says)
		}
	}
}
