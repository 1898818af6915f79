//go:build crossbuild

// Package build makes the programs for the gateways and looks at what came out.
package build

import (
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// target is one kind of gateway.
type target struct{ name, arch, arm string }

var targets = []target{
	{"arm64", "arm64", ""},
	{"armv7", "arm", "7"},
	{"armv6", "arm", "6"},
}

// maxBytes is the budget of the gateway's program, stripped.
const maxBytes = 12 << 20

func TestStaticBuilds(t *testing.T) {
	for _, target := range targets {
		t.Run(target.name, func(t *testing.T) {
			binary := compile(t, target, "watchpost")
			size := fileSize(t, binary)
			t.Logf("watchpost %s: %d bytes (%.1f MiB), budget %d", target.name, size, float64(size)/(1<<20), maxBytes)
			if size > maxBytes {
				t.Errorf("watchpost for %s has %d bytes, budget %d", target.name, size, maxBytes)
			}
			wantStatic(t, binary)
			wantWithout(t, binary, "github.com/mochi-mqtt/server")
		})
	}
}

// TestDeskLinksABroker is the negative control of the linking check.
func TestDeskLinksABroker(t *testing.T) {
	binary := compile(t, targets[0], "watchpost-desk")
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(fmt.Sprint(modulesOf(info)), "github.com/mochi-mqtt/server") {
		t.Error("the desk links no broker either: the check sees nothing")
	}
}

// compile builds a program as a release is built: by the Makefile.
func compile(t *testing.T, target target, name string) string {
	t.Helper()
	bin := t.TempDir()
	args := []string{"--silent", name, "BIN=" + bin, "GOARCH=" + target.arch}
	if target.arm != "" {
		args = append(args, "GOARM="+target.arm)
	}
	cmd := exec.Command("make", args...)
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s for %s: %v\n%s", name, target.name, err, out)
	}
	return filepath.Join(bin, name)
}

func fileSize(t *testing.T, name string) int64 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func wantStatic(t *testing.T, binary string) {
	t.Helper()
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("%s needs a dynamic loader (%v)", binary, p.Type)
		}
	}
}

func wantWithout(t *testing.T, binary, module string) {
	t.Helper()
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range modulesOf(info) {
		if strings.HasPrefix(m, module) {
			t.Errorf("%s links %s", binary, m)
		}
	}
}

func modulesOf(info *buildinfo.BuildInfo) (all []string) {
	for _, m := range info.Deps {
		all = append(all, m.Path)
	}
	return all
}
