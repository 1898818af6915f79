package document

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tried are the pages every command of which is tried by something: run here, or
// by .ci/run, or by the test that elsewhere names.
var tried = []string{"README.md", "README.zh-CN.md", "CONTRIBUTING.md", "SECURITY.md", "docs/platform.md", "docs/platform.zh-CN.md"}

// elsewhere are the commands that are not run as they stand: what runs them, a
// test with its folder, or why it is a person who does.
var elsewhere = map[string]string{
	"./bin/watchpost-desk follow --server tls://broker.example:8883 --ca-file ca.pem --username platform --password-file password": "agent/desk TestFollowOverTLS",

	"sudo apt install ./watchpost_*_arm64.deb": "cross/package TestPackage",
	"sudo nano /etc/watchpost/watchpost.yaml":  "an editor",
	"sudo systemctl restart watchpost":         "cross/package TestLive",
	"sudo -u watchpost watchpost check --live": "agent TestCheckLiveReadsTheFilesOfSecrets",
	"sudo -u watchpost watchpost password":     "agent TestPasswordCommand",
	"make pictures":                            "writes pictures",
}

// how a command line is tried.
type way int

const (
	nothing way = iota // tries it
	here
	ci
	named
)

// wayOf says what tries a command line of a page.
func (s shell) wayOf(line string, called []string) way {
	if _, ok := elsewhere[line]; ok {
		return named
	}
	words := split(line)
	switch name := strings.TrimPrefix(words[0], "./bin/"); {
	case name == "make" && len(words) > 1 && slices.Contains([]string{"run", "help"}, words[1]):
		return here
	case name == "make":
		for _, word := range words[1:] {
			if !assignment.MatchString(word) && !slices.Contains(called, word) {
				return nothing
			}
		}
		return ci
	case name == "cp", s.programs[name] != nil:
		return here
	}
	return nothing
}

var prerequisites = regexp.MustCompile(`(?m)^([a-z0-9-]+):([^#=\n]*)`)

// withPrerequisites adds to targets what they need.
func withPrerequisites(makefile string, targets []string) []string {
	targets = slices.Clone(targets)
	for i := 0; i < len(targets); i++ {
		for _, m := range prerequisites.FindAllStringSubmatch(makefile, -1) {
			if m[1] == targets[i] {
				targets = append(targets, strings.Fields(m[2])...)
			}
		}
	}
	return targets
}

// isMention reports whether a code span only names a program's command, without
// anything to type after it.
func isMention(line string, ran map[string]bool) bool {
	words := split(line)
	return len(words) == 2 && ran[words[0]+" "+words[1]] || len(words) == 3 && words[2] == "--live" && ran[words[0]+" "+words[1]]
}

// everyCommandIsTried runs what can be run here, and holds the rest to something
// that runs it.
func everyCommandIsTried(t *testing.T, d desk) {
	t.Helper()
	sh := newShell(t)
	makefile := read(t, "Makefile")
	called := withPrerequisites(makefile, steps(read(t, ".ci/run")))
	ran := map[string]bool{}
	for _, page := range tried {
		_, fences := parse(read(t, page))
		blocks := commandLines(fences)
		for _, line := range blocks {
			if words := split(line); len(words) > 1 {
				ran[strings.TrimPrefix(words[0], "./bin/")+" "+words[1]] = true
			}
		}
		front := page == "README.md" || page == "README.zh-CN.md"
		for _, line := range commands(read(t, page)) {
			inBlock := slices.Contains(blocks, line)
			if !inBlock && isMention(line, ran) {
				continue
			}
			switch sh.wayOf(line, called) {
			case nothing:
				t.Errorf("%s shows %q, which nothing tries", page, line)
			case here:
				if front && inBlock && !strings.HasPrefix(line, "make") {
					continue // runs in printWhatIsShown
				}
				if out, err := d.try(line); err != nil {
					t.Errorf("%s shows %q: %v\n%s", page, line, err, strings.Join(out, "\n"))
				}
			}
		}
	}
	for line, by := range elsewhere {
		folder, name, isTest := strings.Cut(by, " Test")
		if !isTest {
			continue
		}
		found, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
		if err != nil || !slices.ContainsFunc(found, func(file string) bool {
			text, err := os.ReadFile(file)
			return err == nil && strings.Contains(string(text), "func Test"+name+"(")
		}) {
			t.Errorf("%q is to be tried by %s, which there is not", line, by)
		}
	}
}

