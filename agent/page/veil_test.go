package page_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/page"
	"watchpost/agent/page/pagetest"
	"watchpost/agent/people"
	"watchpost/drivers"
)

// passed is a calm view in which somebody presented a card.
func passed() page.View {
	v := state("ok").View
	more, when := drivers.Int(129), v.Now.Add(-time.Second)
	for i := range v.Sensors {
		x := &v.Sensors[i]
		if x.ID != "reader-e" {
			continue
		}
		x.Value, x.At, x.Since, x.LastGood, x.LastGoodAt = &more, when, when, &more, when
		x.Raw = drivers.Raw{Value: drivers.Int(26), Unit: drivers.Count}
	}
	v.Events = append([]page.Event{{At: when, TextZH: "东门读卡器：刷卡 77aa…", TextEN: "East gate reader: card 77aa…", Private: true}}, v.Events...)
	return v
}

// readersPaths is everywhere a card reader is told of.
func readersPaths() []string {
	return []string{
		"/", "/?lang=en", "/fragment", "/fragment?sensor=reader-e", "/t/reader-e", "/log", "/api/v1/view",
		"/api/v1/history?sensor=reader-e", "/api/v1/history?sensor=reader-e&quantity=misread", "/metrics",
	}
}

func gate(t *testing.T, v page.View, wrap func(*testing.T, page.Options) http.Handler) http.Handler {
	source := pagetest.NewSource(v)
	return wrap(t, page.Options{Source: source, History: pagetest.NewDay(v.Now), Metrics: page.Metrics(source, nil)})
}

func outside(t *testing.T, o page.Options) http.Handler { return newPage(t, o).Handler() }

// Whether and when a card was presented changes nothing that somebody without the
// password is answered, anywhere.
func TestPassagesShowNowhereOutside(t *testing.T) {
	calm, after := gate(t, state("ok").View, outside), gate(t, passed(), outside)
	calmIn, afterIn := gate(t, state("ok").View, inside), gate(t, passed(), inside)
	for _, path := range readersPaths() {
		if a, b := get(calm, path).Body.String(), get(after, path).Body.String(); a != b || a == "" {
			t.Errorf("%s tells outside that somebody passed", path)
		}
		tells := get(calmIn, path).Body.String() != get(afterIn, path).Body.String()
		if hides := path == "/metrics" || strings.Contains(path, "history"); tells == hides { // the day of the charts is the same
			t.Errorf("%s tells inside of the card: %v", path, tells)
		}
	}
	for _, path := range []string{"/api/v1/history?sensor=reader-e", "/api/v1/history?sensor=reader-e&quantity=card"} {
		if w := get(after, path); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "登录") {
			t.Errorf("%s outside: %d %s", path, w.Code, w.Body)
		}
		if w := get(afterIn, path); w.Code != http.StatusOK {
			t.Errorf("%s inside: %d %s", path, w.Code, w.Body)
		}
	}
	page := get(after, "/t/reader-e").Body.String()
	if !strings.Contains(page, "登录后可见") || strings.Contains(page, `class="card chart"`) || !strings.Contains(page, ">正常<") {
		t.Errorf("the reader's page outside:\n%s", page)
	}
	if !strings.Contains(get(afterIn, "/t/reader-e").Body.String(), `class="card chart"`) {
		t.Error("no chart of the reader inside")
	}
}

// The stream tells no more than the page.
func TestStreamTellsNoPassage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := func(v page.View) (said string) {
			p := newPage(t, page.Options{Source: pagetest.NewSource(v)})
			ctx, cancel := context.WithCancel(t.Context())
			l, served := newPipes(), make(chan error, 1)
			go func() { served <- p.Serve(ctx, l) }()
			transport := &http.Transport{DialContext: l.dial}
			r, err := (&http.Client{Transport: transport}).Get("http://127.0.0.1/events")
			if err != nil {
				t.Fatal(err)
			}
			for lines := bufio.NewScanner(r.Body); lines.Scan() && lines.Text() != ""; {
				said += lines.Text() + "\n"
			}
			cancel()
			_ = r.Body.Close()
			transport.CloseIdleConnections()
			if err := <-served; err != nil {
				t.Error(err)
			}
			return said
		}
		if a, b := first(state("ok").View), first(passed()); a != b || !strings.Contains(a, "reader-e") {
			t.Error("the stream tells outside that somebody passed")
		}
	})
}

