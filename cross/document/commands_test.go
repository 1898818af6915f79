package document

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// shown are the pages whose commands are checked.
var shown = []string{"README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/platform.md", "docs/platform.zh-CN.md"}

// shell is what a command line may name.
type shell struct {
	targets  map[string]string // Make targets and their recipes
	programs map[string]*command
}

func newShell(t *testing.T) shell {
	t.Helper()
	return shell{
		targets:  makeTargets(read(t, "Makefile")),
		programs: map[string]*command{"watchpost": program(t, "agent"), "watchpost-desk": program(t, "agent/desk")},
	}
}

var target = regexp.MustCompile(`^([a-z0-9-]+):`)

func makeTargets(makefile string) map[string]string {
	targets, last := map[string]string{}, ""
	for line := range strings.Lines(makefile) {
		if m := target.FindStringSubmatch(line); m != nil {
			last = m[1]
			targets[last] = ""
		} else if strings.HasPrefix(line, "\t") {
			targets[last] += line
		}
	}
	return targets
}

var assignment = regexp.MustCompile(`^[A-Z_]+=`)

// check says what is wrong with one command line.
func (s shell) check(line string) error {
	words := split(line)
	for len(words) > 0 && assignment.MatchString(words[0]) {
		words = words[1:]
	}
	if len(words) == 0 {
		return fmt.Errorf("no command")
	}
	if _, ok := elsewhere[line]; ok && words[0] == "sudo" {
		return nil
	}
	name := strings.TrimPrefix(words[0], "./bin/")
	args, _, err := redirected(words[1:])
	if err != nil {
		return err
	}
	if p := s.programs[name]; p != nil {
		return p.check(args)
	}
	switch name {
	case "make":
		return s.checkMake(args)
	case "cp":
		_, err := os.Stat(filepath.Join(root, filepath.FromSlash(args[0])))
		return err
	}
	return fmt.Errorf("%s is no command these pages may show", name)
}

func (s shell) checkMake(args []string) error {
	for _, arg := range args {
		if flags, ok := strings.CutPrefix(arg, "ARGS="); ok {
			if err := s.programs["watchpost-desk"].check(append([]string{"demo"}, split(flags)...)); err != nil {
				return err
			}
		}
		if _, ok := s.targets[arg]; !ok && !assignment.MatchString(arg) {
			return fmt.Errorf("the Makefile has no target %q", arg)
		}
	}
	return nil
}

var word = regexp.MustCompile(`(?:[^\s'"]|'[^']*'|"[^"]*")+`)

// split cuts a line into words and takes the quotes off.
func split(line string) (words []string) {
	for _, w := range word.FindAllString(line, -1) {
		words = append(words, strings.NewReplacer("'", "", `"`, "").Replace(w))
	}
	return words
}

// commands lists the command lines of a page: blocks, and code spans that begin
// like one.
func commands(page string) []string {
	prose, fences := parse(page)
	lines := commandLines(fences)
	for _, span := range spans(prose) {
		for _, name := range []string{"make ", "watchpost ", "watchpost-desk "} {
			if strings.HasPrefix(span, name) {
				lines = append(lines, span)
			}
		}
	}
	return lines
}

func TestCommandsShownExist(t *testing.T) {
	sh := newShell(t)
	count := 0
	for _, page := range shown {
		text := read(t, page)
		for _, line := range commands(text) {
			count++
			if err := sh.check(line); err != nil {
				t.Errorf("%s shows %q: %v", page, line, err)
			}
		}
	}
	if count < 20 {
		t.Errorf("looked at %d commands only", count)
	}
}

func TestFlagsShownExist(t *testing.T) {
	sh := newShell(t)
	known := slices.Concat(sh.programs["watchpost"].allFlags(), sh.programs["watchpost-desk"].allFlags())
	for _, page := range shown {
		prose, _ := parse(read(t, page))
		for _, span := range spans(prose) {
			name, ok := strings.CutPrefix(span, "--")
			name, _, _ = strings.Cut(name, " ") // its value
			if ok && !slices.Contains(known, name) {
				t.Errorf("%s names --%s, which no program has", page, name)
			}
		}
	}
}

// TestChecksShownAreRun holds .ci/run to every check the front pages offer.
func TestChecksShownAreRun(t *testing.T) {
	sh := newShell(t)
	called := steps(read(t, ".ci/run"))
	for _, page := range []string{"README.md", "README.zh-CN.md"} {
		for _, line := range commands(read(t, page)) {
			for _, name := range notRun(sh.targets, called, line) {
				t.Errorf("%s offers make %s, which .ci/run does not call", page, name)
			}
		}
	}
}

// steps lists the Make targets that .ci/run calls.
func steps(script string) (names []string) {
	for line := range strings.Lines(script) {
		if args, ok := strings.CutPrefix(strings.TrimSpace(line), "step make "); ok {
			names = append(names, split(args)[0])
		}
	}
	return names
}

// notRun lists the checks in a command line that nothing calls. A check is a
// target that tests or vets; pictures runs a test too, but to write files.
func notRun(targets map[string]string, called []string, line string) (names []string) {
	for _, name := range split(line)[1:] {
		recipe := targets[name]
		isCheck := strings.Contains(recipe, "$(GO) test") || strings.Contains(recipe, "$(GO) vet")
		if isCheck && name != "pictures" && !slices.Contains(called, name) {
			names = append(names, name)
		}
	}
	return names
}

// TestWrongCommandsAreSeen is the negative control of the tests above.
func TestWrongCommandsAreSeen(t *testing.T) {
	sh := newShell(t)
	for _, line := range []string{
		"make", "make run ARGS='--round 30s --plain'", "make build GOARCH=arm64", "CI=1 make test",
		"watchpost run --config x.yaml", "watchpost run --config=x.yaml", "watchpost version",
		"./bin/watchpost-desk demo --rounds 1", "watchpost buffer verify x.db", "watchpost --help",
		"watchpost schema > x.json",
	} {
		if err := sh.check(line); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	for _, line := range []string{
		"make tset", "make run ARGS='--rond 30s'", "make run ARGS='--round'", "watchpost", "watchpost rnu",
		"watchpost run --confg x.yaml", "watchpost run x.yaml", "watchpost version --config x",
		"watchpost-desk demo --boker x", "watchpost schema >", "cp configs/smaple.yaml x", "curl http://localhost/",
	} {
		if sh.check(line) == nil {
			t.Errorf("%q passes", line)
		}
	}
	if got := notRun(sh.targets, []string{"check"}, "make race check run"); !slices.Equal(got, []string{"race"}) {
		t.Errorf("checks that are not run: %v, want race", got)
	}
}
