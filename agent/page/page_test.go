package page_test

import (
	"compress/gzip"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"watchpost/agent/page"
	"watchpost/agent/page/pagetest"
	"watchpost/agent/people"
	"watchpost/drivers"
)

func newPage(t *testing.T, o page.Options) *page.Page {
	t.Helper()
	p, err := page.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func handler(t *testing.T, v page.View) http.Handler {
	t.Helper()
	return newPage(t, page.Options{Source: pagetest.NewSource(v), Hosts: []string{"gw-0317.local"}}).Handler()
}

// inside is a page as somebody sees it who gave the password.
func inside(t *testing.T, o page.Options) http.Handler {
	t.Helper()
	dir := t.TempDir()
	keeper, err := people.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	code, err := people.Code(dir)
	if err != nil {
		t.Fatal(err)
	}
	session, err := keeper.SetUp(netip.Addr{}, code, "老王", "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	o.People = keeper
	h := newPage(t, o).Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.AddCookie(&http.Cookie{Name: "session", Value: session.Token})
		h.ServeHTTP(w, r)
	})
}

// get asks for a path; headers are given as key, value, key, value.
func get(h http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "192.168.1.20:8080"
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func state(name string) pagetest.State {
	for _, s := range pagetest.States() {
		if s.Name == name {
			return s
		}
	}
	return pagetest.State{}
}

var (
	update   = flag.Bool("update", false, "write the golden pages anew")
	hashed   = regexp.MustCompile(`/a/(\w+)\.[0-9a-f]{12}\.`)
	external = regexp.MustCompile(`(?i)(?:https?:)?//[a-z0-9]|url\(|@import`)
	csrf     = regexp.MustCompile(`name="csrf" value="[^"]*"`)
	banner   = regexp.MustCompile(`data-part="banner" data-state="(\w+)"`)
)

func TestGolden(t *testing.T) {
	for _, s := range pagetest.States() {
		h := handler(t, s.View)
		for _, lang := range []string{"zh", "en"} {
			got := hashed.ReplaceAllString(get(h, "/?lang="+lang).Body.String(), "/a/$1.HASH.")
			if m := banner.FindStringSubmatch(got); m == nil || m[1] != s.Banner {
				t.Errorf("%s %s: banner %v, want %s", s.Name, lang, m, s.Banner)
			}
			if !strings.HasSuffix(strings.TrimSpace(got), "</html>") {
				t.Errorf("%s %s: the page is cut short", s.Name, lang)
			}
			golden(t, s.Name+"."+lang, got)
		}
	}
	// What a card reader counts is shown to those who gave the password.
	h := inside(t, page.Options{Source: pagetest.NewSource(state("misreads").View)})
	for _, lang := range []string{"zh", "en"} {
		got := hashed.ReplaceAllString(get(h, "/?lang="+lang).Body.String(), "/a/$1.HASH.")
		golden(t, "inside."+lang, csrf.ReplaceAllString(got, `name="csrf" value="TOKEN"`))
	}
}

// golden compares a page with the one that is kept.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name+".html")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), -update if meant:\n%s", name, diff)
	}
}

// sensorRow is the HTML of the sensor with that name.
func sensorRow(t *testing.T, html, name string) string {
	t.Helper()
	for _, row := range strings.Split(html, `<li class="row sensor`)[1:] {
		if strings.Contains(row, ">"+name+"</a></b>") {
			return strings.Split(row, "</li>")[0]
		}
	}
	t.Fatalf("no row for %s", name)
	return ""
}

