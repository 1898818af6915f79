package page

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// policy lets the page load its own style, script and icon and talk to its own
// gateway, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// guard turns away what the page never asks for: other methods than GET and
// HEAD but for its own forms, and hosts that are not this gateway.
func guard(hosts []string, next http.Handler) http.Handler {
	known := map[string]bool{"localhost": true}
	forms := map[string]bool{"/login": true, "/logout": true, "/acknowledge": true}
	for _, h := range hosts {
		known[hostname(h)] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		// Not no-referrer: under it browsers send "Origin: null" with our own forms,
		// and over plain HTTP there is no Sec-Fetch-Site beside it (Fetch standard,
		// "append a request Origin header"; W3C Fetch Metadata section 2).
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if r.Method == http.MethodPost && forms[r.URL.Path] {
			if foreign(r) {
				refuse(w, http.StatusForbidden, "refuse.foreign")
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		} else if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "refuse.method")
			return
		}
		name := hostname(r.Host)
		if _, err := netip.ParseAddr(name); err != nil && !known[name] {
			refuse(w, http.StatusMisdirectedRequest, "refuse.name")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refuse answers with a sentence in both languages: who asked so gave no sign of
// which they read, or is a program.
func refuse(w http.ResponseWriter, code int, key string) {
	http.Error(w, newPhrase(zh).get(key)+"\n"+newPhrase(en).get(key), code)
}

// foreign reports a form that another site's page sent, as browsers say it: by
// Sec-Fetch-Site, the older ones by Origin. What marks a form as ours beyond that
// is the session's token in it.
func foreign(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site != "same-origin" && site != "none"
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, r.Host)
}

// hostname is a Host header's name or address, lower case, without port,
// brackets or the dot at the end.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
