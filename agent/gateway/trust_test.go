package gateway

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/forward"
	"watchpost/agent/health"
	"watchpost/agent/link"
	"watchpost/agent/message"
	"watchpost/agent/trust"
	"watchpost/configs"
)

// Each way in which a link can fail is one condition, in words where trust is
// the matter, and is gone when the link is there.
func TestLinkTroubles(t *testing.T) {
	notYet := trust.New(trust.NotYetOrClock, nil, "broker", "2025-06-15", "1970-01-01")
	missing := trust.New(trust.ClientCertMissing, nil)
	stranger := trust.New(trust.UnknownAuthority, nil, "broker", "CN=Other CA", "/ca.pem")
	for name, c := range map[string]struct {
		cause  error
		code   health.Code
		reason health.Text
	}{
		"no network":     {errors.New("connection refused"), health.UplinkDown, health.Text{}},
		"bad password":   {fmt.Errorf("%w: bad user name or password", link.ErrRefused), health.UplinkRefused, health.Text{}},
		"no certificate": {fmt.Errorf("connect: %w", missing), health.UplinkRefused, wordsOf(missing)},
		"wrong CA":       {fmt.Errorf("connect: %w", stranger), health.UplinkUntrusted, wordsOf(stranger)},
		"clock in 1970":  {fmt.Errorf("connect: %w", notYet), health.UplinkDown, wordsOf(notYet)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &gateway{health: health.New(time.Now), sampled: newBroadcast()}
				g.onLink("city", forward.State{}) // as at the start
				down := forward.State{LastError: c.cause.Error(), Cause: c.cause, Refused: errors.Is(c.cause, link.ErrRefused)}
				g.onLink("city", down)
				<-time.After(time.Minute)
				shown := g.health.Active()
				if len(shown) != 1 || shown[0].Code != c.code || shown[0].Reason != c.reason || shown[0].Detail != c.cause.Error() {
					t.Errorf("shown %+v, want %s with %+v", shown, c.code, c.reason)
				}
				g.onLink("city", forward.State{Connected: true, LastError: down.LastError, Cause: down.Cause, Refused: down.Refused})
				if shown := g.health.Active(); len(shown) != 0 {
					t.Errorf("connected, and shown is %+v", shown)
				}
			})
		})
	}
}

func wordsOf(e *trust.Error) (w health.Text) {
	w.ZH, w.EN = e.Words()
	return w
}

func TestPlaintextIsShown(t *testing.T) {
	inlet := func(url string) *configs.Fallback {
		return &configs.Fallback{URL: url, AllowPlaintext: true}
	}
	for _, c := range []struct {
		platform configs.Platform
		want     bool
	}{
		{configs.Platform{Server: "tcp://city.example:1883"}, true},
		{configs.Platform{Server: "tcp://10.0.0.1:1883"}, true},
		{configs.Platform{Server: "tcp://127.0.0.1:1883"}, false},
		{configs.Platform{Server: "tcp://[::1]:1883"}, false},
		{configs.Platform{Server: "tls://city.example:8883"}, false},
		{configs.Platform{Server: "tls://city.example:8883", Fallback: inlet("https://city.example/")}, false},
		{configs.Platform{Server: "tls://city.example:8883", Fallback: inlet("http://city.example/")}, true},
	} {
		p := c.platform
		p.ID, p.ClientID, p.Root, p.AllowPlaintext = "city", "c", "watchpost/v1", true
		cfg := &configs.Config{Gateway: configs.Gateway{ID: "GW-TEST"}, Data: t.TempDir(), Page: configs.Page{Listen: "off"}, Platforms: []configs.Platform{p}}
		cfg.Buffer = configs.Buffer{CommitEvery: time.Second, MaxBytes: 8 << 20}
		g, err := build(t.Context(), cfg, Options{})
		if err != nil {
			t.Fatal(err)
		}
		shown := slices.ContainsFunc(g.conditions(), func(a health.Active) bool {
			return a.Code == health.Plaintext && a.Subject == "city" && a.Severity == health.Info
		})
		told := slices.ContainsFunc(g.uplinks[0].stateDoc(1).Conditions, func(m message.Condition) bool { return m.Code == "plaintext" })
		if shown != c.want || told != c.want || InClear(p) != c.want {
			t.Errorf("%s: shown %t, told %t, want %t", p.Server, shown, told, c.want)
		}
		if err := g.close(); err != nil {
			t.Error(err)
		}
	}
}
