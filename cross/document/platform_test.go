package document

import (
	"flag"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// update writes the examples of the pages for platforms anew.
var update = flag.Bool("update", false, "write the examples in docs/platform.*.md anew")

// golden is where the messages are that the program is held to.
const golden = "agent/message/testdata"

// platformPages are the same page in two languages.
var platformPages = []string{"docs/platform.md", "docs/platform.zh-CN.md"}

// example is a link to a golden message and, after it, the block that shows it.
var example = regexp.MustCompile("(?s)\\]\\(\\.\\./" + golden + "/([a-z.-]+\\.json)\\)\\s*```json\n(.*?)```")

// examples lists the messages a page shows, and the names of those that are not
// as the golden file has them.
func examples(t *testing.T, page string) (names, wrong []string) {
	t.Helper()
	for _, m := range example.FindAllStringSubmatch(page, -1) {
		names = append(names, m[1])
		if m[2] != read(t, path.Join(golden, m[1])) {
			wrong = append(wrong, m[1])
		}
	}
	return names, wrong
}

// The messages on the pages for platforms are those of the program, the same on
// both, and no JSON stands there that is none.
func TestPlatformExamplesAreReal(t *testing.T) {
	var first []string
	for _, page := range platformPages {
		if *update {
			renew(t, page)
		}
		text := read(t, page)
		names, wrong := examples(t, text)
		for _, name := range wrong {
			t.Errorf("%s: %s is not as %s has it; write it anew with -update", page, name, golden)
		}
		if shown := strings.Count(text, "```json"); shown != len(names) {
			t.Errorf("%s: %d blocks of JSON, %d of them after a link to a message", page, shown, len(names))
		}
		if first == nil {
			first = names
		}
		if !slices.Equal(names, first) {
			t.Errorf("%s shows %v, the other page %v", page, names, first)
		}
		for _, class := range []string{"alarms.", "events.", "readings.", "state.", "alarms-active."} {
			if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, class) }) {
				t.Errorf("%s has no example of %s", page, class)
			}
		}
	}
}

func renew(t *testing.T, page string) {
	t.Helper()
	text := example.ReplaceAllStringFunc(read(t, page), func(block string) string {
		m := example.FindStringSubmatch(block)
		return strings.TrimSuffix(block, m[2]+"```") + read(t, path.Join(golden, m[1])) + "```"
	})
	if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(page)), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestAWrongExampleIsSeen is the negative control.
func TestAWrongExampleIsSeen(t *testing.T) {
	text := read(t, platformPages[0])
	changed := strings.Replace(text, `"value": 10.490`, `"value": 10.49`, 1)
	if _, wrong := examples(t, changed); !slices.Equal(wrong, []string{"readings.list.json"}) {
		t.Errorf("a changed value: wrong are %v", wrong)
	}
}

// Both pages have the same blocks: what is typed does not depend on the language.
func TestPlatformPagesShowTheSame(t *testing.T) {
	var commands [2][]string
	for i, page := range platformPages {
		_, fences := parse(read(t, page))
		commands[i] = slices.DeleteFunc(commandLines(fences), func(line string) bool { return strings.Contains(line, "--lang") })
	}
	if !slices.Equal(commands[0], commands[1]) || len(commands[0]) < 4 {
		t.Errorf("commands %q and %q", commands[0], commands[1])
	}
}
