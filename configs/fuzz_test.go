package configs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	return append(out, Sample(), Demo(), []byte(small))
}

func FuzzParse(f *testing.F) {
	for i, src := range seeds(f) {
		f.Add(src, uint16(7*i), uint8(i))
	}
	f.Fuzz(func(t *testing.T, src []byte, at uint16, key uint8) {
		checkParse(t, string(src))
		checkParse(t, plant(string(src), int(at), int(key)))
	})
}

// checkParse holds Parse to what it promises of any text at all.
func checkParse(t *testing.T, src string) {
	t.Helper()
	cfg, problems := Parse("fuzz.yaml", []byte(src), parts{})
	if (cfg == nil) != (len(problems) > 0) {
		t.Fatalf("config %v with %d problems", cfg != nil, len(problems))
	}
	before := 0
	for _, p := range problems {
		if p.File != "fuzz.yaml" || p.Message().En == "" || p.Line < before {
			t.Fatalf("problem %+v after line %d", p, before)
		}
		if flaw := misplaced(p, src); flaw != "" {
			t.Fatalf("%v: %s", p, flaw)
		}
		before = p.Line
		for _, l := range []Language{Chinese, English} {
			text := p.In(l)
			if strings.ContainsFunc(text, isControl) {
				t.Fatalf("problem with control characters: %q", text)
			}
			if strings.Contains(text, planted) {
				t.Fatalf("problem with the secret: %q", text)
			}
		}
	}
}

// planted is a secret; it stands in none of the seeds.
const planted = "s3cr3t-Zx9"

// secretKeys are ways in which a secret is written into a configuration.
var secretKeys = []string{
	"password: %s", "password: \"%s", "Password: '%s'", "mqtt_password: %s # %[1]s", "token: [%s]", "secret: {%s: 1, %[1]s: 2}",
	"api_key: %s", "密码: %s", "密码：%s", "password：%s", "password=%s:", "password:%s:", "- password: %s", "key_file: %s",
	"password_file: %s", "password: |\n  %s", "password: &%s x", "password: !%s x", "password: *%s", "? password %s",
	"{password %s: 1}", "passphrase: %s: x", "server: tcp://u:%s@h:1", "credential: [{%s: , %[1]s: }]",
}

// plant puts a secret before the line of src that at falls into.
func plant(src string, at, key int) string {
	lines := strings.Split(src, "\n")
	n := at % len(lines)
	indent := lines[n][:len(lines[n])-len(strings.TrimLeft(lines[n], " "))]
	text := fmt.Sprintf(secretKeys[key%len(secretKeys)], planted)
	return strings.Join(slices.Insert(lines, n, indent+strings.ReplaceAll(text, "\n", "\n"+indent)), "\n")
}

// Ways of writing a secret, before every line of every file there is: a sixth of
// the ways for each line, another sixth for the next.
func TestSecretsAreNotShown(t *testing.T) {
	shown, total := 0, 0
	for _, src := range seeds(t) {
		if len(src) > len(sample) {
			continue
		}
		for at := range strings.Count(string(src), "\n") + 1 {
			for key := at % 6; key < len(secretKeys); key += 6 {
				checkParse(t, plant(string(src), at, key))
				total++
			}
		}
	}
	// The control: under a key that is no secret's, a wrong value is shown.
	for _, src := range seeds(t) {
		_, problems := Parse("x.yaml", []byte(strings.ReplaceAll(string(src), "version: 1", "version: "+planted)), parts{})
		if strings.Contains(problems.Error(), planted) {
			shown++
		}
	}
	if shown == 0 {
		t.Error("the check cannot fail: nothing is ever shown")
	}
	t.Logf("%d files with a secret planted", total)
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
	cfg, problems := Parse("x.yaml", []byte(small), panics{})
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
