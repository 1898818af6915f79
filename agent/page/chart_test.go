package page_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"watchpost/agent/page"
	"watchpost/agent/page/pagetest"
	"watchpost/drivers"
)

// history is the answer of /api/v1/history as a reader takes it.
type history struct {
	Sensor     string         `json:"sensor"`
	Unit       string         `json:"unit"`
	From       int64          `json:"from"`
	Now        int64          `json:"now"`
	Begun      *int64         `json:"begun"`
	Times      []int64        `json:"times"`
	Min        []*json.Number `json:"min"`
	Max        []*json.Number `json:"max"`
	Last       []*json.Number `json:"last"`
	Faults     []int          `json:"faults"`
	Thresholds []struct {
		Name struct{ ZH, EN string } `json:"name"`
		// Value is a number with its decimals.
		Value  json.Number `json:"value"`
		Clears bool        `json:"clears"`
	} `json:"thresholds"`
	Gaps []struct {
		From, To int64
		Reason   string
		Text     struct{ ZH, EN string }
	} `json:"gaps"`
}

func withDay(t *testing.T, v page.View) *page.Page {
	t.Helper()
	return newPage(t, page.Options{Source: pagetest.NewSource(v), History: pagetest.NewDay(v.Now)})
}

func fetch(t *testing.T, p *page.Page, query string) (h history) {
	t.Helper()
	w := get(p.Handler(), "/api/v1/history?"+query)
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		t.Fatalf("%s: %d %s", query, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &h); err != nil {
		t.Fatal(err)
	}
	return h
}

// Columns are whole, values have all their decimals, and each gap is one row of
// null with its reason told.
func TestHistoryJSON(t *testing.T) {
	v := state("ok").View
	h := fetch(t, withDay(t, v), "sensor=sump-1&quantity=level&hours=24")
	if n := len(h.Times); n != len(h.Last) || n != len(h.Min) || n != len(h.Max) || n != len(h.Faults) || n != 1440-40-90+2 {
		t.Fatalf("%d times, %d values", n, len(h.Last))
	}
	minute := func(n int) int64 { return v.Now.Add(time.Duration(n-1440) * time.Minute).UnixMilli() }
	nulls := 0
	for i, last := range h.Last {
		if i > 0 && h.Times[i] <= h.Times[i-1] {
			t.Fatalf("times go back at row %d", i)
		}
		if last == nil {
			nulls++
			continue
		}
		if _, frac, _ := strings.Cut(last.String(), "."); len(frac) != 3 {
			t.Fatalf("row %d is %s, want three decimals", i, last)
		}
		for _, g := range h.Gaps {
			if h.Times[i] >= g.From && h.Times[i] < g.To {
				t.Errorf("row %d has a value within a gap", i)
			}
		}
	}
	if nulls != 2 || len(h.Gaps) != 2 {
		t.Fatalf("%d rows of null and %d gaps, want two each", nulls, len(h.Gaps))
	}
	silent, broken := h.Gaps[0], h.Gaps[1]
	if silent.From != minute(pagetest.SilentFrom) || silent.To != minute(pagetest.SilentTo) || silent.Reason != "" || silent.Text.ZH != "无数据" {
		t.Errorf("the silence is %+v", silent)
	}
	if broken.From != minute(pagetest.FaultFrom) || broken.To != minute(pagetest.FaultTo) || broken.Reason != "broken_wire" || !strings.Contains(broken.Text.EN, "fault") {
		t.Errorf("the fault is %+v", broken)
	}
	if len(h.Thresholds) != 2 || h.Thresholds[0].Value != "1.800" || h.Thresholds[0].Name.ZH != "橙色报警：高于 1.800 m" || h.Thresholds[0].Name.EN != "Orange alarm above 1.800 m" || !h.Thresholds[1].Clears {
		t.Errorf("thresholds %+v", h.Thresholds)
	}
	if h.Begun == nil || *h.Begun != v.Now.Add(-30*time.Hour).UnixMilli() {
		t.Errorf("begun %v", h.Begun)
	}
	hour := fetch(t, withDay(t, v), "sensor=sump-1&hours=1")
	if len(hour.Times) != 61 || hour.From != v.Now.Add(-time.Hour).UnixMilli() {
		t.Errorf("one hour has %d rows from %d", len(hour.Times), hour.From)
	}
}

