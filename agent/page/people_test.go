package page_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"watchpost/agent/page"
	"watchpost/agent/page/pagetest"
	"watchpost/agent/people"
	"watchpost/agent/record"
)

// office is a page with a password, and what it acknowledged.
type office struct {
	t      *testing.T
	dir    string
	url    string
	acks   []string
	refuse error

	handler http.Handler
	source  *pagetest.Source
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir()}
	keeper, err := people.Open(o.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	var view page.View
	for _, s := range pagetest.States() {
		if s.Name == "alarm" {
			view = s.View
		}
	}
	view.Alarms[0].ID, view.Alarms[0].State = "GW-0317/0011223344556677-3/17", record.Raised
	o.source = pagetest.NewSource(view)
	p, err := page.New(page.Options{
		Source: o.source, People: keeper,
		Acknowledge: func(_ context.Context, alarm, by, note string) error {
			o.acks = append(o.acks, alarm+" by "+by+": "+note)
			return o.refuse
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	o.handler = p.Handler()
	server := httptest.NewServer(o.handler)
	t.Cleanup(server.Close)
	o.url = server.URL
	return o
}

// person is a browser.
type person struct {
	o      *office
	client *http.Client
}

func (o *office) person() *person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		o.t.Fatal(err)
	}
	return &person{o: o, client: &http.Client{Jar: jar, Timeout: 30 * time.Second}}
}

func (p *person) do(req *http.Request) (code int, body string) {
	p.o.t.Helper()
	res, err := p.client.Do(req)
	if err != nil {
		p.o.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		p.o.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func (p *person) get(path string) (code int, body string) {
	p.o.t.Helper()
	req, err := http.NewRequest(http.MethodGet, p.o.url+path, nil)
	if err != nil {
		p.o.t.Fatal(err)
	}
	return p.do(req)
}

func (p *person) post(path string, form url.Values, header ...string) (code int, body string) {
	p.o.t.Helper()
	req, err := http.NewRequest(http.MethodPost, p.o.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.o.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return p.do(req)
}

var hidden = regexp.MustCompile(`<input type="hidden" name="(csrf|alarm)" value="([^"]*)">`)

// form is the acknowledging form of a page.
func form(body string) url.Values {
	values := url.Values{}
	at := strings.Index(body, `action="/acknowledge"`)
	if at < 0 {
		return values
	}
	for _, m := range hidden.FindAllStringSubmatch(body[at:at+600], 2) {
		values.Set(m[1], m[2])
	}
	return values
}

func (o *office) setUp(p *person) {
	o.t.Helper()
	code, err := people.Code(o.dir)
	if err != nil {
		o.t.Fatal(err)
	}
	if status, body := p.post("/login", url.Values{"code": {code}, "name": {"老王"}, "password": {"correct horse"}}); status != http.StatusOK || !strings.Contains(body, "老王") {
		o.t.Fatalf("set-up answers %d:\n%s", status, body)
	}
}

func TestAcknowledgeInThreeSteps(t *testing.T) {
	o := newOffice(t)
	o.setUp(o.person())
	p := o.person()
	_, body := p.get("/")
	if !strings.Contains(body, `href="/login"`) || strings.Contains(body, `action="/acknowledge"`) {
		t.Fatalf("without a session the page shows\n%s", body)
	}
	status, body := p.post("/login", url.Values{"name": {"小李"}, "password": {"correct horse"}})
	values := form(body)
	if status != http.StatusOK || values.Get("csrf") == "" || values.Get("alarm") != "GW-0317/0011223344556677-3/17" {
		t.Fatalf("after the login %d, form %v", status, values)
	}
	values.Set("note", "已派人")
	if status, _ = p.post("/acknowledge", values); status != http.StatusOK {
		t.Errorf("acknowledging answers %d", status)
	}
	if want := "GW-0317/0011223344556677-3/17 by 小李: 已派人"; len(o.acks) != 1 || o.acks[0] != want {
		t.Errorf("acknowledged %q, want %q", o.acks, want)
	}
	for refuse, want := range map[error]string{page.ErrOver: "不用再点了", page.ErrNotKept: "断电后要再点一次"} {
		o.refuse = fmt.Errorf("acknowledge alarm: %w", refuse)
		if status, body = p.post("/acknowledge", values); status != http.StatusConflict || !strings.Contains(body, want) || strings.Contains(body, "acknowledge") {
			t.Errorf("%v: %d %s", refuse, status, body)
		}
	}
	o.refuse = errors.New("alarm is over")
	if status, body = p.post("/acknowledge", values); status != http.StatusConflict || !strings.Contains(body, "alarm is over") {
		t.Errorf("a refused acknowledgement answers %d %s", status, body)
	}
}

func TestNobodyAcknowledgesForAnother(t *testing.T) {
	o := newOffice(t)
	p := o.person()
	o.setUp(p)
	_, body := p.get("/")
	good := form(body)
	without := url.Values{"alarm": good["alarm"]}
	wrong := url.Values{"alarm": good["alarm"], "csrf": {"AAAA"}}
	for name, try := range map[string]func() (int, string){
		"no session":          func() (int, string) { return o.person().post("/acknowledge", good) },
		"no token":            func() (int, string) { return p.post("/acknowledge", without) },
		"wrong token":         func() (int, string) { return p.post("/acknowledge", wrong) },
		"another site":        func() (int, string) { return p.post("/acknowledge", good, "Sec-Fetch-Site", "cross-site") },
		"another site, older": func() (int, string) { return p.post("/acknowledge", good, "Origin", "http://evil.example") },
		"too long": func() (int, string) {
			return p.post("/acknowledge", url.Values{"csrf": good["csrf"], "note": {strings.Repeat("x", 8000)}})
		},
		"a GET": func() (int, string) { return p.get("/acknowledge?" + good.Encode()) },
	} {
		status, body := try()
		if len(o.acks) != 0 {
			t.Fatalf("%s: acknowledged, %d", name, status)
		}
		if asked := strings.Contains(body, `type="password"`); asked != (name == "no session") || status == http.StatusOK && !asked {
			t.Errorf("%s answers %d, the password is asked for: %v", name, status, asked)
		}
	}
	if status, _ := p.post("/acknowledge", good, "Origin", o.url, "Sec-Fetch-Site", "same-origin"); status != http.StatusOK || len(o.acks) != 1 {
		t.Errorf("the page's own form answers %d, %d acknowledged", status, len(o.acks))
	}
}

// Who passed which door is for those who gave the password.
func TestCardsAreForThoseWhoGaveThePassword(t *testing.T) {
	o := newOffice(t)
	in, out := o.person(), o.person()
	o.setUp(in)
	for _, path := range []string{"/", "/fragment", "/api/v1/view", "/?lang=en"} {
		if _, body := out.get(path); strings.Contains(body, "3f9a") {
			t.Errorf("%s shows a card to anybody", path)
		}
		if _, body := in.get(path); !strings.Contains(body, "3f9a") {
			t.Errorf("%s hides the card from somebody with the password", path)
		}
	}
	_, body := in.get("/")
	at := strings.Index(body, `action="/logout"`)
	token := hidden.FindStringSubmatch(body[at:])[2]
	in.post("/logout", url.Values{"csrf": {token}})
	if _, body := in.get("/"); strings.Contains(body, "3f9a") {
		t.Error("the card is shown after the logout")
	}
}

func TestLoginRefusals(t *testing.T) {
	o := newOffice(t)
	p := o.person()
	if _, body := p.get("/login"); !strings.Contains(body, `name="code"`) || !strings.Contains(body, "setup-code") {
		t.Errorf("the first visit shows\n%s", body)
	}
	if status, body := p.post("/login", url.Values{"code": {"AAAA-AAAA-AAAA"}, "name": {"x"}, "password": {"long enough"}}); status != http.StatusForbidden || !strings.Contains(body, "安装码不对") {
		t.Errorf("a wrong code answers %d\n%s", status, body)
	}
	o.setUp(p)
	stranger := o.person()
	for range 6 {
		stranger.post("/login", url.Values{"name": {"x"}, "password": {"wrong guess"}})
	}
	status, body := stranger.post("/login", url.Values{"name": {"<b>x"}, "password": {"correct horse"}})
	if status != http.StatusTooManyRequests || !strings.Contains(body, "秒后再试") || strings.Contains(body, "<b>x") {
		t.Errorf("after six wrong tries %d\n%s", status, body)
	}
	for next, want := range map[string]string{"//evil.example/": "/", "https://evil.example": "/", `/\evil.example`: "/", "/?lang=en": "/?lang=en"} {
		if _, body := o.person().get("/login?next=" + url.QueryEscape(next)); !strings.Contains(body, `name="next" value="`+want+`"`) {
			t.Errorf("next %q is not taken for %q:\n%s", next, want, body)
		}
	}
}
