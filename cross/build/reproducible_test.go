//go:build crossbuild

package build

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What is compared: one gateway's program and its package, the notices beside.
const comparedPlatform, comparedPackage = "PLATFORMS=armv6", "PACKAGES=armv6:armhf"

// TestTwoFoldersSameBytes builds the committed revision from two clones in two
// folders and compares every file, and the program with one that was compiled
// with an empty build cache. What is not committed is not in it.
func TestTwoFoldersSameBytes(t *testing.T) {
	first, second := clone(t, "a"), clone(t, filepath.Join("another", "and longer", "folder"))
	release(t, first)
	release(t, second)
	same, names := 0, all(t, filepath.Join(first, "dist"))
	for _, name := range names {
		if bytes.Equal(content(t, filepath.Join(first, "dist", name)), content(t, filepath.Join(second, "dist", name))) {
			same++
		} else {
			t.Errorf("%s differs between two builds", name)
		}
	}
	t.Logf("%d of %d files are the same: %q", same, len(names), names)
	if len(names) != 4 {
		t.Errorf("%d files, want program, package, notices and sums", len(names))
	}

	fresh := t.TempDir()
	run(t, second, []string{"GOCACHE=" + t.TempDir()}, "watchpost", "BIN="+fresh, "VCS=-buildvcs=true", "GOOS=linux", "GOARCH=arm", "GOARM=6")
	released, err := filepath.Glob(filepath.Join(first, "dist", "watchpost-*-linux-armv6"))
	if err != nil || len(released) != 1 || !bytes.Equal(content(t, released[0]), content(t, filepath.Join(fresh, "watchpost"))) {
		t.Errorf("%q differs from a build with an empty cache (%v)", released, err)
	}

	if setting(t, released[0], "vcs.revision") == "" || setting(t, released[0], "vcs.modified") != "false" {
		t.Errorf("%s is of revision %q, modified: %q", released[0], setting(t, released[0], "vcs.revision"), setting(t, released[0], "vcs.modified"))
	}

	// The negative control: another time, and the package differs.
	was := content(t, filepath.Join(first, "dist", "SHA256SUMS"))
	release(t, first, "SOURCE_DATE_EPOCH=1000000000")
	if bytes.Equal(was, content(t, filepath.Join(first, "dist", "SHA256SUMS"))) {
		t.Error("a package of another time has the same bytes: nothing is compared")
	}
}

// clone makes a working copy of the committed revision.
func clone(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("git", "clone", "--quiet", root, dir).CombinedOutput(); err != nil {
		t.Fatalf("clone: %v\n%s", err, out)
	}
	return dir
}

func release(t *testing.T, dir string, env ...string) {
	t.Helper()
	run(t, dir, env, "dist", comparedPlatform, comparedPackage, "DESKS=")
}

func run(t *testing.T, dir string, env []string, args ...string) {
	t.Helper()
	cmd := exec.Command("make", append([]string{"--silent"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "SOURCE_DATE_EPOCH="+revisionTime(t, dir))
	cmd.Env = append(cmd.Env, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make %s in %s: %v\n%s", args[0], dir, err, out)
	}
}

// revisionTime is what the Makefile takes when nobody says otherwise; the make
// that runs this test has exported its own.
func revisionTime(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("git", "-C", dir, "log", "-1", "--format=%ct").Output()
	if err != nil {
		t.Fatal(fmt.Errorf("ask for the revision's time: %w", err))
	}
	return string(bytes.TrimSpace(out))
}
