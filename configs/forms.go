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
	want Words
	ok   func(string) bool
	// pattern is for the schema: all that ok takes matches it, and much of what
	// ok does not take does not.
	pattern string
	// secret values are not printed: a password may have been put there.
	secret bool
}

var identifier = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

var telephone = regexp.MustCompile(`^\+?[0-9][0-9 -]{1,23}[0-9]$`)

// forms by the name in a field's form tag.
var forms = map[string]form{
	"id": {
		want:    Words{"1 至 64 个字母、数字、_ 和 -，以字母或数字开头", "1 to 64 letters, digits, _ and -, beginning with a letter or digit"},
		ok:      identifier.MatchString,
		pattern: identifier.String(),
	},
	"directory": {want: Words{"绝对路径，如 /var/lib/watchpost", "an absolute path, such as /var/lib/watchpost"}, ok: isAbsolute, pattern: `^/`},
	"file":      {want: Words{"文件的绝对路径，如 /etc/watchpost/password", "the absolute path of a file, such as /etc/watchpost/password"}, ok: isAbsolute, pattern: `^/`, secret: true},
	"line":      {want: Words{"GPIO 线，如 gpiochip0:22", "a GPIO line, such as gpiochip0:22"}, ok: isLine, pattern: `^\S+$`},
	"listen":    {want: Words{"主机:端口，如 127.0.0.1:8080；或 off", "host:port, such as 127.0.0.1:8080, or off"}, ok: isListen, pattern: `^(off|.*:[1-9][0-9]{0,4})$`},
	"server":    {want: Words{"tls://主机:端口，或 tcp://主机:端口", "tls://host:port or tcp://host:port"}, ok: isServer, pattern: `^(tls|tcp)://[^/@ ]+:[1-9][0-9]{0,4}$`, secret: true},
	"host":      {want: Words{"主机名或 IP 地址，如 mqtt.example.com；不带端口", "a host name or IP address, such as mqtt.example.com, without a port"}, ok: isHost, pattern: `^[A-Za-z0-9.:_-]+$`},
	"url":       {want: Words{"https://主机/路径", "https://host/path"}, ok: isURL, pattern: `^https?://[^/@?# ]+(/[^?# ]*)?$`, secret: true},
	"phone":     {want: Words{"电话号码：数字、空格、+ 和 -，如 010-8888 6666", "a telephone number: digits, spaces, + and -, such as 010-8888 6666"}, ok: telephone.MatchString, pattern: telephone.String()},
	"topic":     {want: Words{"主题，如 watchpost/v1；不含 + 和 #，首尾不是 /", "a topic such as watchpost/v1, without + and #, not beginning or ending with /"}, ok: isTopic, pattern: `^[^+#$/]+(/[^+#$/]+)*$`},
}

// form reports a text that does not have the form of its field.
func (r *reader) form(n *node, f field, path string) {
	form, known := forms[f.form]
	if !known || form.ok(n.text) {
		return
	}
	if form.secret {
		r.report(n.at, path, "form", form.want, nearForm(f.form, n.text))
		return
	}
	near := ""
	if folded := fold(n.text); form.ok(folded) {
		near = n.showNear(folded, path)
	}
	code := Code("not-possible")
	if isWide(n.text) {
		code = "wide-character"
	}
	r.report(n.at, path, code, form.want, near, n.quoted(path))
}

// nearForm corrects what is certainly no secret: the scheme of a server.
func nearForm(name, text string) string {
	if name != "server" {
		return ""
	}
	scheme, _, _ := strings.Cut(text, "://")
	switch strings.ToLower(scheme) {
	case "mqtt":
		return "tcp://"
	case "mqtts", "ssl":
		return "tls://"
	}
	return ""
}

func isAbsolute(s string) bool {
	return filepath.IsAbs(s) && !strings.ContainsAny(s, "\n\x00")
}

// numberedLine is a line by its number; written otherwise, 017 for 17, it would
// pass for another line.
var numberedLine = regexp.MustCompile(`^(/dev/)?gpiochip[^:/]*:(0|[1-9][0-9]{0,4})$`)

// isLine takes a line by chip and number, and any other word, since the kernel
// may have that as a line's name.
func isLine(s string) bool {
	if s == "" || strings.ContainsAny(s, " \t\n\x00") || isWide(s) {
		return false
	}
	return !isNumbered(s) || numberedLine.MatchString(s)
}

func isNumbered(s string) bool { return strings.HasPrefix(strings.TrimPrefix(s, "/dev/"), "gpiochip") }

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

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$`)

// isHost takes what a certificate can be for.
func isHost(s string) bool { return hostName.MatchString(s) || net.ParseIP(s) != nil }

func isServer(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "tls" || u.Scheme == "tcp") && isHostPort(u.Host, false) &&
		u.User == nil && u.Path == "" && u.RawQuery == "" && u.Fragment == ""
}

// isURL leaves no place for a token or a password, which have keys of their own.
func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && isInletHost(u) && !strings.ContainsAny(s, "?# \n") &&
		strings.HasPrefix(s, u.Scheme+"://") && u.User == nil && !strings.Contains(u.Host, "@")
}

// isInletHost takes a host with or without a port.
func isInletHost(u *url.URL) bool {
	return u.Hostname() != "" && (u.Port() == "" && !strings.HasSuffix(u.Host, ":") || isHostPort(u.Host, false))
}

// isTopic keeps to what MQTT 3.1.1 section 4.7 lets a topic name hold.
func isTopic(s string) bool {
	return s != "" && !strings.ContainsAny(s, "+#\x00\n$") && len(s) <= 256 &&
		!strings.HasPrefix(s, "/") && !strings.HasSuffix(s, "/") && !strings.Contains(s, "//")
}
