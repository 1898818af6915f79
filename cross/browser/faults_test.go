package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestFaultsAreNoticed: the checks of every tab go red on pages made wrong on
// purpose, and stay green on one that is right.
func TestFaultsAreNoticed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}))
	defer elsewhere.Close()
	pages := map[string]struct{ body, want string }{
		"/right":   {`<p>short`, ""},
		"/tall":    {`<p><a href="/right" style="display:inline-block;width:30px;height:44px">x</a>`, "x: 30 px"},
		"/flat":    {`<p><button style="width:90px;height:30px">x</button>`, "x: 30 px"},
		"/target":  {`<p><button style="width:44px;height:44px">x</button>`, ""},
		"/wide":    {`<p style="width:500px">wide`, "px wide"},
		"/hidden":  {`<div style="overflow:hidden"><p style="width:500px">cut off</div>`, "px wide"},
		"/foreign": {`<img src="` + elsewhere.URL + `/x.png">`, "request to " + elsewhere.URL},
		"/error":   {`<script>console.error('no')</script>`, "console.error"},
		"/throw":   {`<script>throw new Error('no')</script>`, "exception"},
		"/missing": {`<img src="/404">`, "404"},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!DOCTYPE html><meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">`+page.body)
	}))
	defer server.Close()
	browser := startChromium(t)
	for path, page := range pages {
		b := openTab(t, browser, phone("zh"))
		b.goTo(server.URL + path)
		got := strings.Join(append(b.faults(), ask[[]string](b, targets)...), "; ")
		if (page.want == "") != (got == "") || !strings.Contains(got, page.want) {
			t.Errorf("%s: noticed %q, want %q", path, got, page.want)
		}
	}
}
