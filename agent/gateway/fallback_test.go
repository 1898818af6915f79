package gateway_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"periph.io/x/conn/v3/physic"

	"watchpost/agent/gateway"
	"watchpost/configs"
)

// citysInlet is a platform's HTTPS server that keeps what it confirmed, by class.
type citysInlet struct {
	*httptest.Server
	token string

	mu       sync.Mutex
	messages []cityMessage
	refused  int
}

func newInlet(t *testing.T, token string) *citysInlet {
	t.Helper()
	in := &citysInlet{token: token}
	in.Server = httptest.NewUnstartedServer(in)
	in.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	in.StartTLS()
	t.Cleanup(in.Close)
	return in
}

func (in *citysInlet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	_, class, _ := strings.Cut(r.URL.Path, "/GW-TEST/")
	m := cityMessage{class: class, raw: string(body)}
	in.mu.Lock()
	defer in.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+in.token {
		in.refused++
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if json.Unmarshal(body, &m.body) != nil || err != nil || !strings.HasPrefix(r.URL.Path, "/ingest/watchpost/v1/") {
		m.class = "unreadable " + r.URL.Path
	}
	in.messages = append(in.messages, m)
}

func (in *citysInlet) all() []cityMessage {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]cityMessage(nil), in.messages...)
}

// startWithFallback is rig.start with a second way that is taken soon.
func (r *rig) startWithFallback(in *citysInlet, server, tokenFile string) *life {
	r.t.Helper()
	ca := filepath.Join(r.t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: in.Certificate().Raw}), 0o600); err != nil {
		r.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	platform := fmt.Sprintf("{id: city, server: \"tcp://%s\", allow_plaintext: true, fallback: {url: %q, token_file: %q, tls: {ca_file: %q}}}",
		server, in.URL+"/ingest", tokenFile, ca)
	cfg, problems := configs.Parse("test.yaml", fmt.Appendf(nil, r.config, r.data, l.Addr().String(), platform), gateway.Catalogue{})
	if err := problems.Err(); err != nil {
		r.t.Fatal(err)
	}
	cfg.Platforms[0].Fallback.After = 500 * time.Millisecond
	ctx, stop := context.WithCancel(context.Background())
	life := &life{t: r.t, base: "http://" + l.Addr().String(), stop: stop, done: make(chan error, 1)}
	go func() {
		life.done <- gateway.Run(ctx, cfg, gateway.Options{Host: r.board, Version: "test", Reconnect: time.Second, Clock: r.clock, Page: l})
	}()
	return life
}

func secretFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// freeAddress is one that nobody listens on. It is not at 127.0.0.1, where any
// outgoing connection of the machine may be given the same port.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254)))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (v view) via() string {
	if len(v.Platforms) == 0 || !v.Platforms[0].Connected {
		return ""
	}
	return v.Platforms[0].Via
}

func TestHTTPSWhileMQTTIsBlocked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	in, address := newInlet(t, "right"), freeAddress(t)
	l := r.startWithFallback(in, address, secretFile(t, "right"))
	v := l.until("HTTPS", func(v view) bool { return v.via() == "https" && v.condition("uplink_fallback") })
	if v.condition("uplink_down") {
		t.Errorf("uplink_down is shown beside %+v", v.Conditions)
	}
	if text, _ := l.get("/metrics"); !strings.Contains(text, `watchpost_uplink_connected{platform="city",via="https"} 1`) ||
		!strings.Contains(text, `watchpost_uplink_connected{platform="city",via="mqtt"} 0`) {
		t.Errorf("the metrics do not say HTTPS:\n%s", text)
	}
	r.water.set(1800 * physic.MilliMetre)
	guard := time.After(hangGuard)
	for !holds(in.all(), func(m cityMessage) bool { return m.class == "alarms" && m.body["state"] == "raised" }) {
		select {
		case <-guard:
			t.Fatal("the alarm did not come by HTTPS")
		case <-time.After(20 * time.Millisecond):
		}
	}
	r.city = newCityAt(t, address)
	v = l.until("MQTT", func(v view) bool { return v.via() == "mqtt" && !v.condition("uplink_fallback") })
	r.water.set(500 * physic.MilliMetre)
	r.city.until(t, "the alarm cleared", "alarms", func(m cityMessage) bool { return m.body["state"] == "cleared" })
	r.city.until(t, "a reading", "readings", func(cityMessage) bool { return true })
	l.end()

	r.city.mu.Lock()
	defer r.city.mu.Unlock()
	for _, class := range []string{"alarms", "events", "readings"} {
		if flaw := gaps(class, in.all(), r.city.messages); flaw != "" {
			t.Error(flaw)
		}
	}
	if holds(in.all(), func(m cityMessage) bool { return m.class != "alarms" && m.class != "events" && m.class != "readings" }) {
		t.Error("HTTPS was sent something else than lanes")
	}
	// The negative control: without what went by HTTPS there are gaps.
	if gaps("readings", nil, r.city.messages) == "" || gaps("alarms", nil, r.city.messages) == "" {
		t.Error("nothing is missing without HTTPS: the ledger sees no gap")
	}
}

func holds(messages []cityMessage, is func(cityMessage) bool) bool {
	for _, m := range messages {
		if is(m) {
			return true
		}
	}
	return false
}

// gaps says what a lane lacks, of what came first by one way and then by the
// other: seqs are counted from 1 without a hole, and in order.
func gaps(class string, ways ...[]cityMessage) string {
	last := 0.0
	for _, messages := range ways {
		for _, m := range messages {
			if m.class != class {
				continue
			}
			for _, seq := range seqs(m) {
				if seq > last+1 {
					return fmt.Sprintf("%s: %v comes after %v", class, seq, last)
				}
				last = max(last, seq)
			}
		}
	}
	if last == 0 {
		return class + ": nothing came"
	}
	return ""
}

func seqs(m cityMessage) (all []float64) {
	if seq, ok := m.body["seq"].(float64); ok {
		return []float64{seq}
	}
	list, _ := m.body["readings"].([]any)
	for _, entry := range list {
		if e, ok := entry.(map[string]any); ok {
			seq, _ := e["seq"].(float64)
			all = append(all, seq)
		}
	}
	return all
}

func TestRefusingInletIsNoWay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	in := newInlet(t, "right")
	l := r.startWithFallback(in, freeAddress(t), secretFile(t, "wrong-hunter2"))
	guard := time.After(hangGuard)
	var text string
	for !strings.Contains(text, "HTTPS: ") {
		text, _ = l.get("/api/v1/view")
		select {
		case <-guard:
			t.Fatalf("the page does not say why HTTPS does not work: %s", text)
		case <-time.After(20 * time.Millisecond):
		}
	}
	v := l.until("neither way", func(v view) bool { return v.via() == "" })
	l.end()
	if v.condition("uplink_fallback") || strings.Contains(text, "hunter2") || !strings.Contains(text, "HTTP 401") {
		t.Errorf("%+v\n%s", v.Conditions, text)
	}
}
