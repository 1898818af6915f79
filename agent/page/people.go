package page

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"watchpost/agent/people"
	"watchpost/drivers"
)

const (
	sessionCookie = "session"
	// maxForm is what a form may have: a note and a password fit in twice over.
	maxForm = 4 << 10
	// maxNote is how long a note may be, in bytes.
	maxNote = 400
)

// visitor is who asks: somebody who gave the password, or anybody.
type visitor struct {
	people.Session
	known bool
	// offered says that there is a password to give, or to choose.
	offered bool
	// fresh says that nobody has chosen one yet.
	fresh bool
}

// visitor is who made the request.
func (p *Page) visitor(r *http.Request) visitor {
	if p.people == nil {
		return visitor{}
	}
	v := visitor{offered: true}
	v.fresh, _ = p.people.NeedsSetUp() // what is wrong with the file, the log-in says
	if c, err := r.Cookie(sessionCookie); err == nil {
		v.Session, v.known = p.people.Session(c.Value)
	}
	return v
}

// private reports a quantity that tells when people passed.
func private(q drivers.Quantity) bool { return q == drivers.Card || q == drivers.Misread }

// veil keeps of a card reader that it works, and nothing that moves when somebody
// presents a card: no count, no time. Reasons and conditions stay: who is to
// mend a reader must find it.
func veil(x Sensor, now time.Time) Sensor {
	out := Sensor{
		ID: x.ID, NameZH: x.NameZH, NameEN: x.NameEN, Place: x.Place, Quantity: x.Quantity, Unit: x.Unit,
		Quality: x.Quality, Reason: x.Reason, Period: x.Period, veiled: true, old: x.stale(now),
	}
	if x.Quality == drivers.Fault {
		out.Since = x.Since
	}
	return out
}

// looker is who asks for JSON. Beside a session the proof of who may read the data
// directory is taken; it changes nothing.
func (p *Page) looker(r *http.Request) visitor {
	v := p.visitor(r)
	if proof, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && p.people != nil && p.people.Local(proof) {
		v.known = true
	}
	return v
}

// sees is what this visitor may see of a view: who passed which door and when, and
// who acknowledged what, is not for everybody.
func (v visitor) sees(view View) View {
	if v.known {
		return view
	}
	var open []Event
	for _, e := range view.Events {
		if !e.Private {
			e.By, e.Note = "", ""
			open = append(open, e)
		}
	}
	view.Events = open
	view.Sensors = slices.Clone(view.Sensors)
	for i, x := range view.Sensors {
		if private(x.Quantity) {
			view.Sensors[i] = veil(x, view.Now)
		}
	}
	view.Alarms = slices.Clone(view.Alarms)
	for i := range view.Alarms {
		view.Alarms[i].KnownBy, view.Alarms[i].KnownNote = "", ""
	}
	return view
}

// entry is what the page that asks for the password shows.
type entry struct {
	Lang        lang
	SetUp       bool
	Message     string
	Name        string
	Next        string
	Style, Icon string
}

