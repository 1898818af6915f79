//go:build crossbuild

// Package build looks at what `make dist` made: the programs, the packages and
// the notices that are released.
package build

import (
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// dist is where they are.
var dist = filepath.Join("..", "..", "dist")

// maxBytes is the budget of the gateway's program, stripped. That for ARMv7 is
// promised; the linker fills up segments to 64 KiB, so sizes go in such steps.
var maxBytes = map[string]int64{
	"armv7": 12_000_000,
	"armv6": 12_000_000,
	"arm64": 12_000_000,
	"amd64": 13_000_000,
}

// program finds one by name and platform.
func program(t *testing.T, name, platform string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dist, name+"-[0-9]*-linux-"+platform))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s for %s: found %q, %v; make dist builds it", name, platform, found, err)
	}
	return found[0]
}

func TestPrograms(t *testing.T) {
	for platform, machine := range map[string]elf.Machine{
		"arm64": elf.EM_AARCH64, "armv7": elf.EM_ARM, "armv6": elf.EM_ARM, "amd64": elf.EM_X86_64,
	} {
		t.Run(platform, func(t *testing.T) {
			binary := program(t, "watchpost", platform)
			wantStatic(t, binary, machine)
			if with := linked(t, binary, "github.com/mochi-mqtt/server"); with {
				t.Errorf("%s links a broker", binary)
			}
			if version, ok := strings.CutPrefix(platform, "armv"); ok && setting(t, binary, "GOARM") != version {
				t.Errorf("%s is for ARMv%s", binary, setting(t, binary, "GOARM"))
			}
			t.Logf("watchpost %s: %d bytes, budget %d", platform, size(t, binary), maxBytes[platform])
			if over := size(t, binary) - maxBytes[platform]; over > 0 {
				t.Errorf("watchpost for %s is %d bytes over its budget of %d", platform, over, maxBytes[platform])
			}
		})
	}
}

func size(t *testing.T, binary string) int64 {
	t.Helper()
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestFatIsOverBudget is the negative control of the budget: the gateway's program
// for ARMv7 as it would be without what makes it slim.
func TestFatIsOverBudget(t *testing.T) {
	bin := t.TempDir()
	build := exec.Command("make", "--silent", "watchpost", "BIN="+bin, "SLIM=", "GOOS=linux", "GOARCH=arm", "GOARM=7")
	build.Dir, build.Env = filepath.Join("..", ".."), append(os.Environ(), "MAKEFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	fat := size(t, filepath.Join(bin, "watchpost"))
	t.Logf("watchpost armv7, not slim: %d bytes", fat)
	if fat <= maxBytes["armv7"] {
		t.Errorf("a program that is not slim has %d bytes, within the budget of %d: the budget holds nothing", fat, maxBytes["armv7"])
	}
}

// TestDeskLinksABroker is the negative control of the linking check.
func TestDeskLinksABroker(t *testing.T) {
	for _, platform := range []string{"arm64", "amd64"} {
		if !linked(t, program(t, "watchpost-desk", platform), "github.com/mochi-mqtt/server") {
			t.Error("the desk links no broker either: the check sees nothing")
		}
	}
}

func wantStatic(t *testing.T, binary string, machine elf.Machine) {
	t.Helper()
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if file.Machine != machine {
		t.Errorf("%s is for %v, want %v", binary, file.Machine, machine)
	}
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("%s needs a dynamic loader (%v)", binary, p.Type)
		}
	}
	for _, s := range file.Sections {
		if s.Name == ".symtab" || strings.HasPrefix(s.Name, ".debug") {
			t.Errorf("%s is not stripped: section %s", binary, s.Name)
		}
	}
}

func info(t *testing.T, binary string) *buildinfo.BuildInfo {
	t.Helper()
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func linked(t *testing.T, binary, module string) bool {
	t.Helper()
	for _, m := range info(t, binary).Deps {
		if strings.HasPrefix(m.Path, module) {
			return true
		}
	}
	return false
}

func setting(t *testing.T, binary, key string) string {
	t.Helper()
	for _, s := range info(t, binary).Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// all lists every file of a release.
func all(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestChecksums(t *testing.T) {
	sums := string(content(t, filepath.Join(dist, "SHA256SUMS")))
	names := slices.DeleteFunc(all(t, dist), func(name string) bool { return name == "SHA256SUMS" })
	if len(names) != 10 || strings.Count(sums, "\n") != len(names) {
		t.Errorf("%d files, sums of %d, want 10: %q", len(names), strings.Count(sums, "\n"), names)
	}
	for _, name := range names {
		sum := sha256.Sum256(content(t, filepath.Join(dist, name)))
		if line := fmt.Sprintf("%s  %s\n", hex.EncodeToString(sum[:]), name); !strings.Contains(sums, line) {
			t.Errorf("SHA256SUMS has no line %q", line)
		}
	}
}

func content(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestNoticesNameEveryModule compares the notices with what the linker noted.
func TestNoticesNameEveryModule(t *testing.T) {
	notices := string(content(t, filepath.Join(dist, "THIRD_PARTY_NOTICES")))
	for _, name := range all(t, dist) {
		if !strings.Contains(name, "-linux-") {
			continue
		}
		for _, m := range unnamed(info(t, filepath.Join(dist, name)), notices) {
			t.Errorf("%s links %s, which THIRD_PARTY_NOTICES does not name", name, m)
		}
	}
	for _, want := range []string{"Go standard library", "Eclipse Distribution License - v 1.0", "Redistribution and use in source and binary forms"} {
		if !strings.Contains(notices, want) {
			t.Errorf("no %q in the notices", want)
		}
	}
	mozilla := strings.Contains(notices, "Mozilla Public License, version 2.0")
	if linked(t, program(t, "watchpost", "armv7"), "github.com/hashicorp/") != mozilla {
		t.Errorf("a module under MPL-2.0 is linked or its text is there, not both (text: %v)", mozilla)
	}
	// The negative control: one line less.
	bolt := "\ngo.etcd.io/bbolt "
	if got := unnamed(info(t, program(t, "watchpost", "armv7")), strings.Replace(notices, bolt, "\n", -1)); len(got) != 1 {
		t.Errorf("without bbolt's lines %q are missed", got)
	}
}

// unnamed lists the modules that the notices do not name with their version.
func unnamed(info *buildinfo.BuildInfo, notices string) (missing []string) {
	for _, m := range info.Deps {
		if !strings.Contains(notices, "\n"+m.Path+" "+m.Version+"\n") {
			missing = append(missing, m.Path)
		}
	}
	return missing
}
