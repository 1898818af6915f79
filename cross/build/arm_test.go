//go:build qemu && long

package build

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// onPlatform is what the tests of one platform came to.
type onPlatform struct {
	Platform string   `json:"platform"`
	Packages int      `json:"packages"`
	Passed   int      `json:"tests_passed"` // each as often as it ran
	Failed   []string `json:"tests_failed"`
	Checks   int      `json:"property_checks"` // of each property, each time
	Seconds  int      `json:"seconds"`
}

// TestOnARM runs the tests that ARM_TESTED names as often as ARM_COUNT says,
// properties with ten times as many draws, as ARM programs under qemu-user.
func TestOnARM(t *testing.T) {
	var all []onPlatform
	for _, p := range []struct{ name, arch, arm, qemu string }{
		{"arm64", "arm64", "", "qemu-aarch64"}, {"armv7", "arm", "7", "qemu-arm"},
	} {
		t.Run(p.name, func(t *testing.T) {
			qemu := p.qemu + "-static"
			if _, err := exec.LookPath(qemu); err != nil {
				qemu = p.qemu
			}
			start := time.Now()
			r := onPlatform{Platform: p.name, Failed: []string{}, Checks: 1000}
			args := append([]string{"test", "-json", "-exec", qemu, "-timeout", "60m", "-count", os.Getenv("ARM_COUNT"),
				"-skip", os.Getenv("ARM_SKIPPED")}, strings.Fields(os.Getenv("ARM_TESTED"))...)
			cmd := exec.Command("go", args...)
			cmd.Stderr = os.Stderr
			cmd.Dir = filepath.Join("..", "..")
			cmd.Env = append(os.Environ(), "GOARCH="+p.arch, "GOARM="+p.arm, "RAPID_CHECKS="+strconv.Itoa(r.Checks))
			out, err := cmd.Output()
			r.count(t, out)
			if err != nil {
				t.Errorf("go %q: %v", args, err)
			}
			r.Seconds = int(time.Since(start).Seconds())
			t.Logf("%+v", r)
			all = append(all, r)
		})
	}
	if name := os.Getenv("WATCHPOST_MEASURED"); name != "" {
		writeMeasured(t, name, all)
	}
}

// count reads what go test -json says.
func (r *onPlatform) count(t *testing.T, out []byte) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 16<<20)
	said := map[string]string{}
	for lines.Scan() {
		var e struct{ Action, Package, Test, Output string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Logf("%s", lines.Text())
			continue
		}
		name := e.Package + "." + e.Test
		switch {
		case e.Action == "output":
			said[name] = (said[name] + e.Output)[max(0, len(said[name])+len(e.Output)-2000):]
		case e.Action == "pass" && e.Test == "":
			r.Packages++
		case e.Action == "pass":
			r.Passed++
		case e.Action == "fail":
			r.Failed = append(r.Failed, strings.TrimSuffix(name, "."))
			t.Errorf("%s:\n%s", name, said[name])
		}
	}
	if err := lines.Err(); err != nil {
		t.Errorf("read what go test says: %v", err)
	}
}

func writeMeasured(t *testing.T, name string, all []onPlatform) {
	t.Helper()
	commit, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		t.Fatalf("ask git for the commit: %v", err)
	}
	text, err := json.MarshalIndent(map[string]any{
		"what":      "make test-arm-long: the tests as ARM programs under qemu-user, each " + os.Getenv("ARM_COUNT") + " times",
		"commit":    strings.TrimSpace(string(commit)),
		"date":      time.Now().UTC().Format(time.DateOnly),
		"passed":    !t.Failed(),
		"platforms": all,
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