// A fault shows neither its zero value nor the word for normal, even if the
// source left a value in it.
func TestFaultIsNeverAValue(t *testing.T) {
	v := state("fault").View
	zero := drivers.Int(0)
	v.Sensors[1].Value = &zero
	v.Sensors[2].Quality, v.Sensors[2].Reason = drivers.Fault, drivers.NoAnswer // a smoke contact at rest
	row := sensorRow(t, get(handler(t, v), "/").Body.String(), "消防水箱")
	smoke := sensorRow(t, get(handler(t, v), "/").Body.String(), "烟感 2F")
	for name, html := range map[string]string{"level": row, "smoke": smoke} {
		if !strings.Contains(html, "故障") || !strings.Contains(html, `class="value none"`) {
			t.Errorf("%s: the fault is not shown: %s", name, html)
		}
		if strings.Contains(html, "正常") || strings.Contains(html, "无烟") || strings.Contains(html, ">0<") {
			t.Errorf("%s: the fault looks like a value: %s", name, html)
		}
	}
	api := get(handler(t, v), "/api/v1/view").Body.String()
	if strings.Count(api, `"value": null`) != 2+strings.Count(api, `"withheld": true`) {
		t.Errorf("the JSON gives a fault a value: %s", api)
	}
}

func TestStaleIsSaid(t *testing.T) {
	v := state("ok").View
	v.Sensors[0].At = v.Now.Add(-3 * v.Sensors[0].Period)
	if row := sensorRow(t, get(handler(t, v), "/").Body.String(), "地下车库集水井"); strings.Contains(row, "数据已过时") {
		t.Errorf("stale at exactly three periods: %s", row)
	}
	v.Sensors[0].At = v.Sensors[0].At.Add(-1)
	if row := sensorRow(t, get(handler(t, v), "/").Body.String(), "地下车库集水井"); !strings.Contains(row, "数据已过时") {
		t.Errorf("past three periods and not stale: %s", row)
	}
}

// Views come once a second; a sensor sampled five times as often must not look
// stale between two of them.
func TestFastSensorIsNotStaleBetweenViews(t *testing.T) {
	v := state("ok").View
	v.Sensors[0].Period = 200 * time.Millisecond
	v.Sensors[0].At = v.Now.Add(-3 * time.Second)
	if row := sensorRow(t, get(handler(t, v), "/").Body.String(), "地下车库集水井"); strings.Contains(row, "数据已过时") {
		t.Errorf("stale after 3 s: %s", row)
	}
	v.Sensors[0].At = v.Sensors[0].At.Add(-1)
	if row := sensorRow(t, get(handler(t, v), "/").Body.String(), "地下车库集水井"); !strings.Contains(row, "数据已过时") {
		t.Errorf("not stale past 3 s: %s", row)
	}
}

func TestHostileNamesAreEscaped(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>'`
	v := state("everything").View
	v.Gateway = page.Gateway{ID: evil, Compound: evil, Building: evil}
	v.Version, v.Run = evil, evil
	for i := range v.Sensors {
		v.Sensors[i].ID, v.Sensors[i].NameZH, v.Sensors[i].NameEN, v.Sensors[i].Place = evil, evil, evil, evil
		v.Sensors[i].Unit = evil
	}
	for i := range v.Alarms {
		v.Alarms[i].TextZH, v.Alarms[i].TextEN = evil, evil
	}
	for i := range v.Conditions {
		v.Conditions[i].Detail, v.Conditions[i].Subject = evil, evil
	}
	v.Platforms[0].ID, v.Platforms[0].LastError = evil, evil
	v.Events[0].TextZH, v.Events[0].TextEN = evil, evil
	for _, path := range []string{"/?lang=zh", "/?lang=en", "/fragment"} {
		html := get(handler(t, v), path).Body.String()
		if strings.Contains(html, "<img") || strings.Contains(html, "<script>") || strings.Contains(html, `"><`+"script") {
			t.Errorf("%s: hostile text came through", path)
		}
		if !strings.Contains(html, "&lt;script&gt;") {
			t.Errorf("%s: the hostile text is not there at all, so this test proves nothing", path)
		}
	}
	if got := get(handler(t, v), "/api/v1/view").Header().Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
		t.Errorf("JSON is sent as %q", got)
	}
}

