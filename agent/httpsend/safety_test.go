package httpsend

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"watchpost/agent/link"
	"watchpost/agent/trust"
)

// TestSecretsStayIn looks for token and password in every error and log line,
// with servers that send them back.
func TestSecretsStayIn(t *testing.T) {
	echo := func(status int) func(http.ResponseWriter, *http.Request, int) bool {
		return func(w http.ResponseWriter, r *http.Request, _ int) bool {
			w.Header().Set("Location", "https://city.example/?token="+plantedToken)
			w.WriteHeader(status)
			_, password, _ := r.BasicAuth()
			fmt.Fprintln(w, "you sent", r.Header.Get("Authorization"), password)
			return true
		}
	}
	basic := func(o *Options) {
		o.Credentials = func() (Credentials, error) { return Credentials{Username: "gw", Password: plantedPassword}, nil }
	}
	leaks := func(text string) bool {
		return strings.Contains(text, "hunter2") || strings.Contains(text, "Z3c6cGFzc3cwcmQtaHVudGVyMg")
	}
	for _, status := range []int{302, 307, 400, 401, 413, 500} {
		for _, edit := range []func(*Options){nil, basic} {
			d, logged := client(t, newInlet(t, echo(status)), edit)
			_, err := dial(t, d).Send(t.Context(), batchOf(1))
			if err == nil || leaks(err.Error()) || leaks(logged.String()) || logged.String() == "" {
				t.Errorf("%d: %v\n%s", status, err, logged)
			}
		}
	}
	within := newInlet(t, func(w http.ResponseWriter, r *http.Request, n int) bool {
		if n == 1 {
			http.Redirect(w, r, "/ingest?token="+plantedToken, http.StatusTemporaryRedirect)
		}
		return n == 1
	})
	d, logged := client(t, within, nil)
	if _, err := dial(t, d).Send(t.Context(), batchOf(1)); err != nil || leaks(logged.String()) || !strings.Contains(logged.String(), "status=204") {
		t.Errorf("%v\n%s", err, logged)
	}
	gone := newInlet(t, nil)
	d, logged = client(t, gone, nil)
	gone.Close()
	_, err := dial(t, d).Send(t.Context(), batchOf(1))
	if err == nil || leaks(err.Error()+logged.String()) || strings.Contains(err.Error(), "/ingest") {
		t.Errorf("%v\n%s", err, logged)
	}
	for _, base := range []string{
		"https://gw:hunter2@city.example/", "https://city.example/?token=hunter2", "https://city.example/#hunter2",
		"http://city.example/hunter2", "ftp://hunter2", "https://hunter2:x:y/", "hunter2", "https:hunter2", "https:///hunter2", ":hunter2",
	} {
		if _, err := New(Options{Base: base}); err == nil || leaks(err.Error()) {
			t.Errorf("%s: %v", base, err)
		}
	}
	if !leaks("Bearer "+plantedToken) || !leaks("Basic Z3c6cGFzc3cwcmQtaHVudGVyMg==") {
		t.Error("the search finds nothing")
	}
}

func TestUntrustedServer(t *testing.T) {
	in := newInlet(t, nil)
	unset := func() (time.Time, bool) { return time.Unix(-1e9, 0), false }
	for name, settings := range map[string]trust.Settings{
		"system's roots": {},
		"other name":     {CAFile: caFile(t, in.Server), ServerName: "other.example.org"},
		"1938":           {CAFile: caFile(t, in.Server), Clock: unset},
	} {
		d, _ := client(t, in, func(o *Options) { o.Trust = settings })
		n, err := dial(t, d).Send(t.Context(), batchOf(1))
		if _, ok := errors.AsType[*trust.Error](err); n != 0 || !ok {
			t.Errorf("%s: Send = %d, %v", name, n, err)
		}
		if s := d.Stats(); s.Posts != 1 {
			t.Errorf("%s: tried %d times, want once", name, s.Posts)
		}
	}
	plain, err := New(Options{Base: strings.Replace(in.URL, "https", "http", 1), AllowPlaintext: true, Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := dial(t, plain).Send(t.Context(), batchOf(1)); n != 0 || err == nil {
		t.Errorf("plaintext to a TLS server: Send = %d, %v", n, err)
	}
}

func TestLanesOnly(t *testing.T) {
	in := newInlet(t, nil)
	d, _ := client(t, in, nil)
	for name, o := range map[string]link.Opening{"will": {Will: link.Message{Topic: "state"}}, "subscription": {Subscribe: []string{"state"}}} {
		if _, err := d.Dial(t.Context(), o); err == nil {
			t.Errorf("a link with a %s was opened", name)
		}
	}
	for name, m := range map[string]link.Message{
		"document": {Topic: "state", Retained: true}, "no topic": {}, "way up": {Topic: "a/../../b"}, "doubled": {Topic: "a//b"}, "rooted": {Topic: "/a"},
	} {
		if n, err := dial(t, d).Send(t.Context(), []link.Message{m}); n != 0 || err == nil {
			t.Errorf("%s was sent", name)
		}
	}
	if in.posted() > 0 {
		t.Errorf("%d posts", in.posted())
	}
	if _, err := dial(t, d).Send(t.Context(), []link.Message{{Topic: "集水井/a?b#c%2f", Payload: []byte("{}")}}); err != nil {
		t.Fatal(err)
	}
	if got := in.confirmed(); got[0] != "/ingest/集水井/a?b#c%2f {}" {
		t.Errorf("%q", got)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	in := newInlet(t, func(w http.ResponseWriter, r *http.Request, n int) bool {
		if n%10 == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
		return n%10 == 0
	})
	before := runtime.NumGoroutine()
	d, _ := client(t, in, nil)
	for i := range 50 {
		l, err := d.Dial(t.Context(), link.Opening{})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := l.Send(t.Context(), batchOf(20)); n != 20 || err != nil {
			t.Fatalf("Send %d = %d, %v", i, n, err)
		}
		if left := len(l.(*httpLink).calls); left > 0 {
			t.Errorf("%d calls are kept", left)
		}
		l.Close()
	}
	if len(in.confirmed()) != 1000 {
		t.Errorf("%d confirmed", len(in.confirmed()))
	}
	guard := time.After(hangGuard)
	for runtime.NumGoroutine() > before {
		select {
		case <-guard:
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		case <-time.After(10 * time.Millisecond):
		}
	}
}
