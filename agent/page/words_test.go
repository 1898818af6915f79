package page

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"watchpost/agent/health"
)

func chinese(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// flaw says what a text lacks; empty when it is whole.
func flaw(key string, t health.Text) string {
	placeholder := regexp.MustCompile(`\{\w\}`)
	switch {
	case t.ZH == "" || t.EN == "":
		return "a language is missing"
	case key != "list.comma" && key != "reason.open" && key != "switch" && !chinese(t.ZH):
		return "no Chinese in zh"
	case key != "switch" && chinese(t.EN):
		return "Chinese in en"
	}
	for _, p := range placeholder.FindAllString(t.ZH+t.EN, -1) {
		// A count may be spelled out in one language ("1 alarm" and "alarms").
		if !strings.Contains(t.ZH, p) || !strings.Contains(t.EN, p) {
			return p + " is in one language only"
		}
	}
	return ""
}

func TestEveryTextIsWhole(t *testing.T) {
	for key, text := range words() {
		if f := flaw(key, text); f != "" {
			t.Errorf("%s: %s", key, f)
		}
	}
	for why, reason := range health.Reasons() {
		for _, text := range []health.Text{reason.What, reason.Advice} {
			if f := flaw(why, text); f != "" {
				t.Errorf("reason %s: %s", why, f)
			}
		}
	}
	for name, bad := range map[string]health.Text{
		"no en": {ZH: "水"}, "zh in en": {ZH: "水", EN: "水"}, "lost placeholder": {ZH: "{n} 条", EN: "records"},
	} {
		if flaw("x", bad) == "" {
			t.Errorf("the check does not see %s", name)
		}
	}
}

// Every key that templates and code name has words, and every word is named.
func TestEveryKeyIsKnownAndUsed(t *testing.T) {
	var source strings.Builder
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	templates, err := filepath.Glob("static/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(files, templates...) {
		if strings.HasSuffix(f, "_test.go") || f == "words.go" {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(b)
	}
	text := source.String()
	known := words()
	for _, m := range regexp.MustCompile(`(?:\{\{t|s\.get\(|s\.fill\(|s\.counted\() ?"([^"]+[^".])"`).FindAllStringSubmatch(text, -1) {
		if _, ok := known[m[1]]; !ok {
			t.Errorf("%q is named and has no words", m[1])
		}
	}
	// These are put together from a stem and a state.
	composed := regexp.MustCompile(`^(quantity|level|alarm|lane|smoke|door|door_forced|door_held)\.|^(card|misread)$|\.many$|^reason\.other$`)
	for key := range known {
		if !strings.Contains(text, `"`+key+`"`) && !composed.MatchString(key) {
			t.Errorf("%q has words and is named nowhere", key)
		}
	}
}

// Every Reason that package drivers declares has words.
func TestEveryReasonHasWords(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../drivers/reading.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Reason" {
			return true
		}
		code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found++
		if _, ok := health.Reasons()[code]; !ok {
			t.Errorf("reason %s has no words", code)
		}
		return true
	})
	if found != len(health.Reasons()) {
		t.Errorf("%d reasons declared, %d with words", found, len(health.Reasons()))
	}
	if got := newPhrase(zh).reason("from_the_future"); !chinese(got) {
		t.Errorf("an unknown reason is shown as %q", got)
	}
}

func TestSpan(t *testing.T) {
	p := newPhrase(en)
	for d, want := range map[time.Duration]string{
		-time.Hour: "0 s ago", 59 * time.Second: "59 s ago", time.Minute: "1 min ago", 3599 * time.Second: "59 min ago",
		time.Hour: "1 h ago", 47 * time.Hour: "47 h ago", 48 * time.Hour: "2 d ago",
	} {
		if got := p.span("ago", d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	if got := grouped(1234567) + " " + grouped(999) + " " + size(67_108_864); got != "1,234,567 999 67.1 MB" {
		t.Errorf("numbers: %s", got)
	}
}
