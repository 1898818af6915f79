package configs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seeds are the files there are.
func seeds(tb testing.TB) (out [][]byte) {
	tb.Helper()
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, src)
	}
	return append(out, Sample(), Demo())
}

func FuzzParse(f *testing.F) {
	for _, src := range seeds(f) {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		cfg, problems := Parse("fuzz.yaml", src, parts{})
		if (cfg == nil) != (len(problems) > 0) {
			t.Fatalf("config %v with %d problems", cfg != nil, len(problems))
		}
		lines := strings.Count(string(src), "\n") + 1
		before := 0
		for _, p := range problems {
			if p.File != "fuzz.yaml" || p.Message == "" || p.Line < before || p.Line > lines+1 {
				t.Fatalf("problem %+v in %d lines", p, lines)
			}
			before = p.Line
			if text := p.Error(); strings.ContainsFunc(text, isControl) {
				t.Fatalf("problem with control characters: %q", text)
			}
		}
	})
}

// Deep nesting would overflow the stack of a recursive parser, which no recover
// catches.
func TestDeepNestingIsRefused(t *testing.T) {
	const n = 60_000
	for name, src := range map[string]string{
		"brackets": "sensors: " + strings.Repeat("[", n),
		"braces":   strings.Repeat("{a: ", n),
		"dashes":   strings.Repeat("- ", n),
		"keys":     strings.Repeat("? ", n),
		"colons":   strings.Repeat("a: ", n),
		"anchors":  strings.Repeat("&a ", n),
		"tags":     strings.Repeat("!!a ", n),
		"indent":   stairs(600),
		"size":     strings.Repeat("#", maxSource+1),
	} {
		if cfg, problems := Parse("deep.yaml", []byte(src), parts{}); cfg != nil || len(problems) == 0 {
			t.Errorf("%s: taken", name)
		}
	}
}

func stairs(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%*s%s\n", i, "", "a:")
	}
	return b.String()
}

// A catalogue that panics costs the configuration, not the process.
func TestParseRecovers(t *testing.T) {
	cfg, problems := Parse("x.yaml", Demo(), panics{})
	if cfg != nil || len(problems) != 1 || strings.Contains(problems.Error(), "hunter2") {
		t.Errorf("got %v, %v", cfg, problems)
	}
}

type panics struct{ parts }

func (panics) Options(string) (any, bool) { panic("hunter2") }

func TestProblemsAreCapped(t *testing.T) {
	_, problems := Parse("x.yaml", []byte(manyKeys(300)), parts{})
	if len(problems) != maxProblems+1 || !strings.HasSuffix(problems.Error(), "more problems from here on") {
		t.Errorf("got %d problems, the last %v", len(problems), problems[len(problems)-1])
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "colour%d: x\n", i)
	}
	return b.String()
}

func TestWindowsFilesAreTaken(t *testing.T) {
	src := "\ufeff" + strings.ReplaceAll(sample, "\n", "\r\n")
	mustParse(t, "windows.yaml", []byte(src))
}
