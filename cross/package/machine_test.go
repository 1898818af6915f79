//go:build debian && live

package deb

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Hang guards: the machine is emulated, and this one may be busy.
const (
	bootWithin   = 10 * time.Minute
	answerWithin = 10 * time.Minute
	settleWithin = 5 * time.Minute
)

// machine is a virtual PC that runs Debian with systemd as process 1. It is
// emulated, so that it is the same wherever the test runs.
type machine struct {
	t       *testing.T
	dir     string
	cmd     *exec.Cmd
	conn    net.Conn
	answers *bufio.Reader
	port    net.Conn // the far end of its ttyS2
	silent  bool     // it did not answer, and so never will
}

// rig is what takes the test's commands in the machine: a line in base64 from
// ttyS1, the exit code and the output in base64 as the answer.
const rig = `#!/bin/sh
ip link set eth0 up && ip address add 10.0.2.15/24 dev eth0
exec 3<>/dev/ttyS1
stty -F /dev/ttyS1 raw -echo
echo ready >&3
while IFS= read -r line <&3; do
	code=0
	out=$(printf %s "$line" | base64 -d | sh -e 2>&1) || code=$?
	printf '%s %s\n' "$code" "$(printf %s "$out" | base64 -w0)" >&3
done
`

const rigUnit = `[Service]
ExecStart=/usr/local/lib/rig
[Install]
WantedBy=multi-user.target
`

// newMachine boots one with the packages' files in its root directory.
// WATCHPOST_DEBIAN names a directory with such a Debian made before, for whoever
// works on these tests.
func newMachine(t *testing.T, versions ...string) *machine {
	t.Helper()
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Fatalf("find qemu-system-x86_64: %v; install Debian's package qemu-system-x86", err)
	}
	c := chroot{t, os.Getenv("WATCHPOST_DEBIAN")}
	if c.root == "" {
		c = newChroot(t, "systemd", "systemd-sysv", "udev", "kmod", "dbus", "iproute2", "zstd", "linux-image-amd64")
	}
	c.build(versions...)
	c.write("/usr/local/lib/rig", rig)
	c.write("/etc/systemd/system/rig.service", rigUnit)
	c.sh("chmod +x /usr/local/lib/rig && mkdir -p /etc/systemd/system/multi-user.target.wants && ln -sf ../rig.service /etc/systemd/system/multi-user.target.wants/rig.service")
	m := &machine{t: t, dir: t.TempDir()}
	script := `truncate -s 1500M "$1/disk" && mkfs.ext4 -q -F -d "$2" "$1/disk" && cp "$2"/boot/vmlinuz-* "$1/kernel" && cp "$2"/boot/initrd.img-* "$1/initrd" && chmod 666 "$1"/*`
	if out, err := asRoot("sh", "-ec", script, "sh", m.dir, c.root).CombinedOutput(); err != nil {
		t.Fatalf("make disk: %v\n%s", err, out)
	}
	t.Cleanup(m.off)
	m.boot()
	return m
}

// boot starts the machine and waits for its rig. no_timer_check: an emulator on a
// busy machine is too late for the kernel's test of its timer.
func (m *machine) boot() {
	m.t.Helper()
	at := func(name string) string { return filepath.Join(m.dir, name) }
	m.cmd = exec.Command("timeout", "-k", "5", "3000", "qemu-system-x86_64",
		"-machine", "q35", "-accel", "tcg,tb-size=256", "-cpu", "max", "-smp", "2", "-m", "768", "-nodefaults", "-display", "none", "-no-reboot",
		"-kernel", at("kernel"), "-initrd", at("initrd"),
		"-append", "root=/dev/vda rw console=ttyS0 panic=-1 no_timer_check net.ifnames=0 mitigations=off quiet systemd.mask=serial-getty@ttyS0.service",
		"-drive", "if=virtio,format=raw,cache=unsafe,file="+at("disk"),
		"-serial", "file:"+at("console"),
		"-serial", "unix:"+at("rig")+",server=on,wait=off",
		"-serial", "unix:"+at("port")+",server=on,wait=off",
		"-netdev", "user,id=n0", "-device", "virtio-net-pci,netdev=n0,romfile=")
	m.cmd.Stderr = os.Stderr
	if err := m.cmd.Start(); err != nil {
		m.t.Fatalf("start machine: %v", err)
	}
	m.conn, m.port = m.dial(at("rig")), m.dial(at("port"))
	m.answers = bufio.NewReader(m.conn)
	if line := m.line(bootWithin); line != "ready" {
		m.t.Fatalf("machine says %q, want ready", line)
	}
}

// off cuts the power.
func (m *machine) off() {
	if m.cmd == nil {
		return
	}
	_ = m.cmd.Process.Signal(os.Interrupt) // timeout hands it on
	_ = m.cmd.Wait()
	m.cmd = nil
	m.conn.Close()
	m.port.Close()
}

func (m *machine) dial(name string) net.Conn {
	m.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; pause(20 * time.Millisecond) {
		conn, err := net.Dial("unix", name)
		if err == nil {
			return conn
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("reach machine: %v", err)
		}
	}
}

// pause waits for what is outside this process.
func pause(d time.Duration) { <-time.After(d) }

func (m *machine) line(within time.Duration) string {
	m.t.Helper()
	if err := m.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		m.t.Fatal(err)
	}
	line, err := m.answers.ReadString('\n')
	if err != nil {
		m.silent = true
		console, _ := os.ReadFile(filepath.Join(m.dir, "console"))
		m.t.Fatalf("machine does not answer: %v\n%s", err, tail(console))
	}
	return strings.TrimSpace(line)
}

// try runs lines of shell in the machine, as root.
func (m *machine) try(script string) (string, error) {
	m.t.Helper()
	if _, err := fmt.Fprintln(m.conn, base64.StdEncoding.EncodeToString([]byte(script))); err != nil {
		m.t.Fatalf("ask machine: %v", err)
	}
	code, text, _ := strings.Cut(m.line(answerWithin), " ")
	out, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		m.t.Fatalf("machine answers %q: %v", text, err)
	}
	if code != "0" {
		return string(out), fmt.Errorf("exit code %s", code)
	}
	return string(out), nil
}

// sh is try for what must work.
func (m *machine) sh(script string) string {
	m.t.Helper()
	out, err := m.try(script)
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return out
}

// want checks that lines of shell succeed or fail.
func (m *machine) want(holds bool, what, script string) {
	m.t.Helper()
	if out, err := m.try(script); (err == nil) != holds {
		m.t.Errorf("%s: want %v\n%s: %v\n%s", what, holds, script, err, out)
	}
}

// until waits for lines of shell to succeed, and returns the seconds it took.
func (m *machine) until(what, script string) float64 {
	m.t.Helper()
	start := time.Now()
	for {
		out, err := m.try(script)
		if err == nil {
			return time.Since(start).Seconds()
		}
		if time.Since(start) > settleWithin {
			m.t.Fatalf("waited %v for: %s\n%s: %v\n%s\n%s", settleWithin, what, script, err, out, m.sh("systemctl status watchpost --no-pager -l || true"))
		}
		pause(300 * time.Millisecond)
	}
}

// property asks systemd about the unit.
func (m *machine) property(name string) string {
	m.t.Helper()
	return m.sh("systemctl show watchpost -p " + name + " --value")
}

func (m *machine) number(name string) int {
	m.t.Helper()
	n, err := strconv.Atoi(m.property(name))
	if err != nil {
		m.t.Fatalf("systemd says of %s: %v", name, err)
	}
	return n
}