// serveLogin asks for the password, or at the first visit for the set-up code
// and a password to choose.
func (p *Page) serveLogin(w http.ResponseWriter, r *http.Request) {
	if p.people == nil {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodPost {
		p.askPassword(w, r, http.StatusOK, entry{Next: local(r.URL.Query().Get("next"))})
		return
	}
	if !readForm(w, r) {
		return
	}
	next, name, password := local(r.PostForm.Get("next")), strings.TrimSpace(r.PostForm.Get("name")), r.PostForm.Get("password")
	var session people.Session
	needs, err := p.people.NeedsSetUp()
	switch {
	case err != nil:
	case needs:
		session, err = p.people.SetUp(address(r), r.PostForm.Get("code"), name, password)
	default:
		session, err = p.people.Login(address(r), name, password)
	}
	if err != nil {
		code, message := p.refusal(language(r), err)
		if soon, tooSoon := errors.AsType[*people.TooSoonError](err); tooSoon {
			w.Header().Set("Retry-After", strconv.Itoa(int(soon.Wait/time.Second)+1))
		}
		p.askPassword(w, r, code, entry{Next: next, Name: name, Message: message})
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: session.Token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		MaxAge: int(time.Until(session.Until) / time.Second),
	})
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// refusal is what is said to somebody who was not let in.
func (p *Page) refusal(in lang, err error) (code int, message string) {
	words := newPhrase(in)
	soon, tooSoon := errors.AsType[*people.TooSoonError](err)
	switch {
	case tooSoon:
		return http.StatusTooManyRequests, words.fill("login.wait", uint64(soon.Wait/time.Second)+1, "")
	case errors.Is(err, people.ErrWrong):
		return http.StatusForbidden, words.get("login.wrong")
	case errors.Is(err, people.ErrPassword):
		return http.StatusBadRequest, words.get("login.length")
	case errors.Is(err, people.ErrName):
		return http.StatusBadRequest, words.get("login.noname")
	case errors.Is(err, people.ErrSetUp), errors.Is(err, people.ErrNotSetUp):
		return http.StatusConflict, words.get("login.again")
	}
	p.log.Error("nobody can log in", "err", err)
	return http.StatusInternalServerError, words.get("login.broken")
}

func (p *Page) askPassword(w http.ResponseWriter, r *http.Request, code int, e entry) {
	needs, err := p.people.NeedsSetUp()
	if err != nil && e.Message == "" {
		code, e.Message = p.refusal(language(r), err)
	}
	e.Lang, e.SetUp = language(r), needs
	html, err := p.look.login(e)
	if err != nil {
		p.log.Error("page not rendered", "err", err)
		refuse(w, http.StatusInternalServerError, "refuse.made")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(html) // the reader is gone; nobody is left to tell
}

// serveLogout ends the session.
func (p *Page) serveLogout(w http.ResponseWriter, r *http.Request) {
	if !readForm(w, r) {
		return
	}
	v := p.visitor(r)
	if v.known && !p.meant(r, v) {
		http.Error(w, newPhrase(language(r)).get("login.again"), http.StatusForbidden)
		return
	}
	if v.known {
		p.people.Logout(v.Token)
	}
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: -1})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// serveAcknowledge takes note that somebody knows of an alarm. Without a session
// it asks for the password first.
func (p *Page) serveAcknowledge(w http.ResponseWriter, r *http.Request) {
	if !readForm(w, r) {
		return
	}
	v := p.visitor(r)
	switch {
	case p.acknowledge == nil || !v.offered:
		http.NotFound(w, r)
		return
	case !v.known:
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	case !p.meant(r, v):
		http.Error(w, newPhrase(language(r)).get("login.again"), http.StatusForbidden)
		return
	}
	alarm := r.PostForm.Get("alarm")
	if err := p.acknowledge(r.Context(), alarm, v.Name, oneLine(r.PostForm.Get("note"))); err != nil {
		p.log.Warn("alarm not acknowledged", "err", err)
		words := newPhrase(language(r))
		said := fmt.Sprintf("%s%s%v", words.get("ack.failed"), words.get("reason.open"), err)
		switch {
		case errors.Is(err, ErrOver):
			said = words.get("ack.over")
		case errors.Is(err, ErrNotKept):
			said = words.get("ack.memory")
		}
		w.Header().Set("Refresh", "8; url=/") // back to the page, after it was read
		http.Error(w, said, http.StatusConflict)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// oneLine is a note as it is kept: what can be seen of it, in one line, cut where
// it gets too long.
func oneLine(note string) string {
	note = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsGraphic(r):
			return r
		}
		return -1
	}, strings.ToValidUTF8(note, "")))
	if len(note) > maxNote {
		note = strings.ToValidUTF8(note[:maxNote], "")
	}
	return note
}

// readForm reads a form from the body alone: what stands in an address stays in
// histories and logs. It answers for itself when there is none to read.
func readForm(w http.ResponseWriter, r *http.Request) bool {
	err := r.ParseForm()
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // an unreadable one is no form of ours
	if err == nil && kind == "application/x-www-form-urlencoded" {
		return true
	}
	code := http.StatusBadRequest
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		code = http.StatusRequestEntityTooLarge
	}
	refuse(w, code, "refuse.form")
	return false
}

// meant reports whether a form came from this session's own page.
func (p *Page) meant(r *http.Request, v visitor) bool {
	return v.CSRF != "" && subtle.ConstantTimeCompare([]byte(r.PostForm.Get("csrf")), []byte(v.CSRF)) == 1
}

// local is a path on this page, and nothing else.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || next == "" || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(next, "//") || strings.Contains(next, `\`) {
		return "/"
	}
	return u.RequestURI()
}

// address is where a request came from.
func address(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return addr
}
