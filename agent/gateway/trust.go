package gateway

import (
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	"watchpost/agent/forward"
	"watchpost/agent/health"
	"watchpost/agent/trust"
	"watchpost/configs"
)

// trust is whom the link to a platform believes. Certificates are judged by the
// clock that records are stamped with.
func (g *gateway) trust(p configs.Platform) trust.Settings {
	settings := Trust(p.TLS)
	settings.Clock = func() (now time.Time, set bool) {
		stamp := g.clock.Now()
		return stamp.Wall, stamp.Synced
	}
	return settings
}

// Trust is what the configuration says of TLS, with the system's clock.
func Trust(c configs.TLS) trust.Settings {
	return trust.Settings{CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile, ServerName: c.ServerName}
}

// InClear reports a platform to which something goes that anyone on the way can
// read.
func InClear(p configs.Platform) bool {
	if f := p.Fallback; f != nil {
		if rest, ok := strings.CutPrefix(f.URL, "http://"); ok && inClear("tcp://"+rest) {
			return true
		}
	}
	return inClear(p.Server)
}

// inClear reports a server to which everything goes unencrypted over a network.
// What does not leave the gateway nobody on the way can read.
func inClear(server string) bool {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "tcp" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip == nil || !ip.IsLoopback()
}

// linkTrouble is the condition that a link without a connection is in, and its
// reason in words where there are any.
func linkTrouble(s forward.State) (health.Code, health.Text) {
	var reason health.Text
	distrust, ok := errors.AsType[*trust.Error](s.Cause)
	if ok {
		reason.ZH, reason.EN = distrust.Words()
	}
	switch {
	case s.Refused:
		return health.UplinkRefused, reason
	case ok && distrust.Lasts():
		return health.UplinkUntrusted, reason
	}
	return health.UplinkDown, reason
}

// onLink keeps conditions and page in step with a platform's link.
func (g *gateway) onLink(platform string, s forward.State) {
	trouble, reason := linkTrouble(s)
	for _, code := range []health.Code{health.UplinkDown, health.UplinkRefused, health.UplinkUntrusted} {
		if s.Connected || code != trouble || s.Second && code == health.UplinkDown {
			g.health.Clear(code, platform)
			continue
		}
		g.health.Explain(code, platform, linkDetail(s), reason)
	}
	set(g.health, !s.Connected && s.Second, health.UplinkFallback, platform, s.LastError)
	if !s.Connected && s.Contested { // cleared when a connection has held
		g.health.Set(health.DuplicateClientID, platform, s.LastError)
	}
	g.sampled.notify()
}