func TestHistoryIsRefused(t *testing.T) {
	p := withDay(t, state("ok").View)
	for path, want := range map[string]int{
		"/api/v1/history?sensor=nobody":                404,
		"/api/v1/history":                              404,
		"/api/v1/history?sensor=door-e":                404, // none is kept
		"/api/v1/history?sensor=sump-1&quantity=smoke": 404,
		"/api/v1/history?sensor=sump-1&hours=0":        400,
		"/api/v1/history?sensor=sump-1&hours=25":       400,
		"/api/v1/history?sensor=sump-1&hours=1e3":      400,
		"/t/nobody": 404, "/fragment?sensor=nobody": 404, "/t/sump-1": 200, "/log?page=x": 200, "/log?page=-4": 200, "/t/door-e": 200,
	} {
		if got := get(p.Handler(), path).Code; got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	bare := newPage(t, page.Options{Source: pagetest.NewSource(state("ok").View)})
	if got := get(bare.Handler(), "/t/sump-1"); got.Code != 200 || !strings.Contains(got.Body.String(), "没有曲线") {
		t.Errorf("without any history: %d", got.Code)
	}
}

// The largest answer there can be is bounded, and small when it is compressed.
func TestHistoryIsBounded(t *testing.T) {
	v := state("ok").View
	var s page.Series
	s.Step, s.Begun = time.Minute, v.Now.Add(-48*time.Hour)
	for n := range 2000 {
		wide := drivers.Decimal{Coefficient: math.MinInt64 + int64(n), Scale: 9}
		s.Points = append(s.Points, page.Point{At: v.Now.Add(time.Duration(n-1999) * time.Minute), Min: wide, Max: wide, Last: wide, Values: 1, Faults: 65535})
	}
	p := newPage(t, page.Options{Source: pagetest.NewSource(v), History: fixed{s}})
	w := get(p.Handler(), "/api/v1/history?sensor=sump-1")
	t.Logf("%d bytes at most", w.Body.Len())
	if w.Body.Len() > 150_000 {
		t.Errorf("%d bytes", w.Body.Len())
	}
	w = get(withDay(t, v).Handler(), "/api/v1/history?sensor=sump-1", "Accept-Encoding", "gzip")
	if w.Header().Get("Content-Encoding") != "gzip" || w.Body.Len() > 16_000 {
		t.Errorf("a day takes %d bytes as %q", w.Body.Len(), w.Header().Get("Content-Encoding"))
	}
}

type fixed struct{ all page.Series }

func (f fixed) Series(string, drivers.Quantity) (page.Series, bool) { return f.all, true }

// A sensor that is read every five minutes has no gaps of four; one that is read
// each second has one when a minute is missing; what came before the gateway
// started is no gap.
func TestGapsFollowThePeriod(t *testing.T) {
	for _, c := range []struct {
		name          string
		period, every time.Duration
		begun         time.Duration
		gaps          int
	}{
		{"each second", time.Second, time.Minute, 26 * time.Hour, 0},
		{"each second, every other minute missing", time.Second, 2 * time.Minute, 26 * time.Hour, 719},
		{"every five minutes", 5 * time.Minute, 5 * time.Minute, 26 * time.Hour, 0},
		{"every five minutes, twenty apart", 5 * time.Minute, 20 * time.Minute, 26 * time.Hour, 71},
		{"speaks by itself", 0, 3 * time.Hour, 26 * time.Hour, 0},
		{"started an hour ago", time.Second, time.Minute, time.Hour, 0},
	} {
		v := state("ok").View
		v.Sensors[0].Period = c.period
		s := page.Series{Step: time.Minute, Begun: v.Now.Add(-c.begun)}
		for at := v.Now.Add(-min(24*time.Hour, c.begun) + time.Second); !at.After(v.Now); at = at.Add(c.every) {
			s.Points = append(s.Points, page.Point{At: at, Values: 1, Worst: drivers.Good, Min: drivers.Int(1), Max: drivers.Int(1), Last: drivers.Int(1)})
		}
		p := newPage(t, page.Options{Source: pagetest.NewSource(v), History: fixed{s}})
		h := fetch(t, p, "sensor=sump-1")
		nulls := 0
		for _, last := range h.Last {
			if last == nil {
				nulls++
			}
		}
		if len(h.Gaps)-trailing(h) != c.gaps || nulls != c.gaps {
			t.Errorf("%s: %d gaps and %d rows of null, want %d", c.name, len(h.Gaps), nulls, c.gaps)
		}
	}
}

// trailing is 1 when the last gap goes on to the end, which needs no row of null.
func trailing(h history) int {
	if n := len(h.Gaps); n > 0 && h.Gaps[n-1].To == h.Now {
		return 1
	}
	return 0
}

// The table says of each hour what the columns say, and names what is missing.
func TestTableEqualsAPI(t *testing.T) {
	v := state("ok").View
	p := withDay(t, v)
	h := fetch(t, p, "sensor=sump-1")
	zone := time.FixedZone("", 8*60*60)
	html := get(p.Handler(), "/t/sump-1?lang=en").Body.String()
	rows := regexp.MustCompile(`<tr><th scope="row"[^>]*><time datetime="([^"]+)">(\d\d:\d\d)</time></th><td>([^<]*)</td><td>([^<]*)</td><td>([^<]*)</td></tr>`).FindAllStringSubmatch(html, -1)
	if len(rows) != 25 {
		t.Fatalf("%d rows, want 25: at half past the first and last hour are halves", len(rows))
	}
	for _, row := range rows {
		start, err := time.Parse(time.RFC3339, row[1])
		if err != nil || start.In(zone).Format("15:04") != row[2] || start.Minute() != 0 {
			t.Errorf("row of %s is called %s", row[1], row[2])
		}
		low, high, last := math.Inf(1), math.Inf(-1), ""
		for i, at := range h.Times {
			if at < start.UnixMilli() || at >= start.Add(time.Hour).UnixMilli() || h.Last[i] == nil {
				continue
			}
			a, _ := h.Min[i].Float64()
			b, _ := h.Max[i].Float64()
			low, high, last = math.Min(low, a), math.Max(high, b), h.Last[i].String()+" m"
		}
		want := []string{strconv.FormatFloat(low, 'f', 3, 64) + " m", strconv.FormatFloat(high, 'f', 3, 64) + " m", last}
		if last == "" {
			want = []string{"—", "—", "—"}
		}
		if diff := cmp.Diff(want, row[3:]); diff != "" {
			t.Errorf("%s (-API +table):\n%s", row[2], diff)
		}
	}
	for _, named := range []string{"14:31–15:00 no data", "15:00–15:11 no data", "21:11–22:00 fault: ", "2 failed readings besides"} {
		if !strings.Contains(html, named) {
			t.Errorf("the table does not say %q", named)
		}
	}
}

func TestGoldenSensorAndLog(t *testing.T) {
	v := state("alarm").View
	p := withDay(t, v)
	for file, path := range map[string]string{"sensor": "/t/sump-1", "contact": "/t/smoke-2f", "young": "/t/tank-1", "reader-page": "/t/reader-e", "log": "/log"} {
		for _, lang := range []string{"zh", "en"} {
			got := hashed.ReplaceAllString(get(p.Handler(), path+"?lang="+lang).Body.String(), "/a/$1.HASH.")
			golden(t, file+"."+lang, got)
		}
	}
}

// The log is paged without scripts, each line once, the newest first.
func TestLogPages(t *testing.T) {
	v := state("ok").View
	v.Events = nil
	for i := range 130 {
		v.Events = append(v.Events, page.Event{At: v.Now.Add(-time.Duration(i) * time.Hour), TextZH: "事件", TextEN: "event no. " + strconv.Itoa(i)})
	}
	h := handler(t, v)
	seen := 0
	for path := "/log?lang=en"; path != ""; {
		html := get(h, path, "Accept-Language", "en").Body.String()
		if strings.Contains(html, "<script") {
			t.Errorf("%s needs a script", path)
		}
		for _, m := range regexp.MustCompile(`event no\. (\d+)`).FindAllStringSubmatch(html, -1) {
			if m[1] != strconv.Itoa(seen) {
				t.Fatalf("%s: line %s, want %d", path, m[1], seen)
			}
			seen++
		}
		next := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(html)
		path = ""
		if next != nil {
			path = next[1]
		}
	}
	if seen != 130 {
		t.Errorf("%d lines, want 130", seen)
	}
	if html := get(h, "/").Body.String(); strings.Count(html, "<li><time") != 20 || !strings.Contains(html, `href="/log"`) {
		t.Error("the status page does not show twenty lines and the way to the others")
	}
}

// The sensor's whole first load stays within 60 KB gzip, nothing from outside.
func TestSensorPageBudget(t *testing.T) {
	h := withDay(t, state("everything").View).Handler()
	html := get(h, "/t/sump-1").Body.String()
	paths := []string{"/t/sump-1"}
	for _, m := range regexp.MustCompile(`(?:src|href)="(/a/[^"]+)"`).FindAllStringSubmatch(html, -1) {
		paths = append(paths, m[1])
	}
	api := regexp.MustCompile(`data-source="([^"]+)"`).FindStringSubmatch(html)
	if api == nil || len(paths) != 7 {
		t.Fatalf("requests %v, want the page, two styles, three scripts and the icon", paths)
	}
	paths = append(paths, strings.ReplaceAll(api[1], "&amp;", "&"))
	total := 0
	for _, path := range paths {
		w := get(h, path, "Accept-Encoding", "gzip")
		t.Logf("%6d bytes %s", w.Body.Len(), path)
		total += w.Body.Len()
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		body, err := io.ReadAll(z)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if found := external.FindString(strings.ReplaceAll(string(body), "http://www.w3.org/2000/svg", "")); found != "" {
			t.Errorf("%s refers to the outside: %q", path, found)
		}
		if regexp.MustCompile(`<style|<script>| style=| on[a-z]+="`).Match(body) {
			t.Errorf("%s has script or style in line", path)
		}
	}
	t.Logf("%6d bytes in all", total)
	if total > 60_000 {
		t.Errorf("first load is %d bytes, want at most 60000", total)
	}
}

// What others made is what their notice says it is.
func TestVendorChecksums(t *testing.T) {
	for name, want := range map[string]string{
		"uplot.js":    "45380f8898e04ad9cd7ed4ebe2e3bcda8e81594dafc46066408443a64d93e4fc",
		"uplot.css":   "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
		"LICENSE.txt": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
	} {
		b, err := os.ReadFile("static/vendor/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s has changed: %x", name, sum)
		}
	}
}

