package page

import (
	"cmp"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (p *Page) routes(metrics func(io.Writer)) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", p.serveHTML("page.html"))
	mux.HandleFunc("/fragment", p.serveHTML("view"))
	mux.HandleFunc("/events", p.serveEvents)
	mux.HandleFunc("/login", p.serveLogin)
	mux.HandleFunc("POST /logout", p.serveLogout)
	mux.HandleFunc("POST /acknowledge", p.serveAcknowledge)
	mux.HandleFunc("/t/{sensor}", p.serveThing)
	mux.HandleFunc("/log", p.serveLog)
	mux.HandleFunc("/a/", p.serveAsset)
	mux.HandleFunc("/api/v1/view", p.serveJSON)
	mux.HandleFunc("/api/v1/history", p.serveHistory)
	mux.HandleFunc("/livez", p.serveProbe(func() error { return p.probe.Live() }))
	mux.HandleFunc("/readyz", p.serveProbe(func() error { return p.probe.Ready() }))
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		if metrics != nil {
			metrics(w)
		}
	})
	return mux
}

func (p *Page) serveHTML(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if id := r.URL.Query().Get("sensor"); id != "" && name == "view" {
			p.serveSensor(w, r, id, "thing")
			return
		}
		p.sendHTML(w, r, name, p.source.View(), nil)
	}
}

// sendHTML renders a page, or a part of one.
func (p *Page) sendHTML(w http.ResponseWriter, r *http.Request, name string, v View, add func(*shaper, *model)) {
	in := language(r)
	if asked := r.URL.Query().Get("lang"); asked == string(in) && strings.HasSuffix(name, ".html") {
		http.SetCookie(w, &http.Cookie{
			Name: "lang", Value: asked, Path: "/", MaxAge: 365 * 24 * 60 * 60,
			HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
	}
	html, err := p.look.renderWith(name, v, in, p.visitor(r), add)
	if err != nil {
		p.log.Error("page not rendered", "err", err)
		refuse(w, http.StatusInternalServerError, "refuse.made")
		return
	}
	w.Header().Set("Content-Language", map[lang]string{zh: "zh-CN", en: "en"}[in])
	p.send(w, r, "text/html; charset=utf-8", html)
}

func (p *Page) serveAsset(w http.ResponseWriter, r *http.Request) {
	a, ok := p.look.assets[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("ETag", a.etag)
	h.Set("Vary", "Accept-Encoding")
	if slices.Contains(strings.Split(strings.ReplaceAll(r.Header.Get("If-None-Match"), " ", ""), ","), a.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", a.kind)
	body := a.body
	if acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = a.gz
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the reader is gone; nobody is left to tell
}

func (p *Page) serveProbe(ask func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if p.probe != nil {
			if err := ask(); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
		}
		_, _ = io.WriteString(w, "ok\n") // as above
	}
}

// send writes a body made for this request, compressed where that is accepted.
func (p *Page) send(w http.ResponseWriter, r *http.Request, kind string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Vary", "Accept-Encoding, Accept-Language, Cookie")
	if acceptsGzip(r) {
		if gz, err := squeeze(body); err == nil {
			h.Set("Content-Encoding", "gzip")
			body = gz
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the reader is gone; nobody is left to tell
}

// acceptsGzip reports whether the client takes gzip, which it may also rule out
// with a weight of 0.
func acceptsGzip(r *http.Request) bool {
	for _, o := range weighted(r.Header.Get("Accept-Encoding")) {
		if o.name == "gzip" {
			return true
		}
	}
	return false
}

// language is the one asked for by ?lang=, else by the cookie, else the first
// of ours in Accept-Language, else Chinese.
func language(r *http.Request) lang {
	if l := lang(r.URL.Query().Get("lang")); l == zh || l == en {
		return l
	}
	if c, err := r.Cookie("lang"); err == nil {
		if l := lang(c.Value); l == zh || l == en {
			return l
		}
	}
	for _, o := range weighted(r.Header.Get("Accept-Language")) {
		primary, _, _ := strings.Cut(o.name, "-")
		if l := lang(primary); l == zh || l == en {
			return l
		}
	}
	return zh
}

type option struct {
	name   string
	weight float64
}

// weighted reads a list such as "en;q=0.8, zh" (RFC 9110 section 12.4.2), best
// first, without what has weight 0.
func weighted(header string) []option {
	var out []option
	for part := range strings.SplitSeq(header, ",") {
		name, rest, _ := strings.Cut(part, ";")
		o := option{name: strings.ToLower(strings.TrimSpace(name)), weight: 1}
		if q, ok := strings.CutPrefix(strings.TrimSpace(rest), "q="); ok {
			weight, err := strconv.ParseFloat(q, 64)
			if err != nil {
				continue // an unreadable weight rules the option out
			}
			o.weight = weight
		}
		if o.name != "" && o.weight > 0 {
			out = append(out, o)
		}
	}
	slices.SortStableFunc(out, func(a, b option) int { return cmp.Compare(b.weight, a.weight) })
	return out
}
