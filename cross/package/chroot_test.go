//go:build debian

package deb

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// asRoot is a command with root's rights.
func asRoot(name string, args ...string) *exec.Cmd {
	if os.Geteuid() != 0 {
		name, args = "sudo", append([]string{"-n", "--", name}, args...)
	}
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "SYSTEMD_COLORS=0")
	return cmd
}

// chroot is a minimal Debian.
type chroot struct {
	t    *testing.T
	root string
}

// newChroot makes one of the packages that every Debian has and those that are
// named. mmdebstrap takes a third of debootstrap's time; what it makes is thrown
// away, so dpkg need not wait for the disk.
func newChroot(t *testing.T, packages ...string) chroot {
	t.Helper()
	for _, name := range []string{"mmdebstrap", "dpkg-deb"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("find %s: %v; install Debian's package of that name", name, err)
		}
	}
	if out, err := asRoot("true").CombinedOutput(); err != nil {
		t.Fatalf("this test makes a chroot: run it as root, or as one who may sudo without a password: %v\n%s", err, out)
	}
	suite, mirror := mirror(t)
	c := chroot{t, filepath.Join(t.TempDir(), "debian")}
	t.Cleanup(func() {
		if out, err := asRoot("rm", "-rf", "--one-file-system", c.root).CombinedOutput(); err != nil {
			t.Errorf("remove chroot: %v\n%s", err, out)
		}
	})
	cmd := asRoot("mmdebstrap", "--mode=root", "--variant=essential", "--include="+strings.Join(packages, ","),
		"--dpkgopt=force-unsafe-io", "--aptopt=Acquire::Languages \"none\"", suite, c.root, mirror)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make a chroot of %s: %v\n%s", suite, err, tail(out))
	}
	return c
}

// mirror is the first place with a main component this machine has packages from.
func mirror(t *testing.T) (suite, address string) {
	t.Helper()
	out, err := exec.Command("apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI) $(COMPONENT)", "Created-By: Packages").Output()
	if err != nil {
		t.Fatalf("ask apt for its mirror: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) == 3 && f[2] == "main" && !strings.Contains(f[0], "-") {
			return f[0], f[1]
		}
	}
	t.Fatalf("apt knows no mirror with main; run apt-get update. It says:\n%s", out)
	return "", ""
}

func tail(out []byte) string { return string(out[max(0, len(out)-3000):]) }

// try runs a command in the chroot.
func (c chroot) try(args ...string) (string, error) {
	out, err := asRoot("chroot", append([]string{c.root}, args...)...).CombinedOutput()
	return string(out), err
}

// run is try for what must work.
func (c chroot) run(args ...string) string {
	c.t.Helper()
	out, err := c.try(args...)
	if err != nil {
		c.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// sh is run for one line of shell.
func (c chroot) sh(line string) string {
	c.t.Helper()
	return c.run("sh", "-ec", line)
}

// want checks that a line of shell succeeds or fails.
func (c chroot) want(holds bool, what, line string) {
	c.t.Helper()
	if out, err := c.try("sh", "-ec", line); (err == nil) != holds {
		c.t.Errorf("%s: want %v\n%s: %v\n%s", what, holds, line, err, out)
	}
}

// write puts a file into the chroot.
func (c chroot) write(path, text string) {
	c.t.Helper()
	cmd := asRoot("tee", filepath.Join(c.root, path))
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("write %s: %v\n%s", path, err, out)
	}
}

// packages builds the program once, and of it one package of each version, into
// dir. They differ in nothing else, as two releases may.
func packages(t *testing.T, dir, arch string, versions ...string) {
	t.Helper()
	platform := map[string]string{"amd64": "amd64", "arm64": "arm64", "armhf": "armv6"}[arch]
	cmd := exec.Command("make", "--silent", "dist", "DIST="+dir, "VERSION="+versions[0], "DESKS=", "PLATFORMS="+platform, "PACKAGES="+platform+":"+arch)
	cmd.Dir, cmd.Env = filepath.Join("..", ".."), append(os.Environ(), "MAKEFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build package %s: %v\n%s", versions[0], err, tail(out))
	}
	for _, version := range versions[1:] {
		script := `dpkg-deb --raw-extract "$1" "$2" && sed -i "s/^Version: .*/Version: $3/" "$2/DEBIAN/control" &&
			dpkg-deb -Zgzip -z1 --root-owner-group --build "$2" "$4"`
		cmd := exec.Command("sh", "-ec", script, "sh", file(dir, arch, versions[0]), filepath.Join(dir, version), version, file(dir, arch, version))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("make package %s of %s: %v\n%s", version, versions[0], err, out)
		}
	}
}

// file is a package's name.
func file(dir, arch, version string) string {
	return filepath.Join(dir, fmt.Sprintf("watchpost_%s_%s.deb", version, arch))
}

// build puts the packages of the versions into the chroot.
func (c chroot) build(versions ...string) {
	c.t.Helper()
	dist, arch := c.t.TempDir(), c.arch()
	packages(c.t, dist, arch, versions...)
	for _, version := range versions {
		if out, err := asRoot("cp", file(dist, arch, version), filepath.Join(c.root, "watchpost_"+version+".deb")).CombinedOutput(); err != nil {
			c.t.Fatalf("copy package: %v\n%s", err, out)
		}
	}
}

func (c chroot) arch() string { return strings.TrimSpace(c.run("dpkg", "--print-architecture")) }
