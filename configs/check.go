package configs

import (
	"net/url"
	"strings"
	"time"
)

// check looks at what fits together. Values that were refused before are zero
// here and are passed over, so that one mistake is reported once.
func (r *reader) check(cfg *Config) {
	r.gateway(cfg.Gateway)
	r.platforms(cfg)
	ids, taken := map[string]place{}, hardware{map[string]use{}, map[string]use{}}
	for i := range cfg.Sensors {
		s, path := &cfg.Sensors[i], index("sensors", i)
		r.unique(ids, s.ID, path)
		r.claims(taken, s, path)
		r.reporting(s, path)
		if s.Alarm != nil {
			r.alarm(s, join(path, "alarm"))
		}
	}
	r.output(cfg, taken)
}

// where is the place of the value at path, or of what holds it.
func (r *reader) where(path, holder string) place {
	if at, ok := r.seen[path]; ok {
		return at
	}
	return r.seen[holder]
}

func (r *reader) gateway(g Gateway) {
	switch lon, lat := "gateway.longitude", "gateway.latitude"; {
	case g.Longitude != nil && g.Latitude == nil && r.unread(lat):
		r.report(r.where(lon, "gateway"), lat, "missing-beside", wantBoth, "", plain("longitude"))
	case g.Latitude != nil && g.Longitude == nil && r.unread(lon):
		r.report(r.where(lat, "gateway"), lon, "missing-beside", wantBoth, "", plain("latitude"))
	}
}

// unread reports whether path is not in the file.
func (r *reader) unread(path string) bool {
	_, ok := r.seen[path]
	return !ok
}

// maxPlatforms is what the buffer keeps cursors for.
const maxPlatforms = 32

func (r *reader) platforms(cfg *Config) {
	if len(cfg.Platforms) > maxPlatforms {
		r.report(r.where("platforms", ""), "platforms", "too-many",
			Words{"至多 {0} 个", "at most {0}"}.filled(plain(itoa(maxPlatforms))), "", plain(itoa(len(cfg.Platforms))))
	}
	ids, clients := map[string]place{}, map[string]place{}
	for i := range cfg.Platforms {
		p, path := &cfg.Platforms[i], index("platforms", i)
		r.unique(ids, p.ID, path)
		if p.ClientID == "" && cfg.Gateway.ID != "" {
			p.ClientID = "watchpost-" + cfg.Gateway.ID
		}
		server, password := join(path, "server"), join(path, "password_file")
		r.encryption(p, path)
		if p.PasswordFile != "" && p.Username == "" {
			r.report(r.where(password, path), password, "lone-password", Words{"旁边写 username", "username beside it"}, "")
		}
		if p.Fallback != nil {
			r.secondWay(p.Fallback, join(path, "fallback"))
		}
		// A broker drops the first of two connections with one client id (MQTT
		// 3.1.1 section 3.1.4), so the two would take turns for ever.
		key := p.Server + " " + p.ClientID
		if before, taken := clients[key]; taken && p.Server != "" {
			r.report(r.where(server, path), server, "same-client",
				Words{"另写一个 client_id", "a client_id of its own"}, "", plain(itoa(before.line)))
			continue
		}
		clients[key] = r.where(server, path)
	}
}

// encryption reports plaintext that nobody plainly allowed, and keys for TLS that
// do not fit together.
func (r *reader) encryption(p *Platform, path string) {
	server, section := join(path, "server"), join(path, "tls")
	u, err := url.Parse(p.Server)
	clear := err == nil && u.Scheme == "tcp"
	if clear && !p.AllowPlaintext && r.valid(join(path, "allow_plaintext")) {
		r.report(r.where(server, path), server, "plaintext",
			Words{"用 tls://；确实要用明文时，旁边写 allow_plaintext: true", "tls://, or allow_plaintext: true beside it if that is meant"}, "")
	}
	if clear && p.TLS != (TLS{}) {
		r.report(r.where(section, path), section, "tls-of-tcp", Words{"server 用 tls://，或删去 tls", "tls:// in server, or no tls here"}, "")
	}
	r.ownCertificate(p.TLS, section)
}

