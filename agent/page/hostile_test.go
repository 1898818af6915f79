package page_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"watchpost/agent/page/pagetest"
)

// Over plain HTTP browsers say where a form came from by Origin alone: the own
// page's must get through, and the policy must not make browsers hide it.
func TestOwnFormsComeThroughPlainHTTP(t *testing.T) {
	o := newOffice(t)
	p := o.person()
	o.setUp(p)
	for origin, want := range map[string]int{
		o.url: http.StatusOK, strings.ToUpper(o.url): http.StatusOK,
		"null": http.StatusForbidden, "http://evil.example": http.StatusForbidden, o.url + "0": http.StatusForbidden, "http://a b": http.StatusForbidden,
	} {
		status, _ := o.person().post("/login", url.Values{"name": {"x"}, "password": {"correct horse"}}, "Origin", origin)
		if status != want {
			t.Errorf("a login with Origin %s answers %d, want %d", origin, status, want)
		}
	}
	if got := get(handler(t, state("ok").View), "/").Header().Get("Referrer-Policy"); got != "same-origin" {
		t.Errorf("Referrer-Policy %q: under no-referrer browsers send Origin null with forms of our own", got)
	}
}

// A form, too, is for this gateway only: a name that a foreign site made to
// resolve to it is turned away before the form is read.
func TestFormsOfForeignNamesAreRefused(t *testing.T) {
	o := newOffice(t)
	o.setUp(o.person())
	for _, path := range []string{"/login", "/logout", "/acknowledge"} {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader("name=x&password=correct+horse"))
		r.Host = "evil.example"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "http://evil.example")
		w := httptest.NewRecorder()
		o.handler.ServeHTTP(w, r)
		if w.Code != http.StatusMisdirectedRequest || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s under a foreign name answers %d, cookie %q", path, w.Code, w.Header().Get("Set-Cookie"))
		}
	}
}

// A stream shows cards as long as its session lasts, and no longer.
func TestStreamForgetsWhoLoggedOut(t *testing.T) {
	o := newOffice(t)
	in := o.person()
	o.setUp(in)
	_, body := in.get("/")
	token := hidden.FindStringSubmatch(body[strings.Index(body, `action="/logout"`):])[2]
	r, err := in.client.Get(o.url + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	lines := bufio.NewScanner(r.Body)
	next := func() string {
		var text strings.Builder
		for lines.Scan() && lines.Text() != "" {
			text.WriteString(lines.Text())
		}
		return text.String()
	}
	if !strings.Contains(next(), "3f9a") {
		t.Fatal("the stream hides the card from somebody with the password")
	}
	in.post("/logout", url.Values{"csrf": {token}})
	o.source.Show(state("alarm").View)
	if strings.Contains(next(), "3f9a") {
		t.Error("the stream shows a card after the logout")
	}
}

// What the cookie is like, and that no answer but the assets may be kept.
func TestCookiesAndCaches(t *testing.T) {
	o := newOffice(t)
	planted := http.Cookie{Name: "session", Value: "planted-by-somebody-else"}
	o.setUp(o.person())
	r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader("name=x&password=correct+horse"))
	r.Host = "192.168.1.20"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.AddCookie(&planted)
	w := httptest.NewRecorder()
	o.handler.ServeHTTP(w, r)
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies %v", cookies)
	}
	c := cookies[0]
	if c.Value == planted.Value || len(c.Value) < 22 || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.MaxAge <= 0 || c.MaxAge > 12*60*60 {
		t.Errorf("session cookie %+v", c)
	}
	r = httptest.NewRequest(http.MethodPost, "/logout", strings.NewReader(""))
	r.Host = "192.168.1.20"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w = httptest.NewRecorder()
	o.handler.ServeHTTP(w, r)
	if left := w.Result().Cookies(); len(left) != 1 || left[0].Name != "session" || left[0].Value != "" || left[0].MaxAge >= 0 {
		t.Errorf("a logout leaves %+v", left)
	}
	for _, path := range []string{"/", "/login", "/log", "/t/sump-1", "/fragment", "/api/v1/view", "/api/v1/history?sensor=sump-1", "/metrics", "/livez", "/nothing"} {
		if got := get(o.handler, path).Header().Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s may be kept: %q", path, got)
		}
	}
}

// The page's headers, word for word: a policy is as good as what it forbids.
func TestHeaders(t *testing.T) {
	h := handler(t, state("ok").View)
	for _, path := range []string{"/", "/log", "/api/v1/view", "/nothing"} {
		got := get(h, path).Header()
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
			"X-Content-Type-Options":  "nosniff",
			"X-Frame-Options":         "DENY",
			"Referrer-Policy":         "same-origin",
		} {
			if got.Get(name) != want {
				t.Errorf("%s: %s %q", path, name, got.Get(name))
			}
		}
	}
}