// Hours of a clock that fell back to its epoch are nobody's: the day is told by how
// long ago, in the table, the drawing and what the script is told.
func TestUnsetClockShowsNoHours(t *testing.T) {
	v := state("clock").View
	shift := time.Date(1970, 1, 1, 22, 7, 0, 0, time.UTC).Sub(v.Now)
	v.Now = v.Now.Add(shift)
	for i := range v.Sensors {
		v.Sensors[i].At = v.Sensors[i].At.Add(shift)
	}
	hours := regexp.MustCompile(`>[^<]*\d\d:\d\d[^<]*<`)
	for _, lang := range []string{"zh", "en"} {
		html := get(withDay(t, v).Handler(), "/t/sump-1?lang="+lang).Body.String()
		if found := hours.FindString(html); found != "" || !strings.Contains(html, `data-unset="1"`) {
			t.Errorf("%s: the page shows %q", lang, found)
		}
		for _, want := range map[string][]string{
			"zh": {">1 小时前</time>", ">23 小时前</time>", ">6 小时前</text>", "小时前 无数据<"},
			"en": {">1 h ago</time>", ">23 h ago</time>", ">6 h ago</text>", "h ago no data<"},
		}[lang] {
			if !strings.Contains(html, want) {
				t.Errorf("%s: no %q", lang, want)
			}
		}
	}
	if html := get(withDay(t, state("clock").View).Handler(), "/t/sump-1").Body.String(); strings.Contains(html, "data-unset") || !hours.MatchString(html) {
		t.Error("a clock that only is not set shows no hours")
	}
}
