package configs

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the messages beside the broken configurations")

// TestBroken holds each file in testdata/broken to the exact messages beside it,
// in both languages, and each message to a line and a column that exist.
func TestBroken(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("broken configurations: %d files, %v", len(files), err)
	}
	unseen := map[Code]bool{}
	for code := range sentences {
		unseen[code] = true
	}
	// Three have tests of their own; two are for trees that today's parser refuses
	// before we see them.
	for _, code := range []Code{"unclear", "more", "too-large", "key-not-word", "not-readable"} {
		delete(unseen, code)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cfg, problems := Parse(filepath.Base(file), src, parts{})
			if cfg != nil || len(problems) == 0 {
				t.Fatal("a broken configuration was taken")
			}
			for _, p := range problems {
				delete(unseen, p.Code)
				if flaw := misplaced(p, string(src)); flaw != "" {
					t.Errorf("%v: %s", p, flaw)
				}
			}
			for _, l := range []Language{Chinese, English} {
				golden(t, strings.TrimSuffix(file, ".yaml")+"."+string(l)+".txt", problems.In(l)+"\n")
			}
		})
	}
	for code := range unseen {
		t.Errorf("no broken configuration shows %s", code)
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
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
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	// The corpus writes this word wherever a secret may end up.
	if strings.Contains(got, "hunter2") {
		t.Error("a message holds the secret")
	}
}

// misplaced says what is wrong with the place of p in src; empty when it is one.
func misplaced(p Problem, src string) string {
	if p.Line == 0 { // the file as a whole
		if p.Column != 0 {
			return "a column without a line"
		}
		return ""
	}
	lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(src, "\ufeff"), "\r\n", "\n"), "\n")
	if p.Line > len(lines) {
		return "no such line"
	}
	// One past the end is where something is missing.
	if last := utf8.RuneCountInString(lines[p.Line-1]) + 1; p.Column < 1 || p.Column > last {
		return "no such column"
	}
	return ""
}

func TestMisplacedIsSeen(t *testing.T) {
	for _, p := range []Problem{{Column: 1}, {Line: 3, Column: 1}, {Line: 1, Column: 0}, {Line: 1, Column: 4}} {
		if misplaced(p, "水位\nx") == "" {
			t.Errorf("%d:%d was taken", p.Line, p.Column)
		}
	}
	if got := misplaced(Problem{Line: 1, Column: 3}, "水位\nx"); got != "" {
		t.Error(got)
	}
}

// TestSentencesAreWhole finds a sentence that lacks a language or loses an
// argument in one of them.
func TestSentencesAreWhole(t *testing.T) {
	texts := map[string]Words{}
	for code, w := range sentences {
		texts[string(code)] = w
	}
	for name, w := range expectations {
		if name != "bool" { // true and false are true and false
			texts["expectation "+name] = w
		}
	}
	for name, f := range forms {
		texts["form "+name] = f.want
	}
	for name, w := range texts {
		if flaw := unequal(w); flaw != "" {
			t.Errorf("%s: %s", name, flaw)
		}
	}
	for name, w := range map[string]Words{"no zh": {"", "x"}, "en in zh": {"x", "x"}, "zh in en": {"水", "水"}, "lost": {"水 {0}", "water"}} {
		if unequal(w) == "" {
			t.Errorf("%s was taken", name)
		}
	}
}

func unequal(w Words) string {
	han := func(s string) bool {
		return strings.ContainsFunc(s, func(c rune) bool { return unicode.Is(unicode.Han, c) })
	}
	switch {
	case !han(w.Zh):
		return "no Chinese"
	case han(w.En) || strings.ContainsAny(w.En, "，；：。") || w.En == "":
		return "no English"
	}
	for i := range 7 {
		if hole := "{" + itoa(i) + "}"; strings.Contains(w.Zh, hole) != strings.Contains(w.En, hole) {
			return hole + " in one language only"
		}
	}
	return ""
}
