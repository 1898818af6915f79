package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"path"
	"strings"
	"time"
)

//go:embed static
var static embed.FS

// asset is an embedded file under a name that changes with its content.
type asset struct {
	path     string // such as /a/page.1a2b3c4d.css
	kind     string // media type
	etag     string
	body, gz []byte
}

// look is the templates and assets; it does not change once made.
type look struct {
	zone   *time.Location
	assets map[string]*asset // by path
	names  map[string]*asset // by file name
	pages  map[lang]*template.Template
}

func newLook(zone *time.Location) (*look, error) {
	l := &look{zone: zone, assets: map[string]*asset{}, names: map[string]*asset{}, pages: map[lang]*template.Template{}}
	for name, kind := range map[string]string{
		"page.css":         "text/css; charset=utf-8",
		"page.js":          "text/javascript; charset=utf-8",
		"chart.js":         "text/javascript; charset=utf-8",
		"vendor/uplot.js":  "text/javascript; charset=utf-8",
		"vendor/uplot.css": "text/css; charset=utf-8",
		"icon.svg":         "image/svg+xml",
	} {
		body, err := static.ReadFile("static/" + name)
		if err != nil {
			return nil, fmt.Errorf("read asset %s: %w", name, err)
		}
		sum := sha256.Sum256(body)
		hash, ext := hex.EncodeToString(sum[:6]), path.Ext(name)
		a := &asset{path: "/a/" + strings.TrimSuffix(path.Base(name), ext) + "." + hash + ext, kind: kind, etag: `"` + hash + `"`, body: body}
		if a.gz, err = squeeze(body); err != nil {
			return nil, fmt.Errorf("compress asset %s: %w", name, err)
		}
		l.assets[a.path], l.names[name] = a, a
	}
	for _, in := range []lang{zh, en} {
		p := newPhrase(in)
		t, err := template.New("page.html").Funcs(template.FuncMap{"t": p.say}).ParseFS(static, "static/*.html")
		if err != nil {
			return nil, fmt.Errorf("parse page: %w", err)
		}
		l.pages[in] = t
	}
	return l, nil
}

// render writes the whole page, or with "view" the part of it that changes.
func (l *look) render(name string, v View, in lang, who visitor) ([]byte, error) {
	return l.renderWith(name, v, in, who, nil)
}

// renderWith is render of what shows more than the view: add puts it in.
func (l *look) renderWith(name string, v View, in lang, who visitor, add func(*shaper, *model)) ([]byte, error) {
	s := &shaper{phrase: newPhrase(in), zone: l.zone, view: who.sees(v)}
	m := s.model()
	m.Visitor, m.CSRF, m.Known, m.Offered, m.Fresh = who.Name, who.CSRF, who.known, who.offered, who.fresh
	m.Script, m.Style, m.Icon = l.names["page.js"].path, l.names["page.css"].path, l.names["icon.svg"].path
	m.ChartScript, m.ChartStyle = []string{l.names["vendor/uplot.js"].path, l.names["chart.js"].path}, l.names["vendor/uplot.css"].path
	if add != nil {
		add(s, &m)
	}
	var out bytes.Buffer
	if err := l.pages[in].ExecuteTemplate(&out, name, m); err != nil {
		return nil, fmt.Errorf("render %s in %s: %w", name, in, err)
	}
	return out.Bytes(), nil
}

// login writes the page that asks for the password.
func (l *look) login(e entry) ([]byte, error) {
	e.Style, e.Icon = l.names["page.css"].path, l.names["icon.svg"].path
	var out bytes.Buffer
	if err := l.pages[e.Lang].ExecuteTemplate(&out, "login", e); err != nil {
		return nil, fmt.Errorf("render login in %s: %w", e.Lang, err)
	}
	return out.Bytes(), nil
}

func squeeze(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