// ownCertificate reports a certificate without its key, or a key alone.
func (r *reader) ownCertificate(t TLS, section string) {
	switch cert, key := join(section, "cert_file"), join(section, "key_file"); {
	case t.CertFile != "" && r.unread(key):
		r.report(r.where(cert, section), key, "missing-beside", wantBoth, "", plain("cert_file"))
	case t.KeyFile != "" && r.unread(cert):
		r.report(r.where(key, section), cert, "missing-beside", wantBoth, "", plain("key_file"))
	}
}

// secondWay reports the same of the HTTPS inlet, and two ways to authorise.
func (r *reader) secondWay(f *Fallback, path string) {
	r.ownCertificate(f.TLS, join(path, "tls"))
	address, token, name, password := join(path, "url"), join(path, "token_file"), join(path, "username"), join(path, "password_file")
	if u, err := url.Parse(f.URL); err == nil && u.Scheme == "http" && !f.AllowPlaintext && r.valid(join(path, "allow_plaintext")) {
		r.report(r.where(address, path), address, "plaintext-http",
			Words{"确实要用明文时，旁边写 allow_plaintext: true", "allow_plaintext: true beside it, if that is meant"}, "")
	}
	if f.PasswordFile != "" && f.Username == "" {
		r.report(r.where(password, path), password, "lone-password", Words{"旁边写 username", "username beside it"}, "")
	}
	if f.TokenFile != "" && f.Username != "" {
		r.report(r.where(name, token), name, "two-credentials", Words{"只写 token_file，或只写 username", "token_file alone, or username"}, "")
	}
}

// unique reports an id that another entry of the list has.
func (r *reader) unique(ids map[string]place, id, path string) {
	where := join(path, "id")
	at := r.where(where, path)
	before, taken := ids[id]
	switch {
	case id == "":
	case taken:
		r.report(at, where, "doubled-id",
			Words{"另取一个；第 {0} 行已经用了它", "another id; this one is already on line {0}"}.filled(plain(itoa(before.line))), "", plain(quote(id)))
	default:
		ids[id] = at
	}
}

func (r *reader) reporting(s *Sensor, path string) {
	every, change := join(path, "report.every"), join(path, "report.change")
	if s.Report.Every > 0 && s.Sample > s.Report.Every {
		sample := ShortDuration(s.Sample)
		r.report(r.where(every, path), every, "too-often",
			Words{"至少与 sample 相同，即 " + sample, "at least sample, " + sample}, "", plain(ShortDuration(s.Report.Every)))
	}
	if compares, asked := r.compares(s); asked && !compares && s.Report.Change != nil {
		r.report(r.where(change, path), change, "change-of-switch", Words{"删去 change", "no change here"}, "")
	}
}

// ShortDuration is a duration as a configuration has it: 5m rather than 5m0s.
func ShortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// thresholder is a driver's options that know whether what they measure is
// compared with thresholds (a level) or not (a contact, a card).
type thresholder interface{ Thresholds() bool }

// comparer is a Catalogue that says the same of its drivers' options.
type comparer interface {
	Thresholds(driver string, options any) bool
}

// compares reports whether s is compared with thresholds, when that is known.
func (r *reader) compares(s *Sensor) (compares, known bool) {
	if s.Options == nil {
		return false, false
	}
	if options, ok := s.Options.(thresholder); ok {
		return options.Thresholds(), true
	}
	if drivers, ok := r.drivers.(comparer); ok {
		return drivers.Thresholds(s.Driver, s.Options), true
	}
	return false, false
}

// valid reports whether nothing was said against the value at path.
func (r *reader) valid(path string) bool {
	for _, p := range r.problems {
		if p.Path == path {
			return false
		}
	}
	return true
}
