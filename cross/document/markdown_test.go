// Package document holds the pages of the repository to its code: what they
// name, show and link exists.
package document

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the repository, seen from this folder.
var root = filepath.Join("..", "..")

// fence is one fenced block.
type fence struct{ language, text string }

// parse splits a page into its fenced blocks and the text around them.
func parse(page string) (prose string, fences []fence) {
	var text strings.Builder
	var open *fence
	for line := range strings.Lines(page) {
		mark, fenced := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fenced && open == nil:
			open = &fence{language: mark}
		case fenced:
			fences = append(fences, *open)
			open = nil
		case open != nil:
			open.text += line
		default:
			text.WriteString(line)
		}
	}
	return text.String(), fences
}

var codeSpan = regexp.MustCompile("`([^`\n]+)`")

// spans lists the code spans of prose.
func spans(prose string) (all []string) {
	for _, m := range codeSpan.FindAllStringSubmatch(prose, -1) {
		all = append(all, m[1])
	}
	return all
}

// section is the text under a heading, up to the next heading of its level.
func section(prose, heading string) string {
	_, after, found := strings.Cut(prose, "\n"+heading+"\n")
	if !found {
		return ""
	}
	level, _, _ := strings.Cut(heading, " ")
	text, _, _ := strings.Cut(after, "\n"+level+" ")
	return text
}

// commandLines lists the commands of shell blocks: every line of sh, and what
// follows a prompt in console. Comments are cut off.
func commandLines(fences []fence) (lines []string) {
	for _, f := range fences {
		for line := range strings.Lines(f.text) {
			line = strings.TrimSpace(line)
			if f.language == "console" {
				after, prompted := strings.CutPrefix(line, "$ ")
				if !prompted {
					continue
				}
				line = after
			} else if f.language != "sh" {
				continue
			}
			if line, _, _ = strings.Cut(" "+line, " #"); strings.TrimSpace(line) != "" {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
	}
	return lines
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// files lists the repository's files of one kind, slash-separated, nested
// modules and testdata left out.
func files(t *testing.T, suffix string) (names []string) {
	t.Helper()
	return slices.DeleteFunc(allFiles(t, suffix), func(name string) bool { return strings.Contains("/"+name, "/testdata/") })
}

// allFiles is files with those in testdata.
func allFiles(t *testing.T, suffix string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" || name == filepath.Join(root, "bin") {
				return fs.SkipDir
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil && name != root {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, suffix) {
			relative, err := filepath.Rel(root, name)
			names = append(names, filepath.ToSlash(relative))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestParse(t *testing.T) {
	prose, fences := parse("\n## A\none `x`\n```sh\nmake a # why\n# only this\nmake b\n```\n```console\n$ make c\nits output\n```\n## B\n`y`\n")
	if got := strings.Join(commandLines(fences), "|"); got != "make a|make b|make c" {
		t.Errorf("commands: %q", got)
	}
	if got := strings.Join(spans(section(prose, "## A")), "|"); got != "x" {
		t.Errorf("spans of the section: %q", got)
	}
	if got := section(prose, "## C"); got != "" {
		t.Errorf("a section that is not there: %q", got)
	}
}
