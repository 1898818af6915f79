package document

import (
	"slices"
	"strings"
	"testing"

	"watchpost/agent/gateway"
)

// TestEveryDriverIsInTheTables holds the front pages' table of drivers to the
// list: a row each, linked to its documentation, and no row besides.
func TestEveryDriverIsInTheTables(t *testing.T) {
	want := slices.Sorted(slices.Values(gateway.Catalogue{}.Names()))
	for page, heading := range map[string]string{"README.md": "## The drivers", "README.zh-CN.md": "## 驱动和接线"} {
		prose, _ := parse(read(t, page))
		if got := driverRows(section(prose, heading)); !slices.Equal(got, want) {
			t.Errorf("%s has rows for %v, the drivers are %v", page, got, want)
		}
	}
}

// driverRows lists the drivers whose row begins with a link to their doc.go.
func driverRows(text string) (names []string) {
	for line := range strings.Lines(text) {
		name, link, ok := strings.Cut(strings.TrimPrefix(line, "| ["), "](")
		if ok && strings.HasPrefix(line, "| [") && strings.HasPrefix(link, "drivers/"+name+"/doc.go)") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TestARowThatIsNoDriversIsSeen is the negative control.
func TestARowThatIsNoDriversIsSeen(t *testing.T) {
	got := driverRows("| [b](drivers/b/doc.go) | x |\n| [c](drivers/b/doc.go) | x |\nsee [d](drivers/d/doc.go)\n| [a](drivers/a/doc.go) |\n")
	if want := []string{"a", "b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