// Another site cannot end a session, nor can a note be of any length.
func TestLogoutAndNotesAreTheirOwners(t *testing.T) {
	o := newOffice(t)
	p := o.person()
	o.setUp(p)
	if status, _ := p.post("/logout", url.Values{"csrf": {"AAAA"}}); status != http.StatusForbidden {
		t.Errorf("a logout with a wrong token answers %d", status)
	}
	_, body := p.get("/")
	values := form(body)
	values.Set("note", " 已派人\r\n\u202e"+strings.Repeat("好", 150))
	if status, _ := p.post("/acknowledge", values); status != http.StatusOK || len(o.acks) != 1 {
		t.Fatalf("acknowledging after another's logout answers %d, %d acknowledged", status, len(o.acks))
	}
	_, note, _ := strings.Cut(o.acks[0], "老王: ")
	if !strings.HasPrefix(note, "已派人  好") || len(note) > 400 || !utf8.ValidString(note) || strings.ContainsAny(note, "\r\n\u202e") {
		t.Errorf("noted %q, %d bytes", note, len(note))
	}
	values.Set("note", strings.Repeat("x", 10_000))
	if status, _ := p.post("/acknowledge", values); status != http.StatusRequestEntityTooLarge || len(o.acks) != 1 {
		t.Errorf("a note of 10 kB answers %d, %d acknowledged", status, len(o.acks))
	}
}

// Whatever is asked, the answer is one that was meant, and none has what is not
// there.
func TestHostileRequests(t *testing.T) {
	o := newOffice(t)
	o.setUp(o.person())
	form := "application/x-www-form-urlencoded"
	for _, c := range []struct {
		method, path, kind, body string
		want                     int
	}{
		{"GET", "/a/../page.go", "", "", http.StatusTemporaryRedirect},
		{"GET", "/a/..%2f..%2fpage.go", "", "", 404},
		{"GET", "/a/", "", "", 404},
		{"GET", "/static/page.html", "", "", 404},
		{"GET", "/t/..%2f..%2fetc%2fpasswd", "", "", 404},
		{"GET", "/t/%00", "", "", 404},
		{"GET", "/log?page=-1", "", "", 200},
		{"GET", "/log?page=99999999999999999999", "", "", 200},
		{"GET", "/api/v1/history?sensor=sump-1&hours=-1", "", "", 400},
		{"GET", "/api/v1/history?sensor=sump-1&hours=9999999999", "", "", 400},
		{"GET", "/fragment?sensor=%3Cscript%3E", "", "", 404},
		{"GET", "/logout", "", "", 405},
		{"GET", "/acknowledge?alarm=x", "", "", 405},
		{"PUT", "/login", form, "name=x", 405},
		{"POST", "/api/v1/view", form, "", 405},
		{"POST", "/login", form, "name=%zz&password=%", 400},
		{"POST", "/login", form, "name=x&password=" + strings.Repeat("x", 1<<20), 413},
		{"POST", "/login", "application/json", `{"name":"x","password":"correct horse"}`, 400},
		{"POST", "/login?name=x&password=correct+horse", form, "", 400},
		{"POST", "/login", "multipart/form-data; boundary=x", "--x\r\nbroken", 400},
		{"POST", "/login", form, "name=%ff%fe&password=correct+horse", 400},
		{"POST", "/login", form, "name=%E2%80%AEx&password=correct+horse", 400},
	} {
		r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
		r.Host = "192.168.1.20"
		if c.kind != "" {
			r.Header.Set("Content-Type", c.kind)
		}
		w := httptest.NewRecorder()
		o.handler.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s %.60s %.40s: %d, want %d", c.method, c.path, c.body, w.Code, c.want)
		}
		if strings.Contains(w.Body.String(), "package page") || strings.Contains(w.Body.String(), "<script>") {
			t.Errorf("%s %s gives away\n%s", c.method, c.path, w.Body)
		}
		for _, cookie := range w.Result().Cookies() {
			if cookie.Name == "session" {
				t.Errorf("%s %s opens a session", c.method, c.path)
			}
		}
	}
}

// Who acknowledged, and what they said, is for those who gave the password.
func TestNamesAreForThoseWhoGaveThePassword(t *testing.T) {
	o := newOffice(t)
	in, out := o.person(), o.person()
	o.setUp(in)
	v := state("alarm").View
	v.Alarms[0].ID, v.Alarms[0].KnownBy, v.Alarms[0].KnownNote, v.Alarms[0].KnownSince = "a", "赵敏", "<i>已派人", pagetest.Now()
	v.Events[0].By, v.Events[0].Note = "赵敏", "<i>已派人"
	o.source.Show(v)
	for _, path := range []string{"/", "/fragment", "/log", "/t/" + v.Alarms[0].Sensor, "/api/v1/view"} {
		if _, body := out.get(path); strings.Contains(body, "赵敏") || strings.Contains(body, "已派人") {
			t.Errorf("%s tells anybody who acknowledged", path)
		}
		if _, body := in.get(path); !strings.Contains(body, "赵敏") || !strings.Contains(body, "已派人") || strings.Contains(body, "<i>已") {
			t.Errorf("%s hides who acknowledged, or does not escape it", path)
		}
	}
	if v.Alarms[0].KnownBy == "" || v.Events[0].By == "" {
		t.Error("the page changed the view it was given")
	}
}
