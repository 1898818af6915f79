package gateway

import (
	"fmt"
	"strings"

	"watchpost/agent/forward"
	"watchpost/agent/health"
	"watchpost/agent/httpsend"
	"watchpost/agent/page"
	"watchpost/configs"
)

// secondWay is the platform's HTTPS inlet; nil when it has none.
func (g *gateway) secondWay(p configs.Platform) (*httpsend.Dialer, error) {
	f := p.Fallback
	if f == nil {
		return nil, nil
	}
	own := p
	own.TLS.ServerName = "" // of the broker
	if f.TLS != (configs.TLS{}) {
		own.TLS = f.TLS
	}
	dialer, err := httpsend.New(httpsend.Options{
		Base:           f.URL,
		AllowPlaintext: f.AllowPlaintext,
		Trust:          g.trust(own),
		Credentials:    func() (httpsend.Credentials, error) { return inletCredentials(*f) },
		UserAgent:      "watchpost/" + g.opts.Version,
		Synced:         func() bool { return g.clock.Now().Synced },
		Log:            g.log.With("room", "httpsend", "platform", p.ID),
	})
	if err != nil {
		return nil, fmt.Errorf("prepare second way to platform %s: %w", p.ID, err)
	}
	if rest, ok := strings.CutPrefix(f.URL, "http://"); ok && inClear("tcp://"+rest) {
		g.health.Set(health.Plaintext, p.ID, "")
	}
	return dialer, nil
}

// inletCredentials reads what the inlet is to be shown.
func inletCredentials(f configs.Fallback) (c httpsend.Credentials, err error) {
	if f.TokenFile != "" {
		token, err := configs.ReadSecret(f.TokenFile)
		return httpsend.Credentials{Token: token.Reveal()}, err
	}
	c.Username = f.Username
	if f.PasswordFile != "" {
		var password configs.Secret
		password, err = configs.ReadSecret(f.PasswordFile)
		c.Password = password.Reveal()
	}
	return c, err
}

// linkDetail is why nothing gets through, by either way.
func linkDetail(s forward.State) string {
	if s.SecondError == "" {
		return s.LastError
	}
	return s.LastError + "; HTTPS: " + s.SecondError
}

// via is the way that carries the lanes.
func via(s forward.State) string {
	switch {
	case s.Connected:
		return page.ViaMQTT
	case s.Second:
		return page.ViaHTTPS
	}
	return ""
}
