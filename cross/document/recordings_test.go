package document

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// TestRecordingsAreAttributed looks for every file that says whose it is in the
// README's table of licences: linked itself, or with its folder.
func TestRecordingsAreAttributed(t *testing.T) {
	prose, _ := parse(read(t, "README.md"))
	linked := targets("README.md", section(prose, "## Licence"))
	count := 0
	for _, suffix := range []string{".csv", ".log"} {
		for _, name := range carried(t, suffix) {
			count++
			if !attributed(name, linked) {
				t.Errorf("README.md does not say whose %s is", name)
			}
		}
	}
	if count < 20 {
		t.Errorf("looked at %d recordings only", count)
	}
}

// carried lists the files with a licence of their own in their first lines.
func carried(t *testing.T, suffix string) (names []string) {
	t.Helper()
	for _, name := range allFiles(t, suffix) {
		if strings.Contains(head(read(t, name)), "\n# licence: ") {
			names = append(names, name)
		}
	}
	return names
}

// head is the comment a file begins with.
func head(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			break
		}
		b.WriteString("\n" + strings.TrimSuffix(line, "\n"))
	}
	return b.String()
}

// attributed reports whether a file, its folder or a page in that is linked.
func attributed(name string, linked []string) bool {
	return slices.ContainsFunc(linked, func(link string) bool {
		return link == name || link == path.Dir(name) || path.Ext(link) == ".md" && path.Dir(link) == path.Dir(name)
	})
}

// TestARecordingOfNobodyIsSeen is the negative control.
func TestARecordingOfNobodyIsSeen(t *testing.T) {
	linked := []string{"a/testdata", "b/recordings/README.md", "c/testdata/one.csv"}
	for name, want := range map[string]bool{
		"a/testdata/x.csv": true, "b/recordings/x.csv": true, "c/testdata/one.csv": true,
		"c/testdata/two.csv": false, "a/testdata/deep/x.csv": false, "b/x.csv": false,
	} {
		if got := attributed(name, linked); got != want {
			t.Errorf("%s: attributed %t, want %t", name, got, want)
		}
	}
	if head("# a\n# licence: b\nx\n# c\n") != "\n# a\n# licence: b" {
		t.Error("the head of a file is mistaken")
	}
}