// try runs one line with what it names put in its place: the demo's broker, a
// configuration. What goes on until Ctrl-C is ended after its first lines.
func (d desk) try(line string) ([]string, error) {
	words := split(line)
	if words[0] == "make" && words[1] == "help" {
		help := exec.Command("make", "--no-print-directory", "help")
		help.Dir = root
		out, err := help.CombinedOutput()
		if err == nil && !strings.Contains(string(out), "make test-broker") {
			err = fmt.Errorf("it lists no targets")
		}
		return []string{string(out)}, err
	}
	if words[0] == "make" { // run, by whose recipe the rest goes to the demo
		args := "--plain"
		for _, word := range words[2:] {
			args += " " + strings.TrimPrefix(word, "ARGS=")
		}
		return d.run("watchpost-desk demo "+args, 3)
	}
	if strings.Contains(line, "watchpost-desk follow") {
		if !strings.Contains(line, "--server") {
			line += " --server " + d.broker
		}
		out, err := d.run(line, 1)
		if left, ok := errors.AsType[*exec.ExitError](err); ok && left.ExitCode() == 1 {
			err = nil // its verdict of a gateway it heard nothing of yet
		}
		return out, err
	}
	return d.run(line, 0)
}

// TestACommandThatNothingTriesIsSeen is the negative control.
func TestACommandThatNothingTriesIsSeen(t *testing.T) {
	sh := newShell(t)
	called := withPrerequisites("cross: dist ## x\ndist: go-version\ntest:\n", []string{"cross", "test"})
	for line, want := range map[string]way{
		"make dist": ci, "make test": ci, "make pictures": named, "make help": here, "make run ARGS='--plain'": here,
		"make clean": nothing, "make test-broker-long": nothing, "sudo reboot": nothing, "dpkg -i watchpost.deb": nothing,
		"watchpost check x.yaml": here, "./bin/watchpost-desk follow": here, "watchpots check": nothing,
	} {
		if got := sh.wayOf(line, called); got != want {
			t.Errorf("%q is tried in way %d, want %d", line, got, want)
		}
	}
	if ran := map[string]bool{"watchpost check": true}; !isMention("watchpost check", ran) || isMention("watchpost check gateway.yaml", ran) || isMention("watchpost schema", ran) {
		t.Error("mentions are mistaken")
	}
}

var quoted = regexp.MustCompile(`"([^"\n]+)"|“([^”\n]+)”`)

// TestPageIsQuotedAsItSpeaks holds what the ten minutes quote of the page to the
// page's words.
func TestPageIsQuotedAsItSpeaks(t *testing.T) {
	words := read(t, "agent/page/words.go")
	for page, headings := range map[string][]string{
		"README.md":       {"## On a gateway in ten minutes", "## A password for the page"},
		"README.zh-CN.md": {"## 十分钟装好一台网关", "## 网页的密码"},
	} {
		prose, _ := parse(read(t, page))
		found := 0
		for _, m := range quoted.FindAllStringSubmatch(section(prose, headings[0])+section(prose, headings[1]), -1) {
			if said := m[1] + m[2]; says(words, said) {
				found++
			} else if said != "故障" { // check's word, not the page's
				t.Errorf("%s quotes %q, which the page does not say", page, said)
			}
		}
		if found < 5 {
			t.Errorf("%s quotes %d words of the page only", page, found)
		}
	}
	if says(words, "All is good") || !says(words, "1 alarm") {
		t.Error("the page's words are mistaken")
	}
}

// says reports whether a text of the page begins with what is quoted.
func says(words, said string) bool {
	return strings.Contains(words, `"`+strings.Replace(said, "1 ", "{n} ", 1))
}
