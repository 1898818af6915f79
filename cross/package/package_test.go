//go:build debian

// Package deb installs the Debian package as a machine would: in a chroot of its
// own, made from the mirror this machine has its packages from, and (tag live) in
// a virtual machine that systemd runs. It runs as root, or through sudo without a
// password.
package deb

import (
	"strings"
	"testing"
)

// The versions that are installed one after the other.
const older, newer = "0.0.1", "0.0.2"

// install has dpkg take a package; nobody can be asked.
func (c chroot) install(version string) {
	c.t.Helper()
	c.run("dpkg", "--force-confdef", "--install", "/watchpost_"+version+".deb")
	c.want(true, "package installed whole", `[ "$(dpkg-query -W -f '${Status}' watchpost)" = "install ok installed" ]`)
}

func TestPackage(t *testing.T) {
	c := newChroot(t, "systemd")
	c.build(older, newer)
	c.install(older)
	t.Run("fresh", func(t *testing.T) { chroot{t, c.root}.fresh() })
	t.Run("unit", func(t *testing.T) { chroot{t, c.root}.unit() })
	t.Run("agent", func(t *testing.T) { chroot{t, c.root}.agent() })
	t.Run("upgrade", func(t *testing.T) { chroot{t, c.root}.upgrade() })
	t.Run("remove", func(t *testing.T) { chroot{t, c.root}.remove() })
	t.Run("purge", func(t *testing.T) { chroot{t, c.root}.purge() })
}

// fresh is what a first installation leaves.
func (c chroot) fresh() {
	c.want(true, "program answers", "/usr/bin/watchpost version | grep -q '^watchpost '")
	c.want(true, "configuration is right", "watchpost check")
	c.want(true, "configuration reads no hardware and names no platform", "watchpost check --lang en | grep -q 'sensors: 0, platforms: 0'")
	c.want(true, "sample is right", "watchpost check /usr/share/doc/watchpost/sample.yaml")
	c.want(true, "service is enabled", "test -L /etc/systemd/system/multi-user.target.wants/watchpost.service")
	c.want(true, "user has no shell", "getent passwd watchpost | grep -q nologin")
	for _, group := range []string{"gpio", "i2c", "spi", "dialout"} {
		c.want(true, "user is in "+group, "id -nG watchpost | tr ' ' '\\n' | grep -qx "+group)
	}
	c.want(true, "licences are there", "grep -q 'Eclipse Distribution License' /usr/share/doc/watchpost/THIRD_PARTY_NOTICES && grep -q 'Apache License' /usr/share/doc/watchpost/copyright")
	c.want(true, "scripts may run again", "/var/lib/dpkg/info/watchpost.postinst configure '' && /var/lib/dpkg/info/watchpost.postinst configure ''")
	c.want(true, "udev rules are whole", `! grep -vE '^(#.*|SUBSYSTEM=="[a-z0-9-]+", KERNEL=="[^"]+", GROUP="[a-z0-9]+", MODE="0660")$' /usr/lib/udev/rules.d/70-watchpost.rules`)
}

const service = "/usr/lib/systemd/system/watchpost.service"

// unit has systemd itself judge the unit.
func (c chroot) unit() {
	if out := c.run("systemd-analyze", "verify", service); strings.TrimSpace(out) != "" {
		c.t.Errorf("systemd-analyze verify says:\n%s", out)
	}
	out := c.run("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", service)
	last := out[max(0, strings.LastIndex(strings.TrimSpace(out), "\n")):]
	c.t.Log(strings.TrimSpace(last))

	// The negative controls: a key systemd does not know, and a unit that leaves
	// one thing open.
	c.sh("mkdir -p /tmp/wrong && sed 's/^WatchdogSec=/WatchdogSecs=/' " + service + " >/tmp/wrong/watchpost.service")
	if out := c.run("systemd-analyze", "verify", "/tmp/wrong/watchpost.service"); !strings.Contains(out, "WatchdogSecs") {
		c.t.Errorf("a wrong key is not seen:\n%s", out)
	}
	c.sh("sed '/^CapabilityBoundingSet=/d; /^SystemCallFilter=/d' " + service + " >/tmp/wrong/watchpost.service")
	c.want(false, "an open unit passes", "systemd-analyze security --offline=true --threshold=20 --no-pager /tmp/wrong/watchpost.service")

	// What would cost more than it hides (see the unit).
	c.want(false, "the clock's state or the boot id is hidden", "grep -E '^(ProtectClock=(yes|true)|ProcSubset=pid|PrivateDevices=(yes|true)|RestartPreventExitStatus)' "+service)
	c.want(true, "it is started again for ever", "grep -qx StartLimitIntervalSec=0 "+service+" && grep -qx Restart=always "+service)
}

// settings is what an installer leaves: a configuration of its own, a secret, and
// what the agent has stored.
const settings = `version: 1
gateway: {id: GW-0317}
page: {listen: off}
`

// agent runs the agent once as its user, so that there is a buffer to keep.
func (c chroot) agent() {
	c.write("/etc/watchpost/watchpost.yaml", settings)
	c.sh("install -o watchpost -m 0600 /dev/null /etc/watchpost/city.password")
	c.sh("install -d -o watchpost -g watchpost -m 0700 /var/lib/watchpost") // StateDirectory= does it
	c.sh("mkdir -p /proc && mount -t proc proc /proc")
	defer c.sh("umount /proc")
	out, err := c.try("setpriv", "--reuid", "watchpost", "--regid", "watchpost", "--init-groups", "timeout", "--signal=TERM", "3", "/usr/bin/watchpost", "run")
	c.t.Logf("agent: %v\n%s", err, out)
	c.want(true, "there is a buffer", "test -s /var/lib/watchpost/buffer.db")
}

// kept compares the installer's files and the buffer with what they were.
const (
	remember = "cat /etc/watchpost/watchpost.yaml /var/lib/watchpost/buffer.db /etc/watchpost/city.password | sha256sum >/tmp/was"
	kept     = "cat /etc/watchpost/watchpost.yaml /var/lib/watchpost/buffer.db /etc/watchpost/city.password | sha256sum | cmp - /tmp/was"
)

func (c chroot) upgrade() {
	c.sh(remember)
	c.sh("rm /etc/systemd/system/multi-user.target.wants/watchpost.service") // somebody switched it off
	c.install(newer)
	c.want(true, "version is the newer one", `[ "$(dpkg-query -W -f '${Version}' watchpost)" = `+newer+" ]")
	c.want(true, "configuration and buffer kept", kept)
	c.want(false, "the service was switched on again", "test -e /etc/systemd/system/multi-user.target.wants/watchpost.service")
}

func (c chroot) remove() {
	c.run("dpkg", "--remove", "watchpost")
	c.want(false, "program is left", "test -e /usr/bin/watchpost || test -e "+service)
	c.want(true, "configuration and buffer kept", kept)
	c.install(older)
	c.want(true, "configuration and buffer kept by a new installation", kept)
	c.run("dpkg", "--remove", "watchpost")
}

func (c chroot) purge() {
	c.run("dpkg", "--purge", "watchpost")
	c.want(false, "something is left", "ls -d /etc/watchpost /var/lib/watchpost /etc/systemd/system/*watchpost* /etc/systemd/system/*/watchpost*")
	c.want(true, "the user stays, its files elsewhere keep their owner", "getent passwd watchpost")
}
