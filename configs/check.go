package configs

import (
	"net/url"
)

// check looks at what fits together. Values that were refused before are zero
// here and are passed over, so that one mistake is reported once.
func (r *reader) check(cfg *Config) {
	r.gateway(cfg.Gateway)
	r.platforms(cfg)
	ids, claims := map[string]place{}, map[string]claim{}
	for i := range cfg.Sensors {
		s, path := &cfg.Sensors[i], index("sensors", i)
		r.unique(ids, s.ID, path)
		r.claims(claims, s, path)
		r.reporting(s, path)
		if s.Alarm != nil {
			r.alarm(s, join(path, "alarm"))
		}
	}
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
		r.report(r.where(lon, "gateway"), lat, "missing beside longitude", "both or neither", "")
	case g.Latitude != nil && g.Longitude == nil && r.unread(lon):
		r.report(r.where(lat, "gateway"), lon, "missing beside latitude", "both or neither", "")
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
		r.report(r.where("platforms", ""), "platforms", itoa(len(cfg.Platforms))+" platforms", "at most "+itoa(maxPlatforms), "")
	}
	ids, clients := map[string]place{}, map[string]place{}
	for i := range cfg.Platforms {
		p, path := &cfg.Platforms[i], index("platforms", i)
		r.unique(ids, p.ID, path)
		if p.ClientID == "" && cfg.Gateway.ID != "" {
			p.ClientID = "watchpost-" + cfg.Gateway.ID
		}
		server, password := join(path, "server"), join(path, "password_file")
		if u, err := url.Parse(p.Server); err == nil && u.Scheme == "tcp" && !p.AllowPlaintext {
			r.report(r.where(server, path), server, "tcp is readable by anyone on the way",
				"allow_plaintext: true beside it, if that is meant", "")
		}
		if p.PasswordFile != "" && p.Username == "" {
			r.report(r.where(password, path), password, "a password without a username", "username beside it", "")
		}
		// A broker drops the first of two connections with one client id (MQTT
		// 3.1.1 section 3.1.4), so the two would take turns for ever.
		key := p.Server + " " + p.ClientID
		if before, taken := clients[key]; taken && p.Server != "" {
			r.report(r.where(server, path), server, "the same server and client_id as on line "+itoa(before.line),
				"a client_id of its own", "")
			continue
		}
		clients[key] = r.where(server, path)
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
		r.report(at, where, "doubled id "+quote(id), "another id; this one is already on line "+itoa(before.line), "")
	default:
		ids[id] = at
	}
}

// claimer is a driver's options that use something no other sensor may use: an
// address on a bus, a line of a chip. Equal text is the same thing.
type claimer interface{ Claims() []string }

type claim struct {
	sensor string
	at     place
}

func (r *reader) claims(taken map[string]claim, s *Sensor, path string) {
	options, ok := s.Options.(claimer)
	if !ok {
		return
	}
	at := r.where(join(path, "id"), path)
	mine := map[string]bool{}
	for _, what := range options.Claims() {
		if mine[what] {
			continue
		}
		mine[what] = true
		before, conflict := taken[what]
		if !conflict {
			taken[what] = claim{s.ID, at}
			continue
		}
		r.report(at, path, "sensor "+quote(s.ID)+" uses "+shown(what)+", which sensor "+quote(before.sensor)+
			" on line "+itoa(before.at.line)+" uses already", "each to be used by one sensor", "")
	}
}

func (r *reader) reporting(s *Sensor, path string) {
	every := join(path, "report.every")
	if s.Report.Every > 0 && s.Sample > s.Report.Every {
		r.report(r.where(every, path), every, s.Report.Every.String()+" is more often than it is sampled",
			"at least sample, "+s.Sample.String(), "")
	}
}

// thresholder is a driver's options that know whether what they measure is
// compared with thresholds (a level) or not (a contact).
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

func (r *reader) alarm(s *Sensor, path string) {
	above, below := join(path, "above"), join(path, "clear_below")
	a := s.Alarm
	compares, asked := r.compares(s)
	switch {
	case asked && !compares:
		for _, key := range []string{above, below} {
			if at, written := r.seen[key]; written {
				r.report(at, key, "a contact has no thresholds", "level alone", "")
			}
		}
		return
	case a.Above == nil && a.ClearBelow == nil:
		if asked {
			r.report(r.where(path, ""), above, "missing", "the level above which to raise the alarm, such as 1.5m", "")
		}
		return
	case a.Above == nil:
		r.report(r.where(below, path), above, "missing beside clear_below", "both or neither", "")
		return
	case a.ClearBelow == nil:
		r.report(r.where(above, path), below, "missing beside above", "a length below above, so that waves do not raise and clear in turn", "")
		return
	}
	if r.valid(above) && r.valid(below) && a.ClearBelow.Compare(*a.Above) >= 0 {
		r.report(r.where(below, path), below, quote(a.ClearBelow.String())+" is not below above", "a length below "+a.Above.String(), "")
	}
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
