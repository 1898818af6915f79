//go:build qemu

package build

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// onARM runs the gateway's program for ARMv7 under qemu-user and returns what it
// printed and its exit code.
func onARM(t *testing.T, binary string, args ...string) (string, int) {
	t.Helper()
	qemu, err := exec.LookPath("qemu-arm-static")
	if err != nil {
		qemu = "qemu-arm"
	}
	cmd := exec.Command(qemu, append([]string{binary}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=en_GB.UTF-8")
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		t.Fatalf("run %s %q: %v", qemu, args, err)
	}
	return string(out), 0
}

// A gateway that has nothing wired to it yet: the file is right, and each sensor
// says why it cannot be read.
const bare = `version: 1
gateway: {id: GW-ARM}
page: {listen: off}
sensors:
  - {id: pit, driver: ads1115, bus: i2c-99, span: 5m}
  - {id: smoke, driver: contact, line: "gpiochip99:17", measures: smoke}
`

func TestProgramOnARM(t *testing.T) {
	bin := t.TempDir()
	build := exec.Command("make", "--silent", "watchpost", "BIN="+bin, "GOOS=linux", "GOARCH=arm", "GOARM=7")
	build.Dir, build.Env = filepath.Join("..", ".."), append(os.Environ(), "MAKEFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	file := filepath.Join(bin, "bare.yaml")
	if err := os.WriteFile(file, []byte(bare), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(bin, "broken.yaml")
	if err := os.WriteFile(broken, []byte(strings.Replace(bare, "ads1115", "ads1116", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		code int
		says []string
	}{
		{[]string{"version"}, 0, []string{"watchpost ", "linux/arm\n"}},
		{[]string{"check", filepath.Join("..", "..", "configs", "sample.yaml")}, 0, []string{"configuration is right: gateway GW-0317"}},
		{[]string{"check", file}, 0, []string{"gateway GW-ARM, sensors: 2"}},
		{[]string{"check", broken}, 2, []string{"broken.yaml:5:", "ads1115"}},
		{[]string{"read", "--config", file}, 1, []string{"pit", "i2c-99", "smoke", "gpiochip99"}},
	} {
		out, code := onARM(t, filepath.Join(bin, "watchpost"), tc.args...)
		t.Logf("%q: exit code %d\n%s", tc.args, code, out)
		if code != tc.code {
			t.Errorf("%q: exit code %d, want %d", tc.args, code, tc.code)
		}
		for _, want := range tc.says {
			if !strings.Contains(out, want) {
				t.Errorf("%q does not say %q", tc.args, want)
			}
		}
	}
}
