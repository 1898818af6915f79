package configs

import (
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// form is what a text must look like.
type form struct {
	want string
	ok   func(string) bool
	// secret values are not printed: a password may have been put there.
	secret bool
}

var identifier = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// forms by the name in a field's form tag.
var forms = map[string]form{
	"id": {
		want: "1 to 64 letters, digits, _ and -, beginning with a letter or digit",
		ok:   identifier.MatchString,
	},
	"directory": {want: "an absolute path, such as /var/lib/watchpost", ok: isAbsolute},
	"file":      {want: "the absolute path of a file", ok: isAbsolute, secret: true},
	"listen":    {want: `host:port, such as 127.0.0.1:8080, or off`, ok: isListen},
	"server":    {want: "tcp://host:port (this version has no tls)", ok: isServer, secret: true},
	"topic":     {want: "a topic such as watchpost/v1, without + and #, not beginning or ending with /", ok: isTopic},
}

// form reports a text that does not have the form of its field.
func (r *reader) form(n *node, name, path string) {
	f, known := forms[name]
	switch {
	case !known || f.ok(n.text):
	case f.secret:
		r.report(n.at, path, "not in the right form", f.want, nearForm(name, n.text))
	default:
		r.report(n.at, path, n.quoted()+" is not possible", f.want, "")
	}
}

// nearForm corrects what is certainly no secret: the scheme of a server.
func nearForm(name, text string) string {
	if strings.HasPrefix(text, "mqtt://") && name == "server" {
		return "tcp://"
	}
	return ""
}

func isAbsolute(s string) bool {
	return filepath.IsAbs(s) && !strings.ContainsAny(s, "\n\x00")
}

func isListen(s string) bool { return s == "off" || isHostPort(s, true) }

// isHostPort takes names and addresses alike; an empty host listens everywhere.
func isHostPort(s string, emptyHost bool) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil || strings.ContainsAny(host, " /@") || host == "" && !emptyHost {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && port[0] != '0'
}

func isServer(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "tcp" && isHostPort(u.Host, false) &&
		u.User == nil && u.Path == "" && u.RawQuery == "" && u.Fragment == ""
}

// isTopic keeps to what MQTT 3.1.1 section 4.7 lets a topic name hold.
func isTopic(s string) bool {
	return s != "" && !strings.ContainsAny(s, "+#\x00\n$") && len(s) <= 256 &&
		!strings.HasPrefix(s, "/") && !strings.HasSuffix(s, "/") && !strings.Contains(s, "//")
}