// What does not work is told to everybody: a reader that is silent, stale or stuck
// never looks like a calm one.
func TestVeiledReaderStillFails(t *testing.T) {
	silent := state("ok").View
	for i := range silent.Sensors {
		if silent.Sensors[i].ID == "reader-e" {
			silent.Sensors[i].At = silent.Now.Add(-time.Hour)
		}
	}
	unread := state("waiting").View
	for name, c := range map[string]struct {
		view page.View
		says string
	}{
		"stuck":    {state("reader").View, ">故障<"},
		"doubtful": {state("misreads").View, ">存疑<"},
		"silent":   {silent, ">数据已过时<"},
		"unread":   {unread, ">等待首次读数<"},
	} {
		html := get(handler(t, c.view), "/").Body.String()
		if row := sensorRow(t, html, "东门读卡器"); !strings.Contains(row, c.says) || strings.Contains(html, `data-state="ok"`) {
			t.Errorf("%s: want %s in\n%s", name, c.says, row)
		}
	}
}

// Who may read the data directory may see what readers count, in the JSON alone,
// and may change nothing by that.
func TestLocalProofLooksOnly(t *testing.T) {
	dir := t.TempDir()
	keeper, err := people.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := keeper.OpenLocal(); err != nil {
		t.Fatal(err)
	}
	proof, err := people.Local(dir)
	if err != nil {
		t.Fatal(err)
	}
	acked := 0
	v := passed()
	h := newPage(t, page.Options{Source: pagetest.NewSource(v), History: pagetest.NewDay(v.Now), People: keeper,
		Acknowledge: func(context.Context, string, string, string) error { acked++; return nil }}).Handler()
	count := func(bearer string) (value *json.Number, withheld bool) {
		var view struct {
			Sensors []struct {
				ID, Quantity string
				Value        *json.Number
				At           *time.Time
				Withheld     bool
			}
		}
		for _, s := range decodeView(t, get(h, "/api/v1/view", "Authorization", bearer), &view).Sensors {
			if s.Quantity == "card" {
				return s.Value, s.Withheld && s.At == nil
			}
		}
		t.Fatal("no reader in the JSON")
		return nil, false
	}
	for _, wrong := range []string{"", "Bearer ", "Bearer x", proof, "Basic " + proof, "Bearer " + proof + "x"} {
		if value, withheld := count(wrong); value != nil || !withheld {
			t.Errorf("%q shows the count", wrong)
		}
	}
	if value, withheld := count("Bearer " + proof); value == nil || *value != "129" || withheld {
		t.Errorf("the proof shows %v, withheld %v", value, withheld)
	}
	if w := get(h, "/api/v1/history?sensor=reader-e", "Authorization", "Bearer "+proof); w.Code != http.StatusOK {
		t.Errorf("the reader's history: %d", w.Code)
	}
	if html := get(h, "/", "Authorization", "Bearer "+proof).Body.String(); strings.Contains(html, "77aa") || strings.Contains(html, ">129<") {
		t.Error("the proof opens the page itself")
	}
	for _, path := range []string{"/acknowledge", "/logout"} {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader("csrf=&alarm=x"))
		r.Host = "192.168.1.20"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "Bearer "+proof)
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	if acked != 0 {
		t.Error("the proof acknowledges")
	}
}

func decodeView[T any](t *testing.T, w *httptest.ResponseRecorder, into *T) *T {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return into
}