// The whole first load stays within 60 KB gzip and 8 requests, all of them to
// this gateway.
func TestBudgetAndNothingExternal(t *testing.T) {
	h := handler(t, state("everything").View)
	paths := []string{"/"}
	for _, m := range regexp.MustCompile(`(?:src|href)="(/a/[^"]+)"`).FindAllStringSubmatch(get(h, "/").Body.String(), -1) {
		paths = append(paths, m[1])
	}
	if len(paths) != 4 {
		t.Errorf("requests %v, want the page, its style, script and icon", paths)
	}
	total := 0
	for _, path := range paths {
		w := get(h, path, "Accept-Encoding", "gzip")
		total += w.Body.Len()
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		body, err := io.ReadAll(z)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		text := strings.ReplaceAll(string(body), "http://www.w3.org/2000/svg", "") // a name, not an address
		if found := external.FindString(text); found != "" {
			t.Errorf("%s refers to the outside: %q", path, found)
		}
		if regexp.MustCompile(`<style|<script>| style=| on[a-z]+="`).MatchString(text) {
			t.Errorf("%s has script or style in line", path)
		}
	}
	t.Logf("first load: %d bytes", total)
	if total > 60_000 {
		t.Errorf("first load is %d bytes, want at most 60000", total)
	}
	for _, planted := range []string{`<img src="https://cdn.example/x">`, `<a href="//cdn.example">`, `@import "x"`} {
		if !external.MatchString(planted) {
			t.Errorf("the check does not see %s", planted)
		}
	}
}

func TestLanguage(t *testing.T) {
	h := handler(t, state("ok").View)
	for _, c := range []struct {
		name, path, accept, cookie, want string
	}{
		{"nothing said", "/", "", "", "zh-CN"},
		{"browser prefers English", "/", "en-GB,en;q=0.9,zh;q=0.5", "", "en"},
		{"weights count", "/", "en;q=0.4, zh-CN;q=0.8", "", "zh-CN"},
		{"ruled out", "/", "en;q=0", "", "zh-CN"},
		{"neither", "/", "fr", "", "zh-CN"},
		{"cookie over browser", "/", "en", "zh", "zh-CN"},
		{"address over cookie", "/?lang=en", "zh", "zh", "en"},
		{"unknown in address", "/?lang=xx", "", "en", "en"},
	} {
		w := get(h, c.path, "Accept-Language", c.accept, "Cookie", "lang="+c.cookie)
		if got := w.Header().Get("Content-Language"); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if set, asked := w.Header().Get("Set-Cookie") != "", c.path == "/?lang=en"; set != asked {
			t.Errorf("%s: cookie set %v, want %v", c.name, set, asked)
		}
	}
}

func TestGuard(t *testing.T) {
	h := handler(t, state("ok").View)
	for _, c := range []struct {
		method, host string
		want         int
	}{
		{"GET", "192.168.1.20", 200}, {"HEAD", "192.168.1.20:8080", 200}, {"GET", "[fe80::1]:8080", 200},
		{"GET", "localhost:8080", 200}, {"GET", "GW-0317.local.", 200},
		{"GET", "evil.example", 421}, {"GET", "localhost.evil.example", 421}, {"GET", "", 421},
		{"GET", "192.168.1.20.evil.example", 421},
		{"POST", "192.168.1.20", 405}, {"DELETE", "192.168.1.20", 405}, {"OPTIONS", "192.168.1.20", 405},
	} {
		r := httptest.NewRequest(c.method, "/", nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s with host %q: %d, want %d", c.method, c.host, w.Code, c.want)
		}
		if said := w.Body.String(); w.Code != 200 && (!strings.Contains(said, "本") || !strings.ContainsAny(said, "abcdefgh")) {
			t.Errorf("%s with host %q is refused in one language: %s", c.method, c.host, said)
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s with host %q: policy %q", c.method, c.host, csp)
		}
	}
}

func TestAssetsAreCachedByContent(t *testing.T) {
	h := handler(t, state("ok").View)
	path := regexp.MustCompile(`/a/page\.[0-9a-f]+\.css`).FindString(get(h, "/").Body.String())
	w := get(h, path)
	if !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("Cache-Control %q", w.Header().Get("Cache-Control"))
	}
	if again := get(h, path, "If-None-Match", w.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("with its ETag: %d and %d bytes, want 304 and none", again.Code, again.Body.Len())
	}
	if old := get(h, "/a/page.000000000000.css"); old.Code != http.StatusNotFound {
		t.Errorf("another hash: %d, want 404", old.Code)
	}
}
