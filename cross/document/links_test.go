package document

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var links = []*regexp.Regexp{
	regexp.MustCompile(`\]\(([^)\s]+)\)`),
	regexp.MustCompile(`(?:src|href)="([^"]+)"`),
}

// targets lists the files a page links to, seen from the root.
func targets(page, prose string) (all []string) {
	for _, link := range links {
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			all = append(all, path.Join(path.Dir(page), target))
		}
	}
	return all
}

// broken lists the targets that are not there.
func broken(all []string) (gone []string) {
	for _, target := range all {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil {
			gone = append(gone, target)
		}
	}
	return gone
}

func TestLinksLeadSomewhere(t *testing.T) {
	pages := files(t, ".md")
	count := 0
	for _, page := range pages {
		prose, _ := parse(read(t, page))
		all := targets(page, prose)
		count += len(all)
		for _, target := range broken(all) {
			t.Errorf("%s links to %s, which is not there", page, target)
		}
	}
	if len(pages) < 6 || count < 30 {
		t.Errorf("looked at %d links on %d pages only", count, len(pages))
	}
}

// TestABrokenLinkIsSeen is the negative control.
func TestABrokenLinkIsSeen(t *testing.T) {
	prose := `[a](../README.md#x) [b](gone.md) <img src="pictures/gone.png"> [c](https://go.dev/) [d](#here)`
	got := broken(targets("docs/page.md", prose))
	if want := []string{"docs/gone.md", "docs/pictures/gone.png"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
