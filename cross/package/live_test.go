//go:build debian && live

package deb

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// live is the package on a machine that systemd runs.
type live struct {
	*machine
	city    *city
	figures *figures
}

func TestLive(t *testing.T) {
	m := newMachine(t, older, newer)
	l := live{m, newCity(t), &figures{}}
	for _, step := range []struct {
		name string
		run  func(live)
	}{
		{"install", live.install}, {"hardware", live.hardware}, {"sandbox", live.sandbox}, {"exposure", live.exposure},
		{"killed", live.killed}, {"frozen", live.frozen}, {"stop", live.stop}, {"mistake", live.mistake},
		{"upgrade", live.upgrade}, {"boot", live.restartMachine}, {"remove", live.remove},
	} {
		t.Run(step.name, func(t *testing.T) {
			m.t = t
			step.run(l)
		})
		if m.t = t; m.silent {
			break
		}
	}
	l.figures.write(t)
}

// active waits until systemd has heard READY=1 and a first status.
func (l live) active() float64 {
	l.t.Helper()
	return l.until("the unit is active and has a status", `[ "$(systemctl is-active watchpost)" = active ] && [ -n "$(systemctl show watchpost -p StatusText --value)" ]`)
}

const page = `/bin/bash -c 'exec 5<>/dev/tcp/127.0.0.1/8080 && printf "GET /readyz HTTP/1.0\r\nHost: 127.0.0.1:8080\r\n\r\n" >&5 && head -n 1 <&5 | grep -q " 200 "'`

// install is dpkg's work alone: nobody starts the service by hand. Between the
// two halves of it udev reads the rules, as it may: it looks at its files every
// 3 s at most, when something happens.
func (l live) install() {
	l.sh("dpkg --force-unsafe-io --unpack /watchpost_" + older + ".deb")
	l.sh("sleep 4; udevadm trigger --subsystem-match=mem; udevadm settle")
	l.sh("dpkg --force-unsafe-io --force-confdef --configure watchpost")
	l.figures.SecondsToActive = l.active()
	if got := l.property("Type"); got != "notify" {
		l.t.Errorf("unit is of type %s", got)
	}
	l.t.Logf("status: %s", l.property("StatusText"))
	l.want(true, "the page answers", page)
	l.want(true, "the state directory is the agent's alone", `[ "$(stat -c '%U %G %a' /var/lib/watchpost)" = "watchpost watchpost 700" ] && test -s /var/lib/watchpost/buffer.db`)
	if n := l.number("NRestarts"); n != 0 {
		l.t.Errorf("restarted %d times", n)
	}
}

// configuration has what is there and what is not: a sensor on a serial line, a
// bus on which nothing can be read, and a bus and lines that no machine has.
func (l live) configuration() string {
	return fmt.Sprintf(`version: 1
gateway: {id: GW-LIVE}
platforms: [{id: city, server: "tcp://10.0.2.2:%s", allow_plaintext: true}]
sensors:
  - {id: pit, driver: a02yyuw, port: ttyS2, height: 2.4m, report: {every: 10s}, alarm: {above: 1.5m, clear_below: 1.4m, level: red}}
  - {id: mute, driver: ads1115, bus: "$bus", span: 5m}
  - {id: away, driver: ads1115, bus: i2c-99, span: 5m}
  - {id: gone, driver: contact, line: "gpiochip99:4", measures: door}
`, l.city.port)
}

// hardware gives the machine the kernel's own I2C bus, which is loaded only after
// the agent was started, and somebody on the serial line. GPIO lines the kernel of
// a Debian PC cannot simulate: a node without a chip shows whether it is open to
// the agent.
func (l live) hardware() {
	l.sh(`modprobe i2c-dev; modprobe i2c-stub chip_addr=0x48; udevadm settle
bus=$(grep -l 'SMBus stub' /sys/class/i2c-dev/*/name | cut -d/ -f5)
mknod -m 660 /dev/gpiochip0 c $(awk '$2 == "gpiochip" {print $1}' /proc/devices) 0; chgrp gpio /dev/gpiochip0
cat >/etc/watchpost/watchpost.yaml <<END
` + l.configuration() + `END
`)
	l.want(true, "device nodes belong to their groups", `[ "$(stat -c '%G %a' /dev/i2c-0)" = "i2c 660" ] && [ "$(stat -c '%G %a' /dev/ttyS2)" = "dialout 660" ]`)
	l.speak()
	l.sh("watchpost check && systemctl restart watchpost")
	l.active()
	l.until("the level is read from the serial line", "watchpost read pit --json --lang en | grep -q '\"quality\":\"good\"'")
	l.until("the status tells the alarm", "systemctl show watchpost -p StatusText --value | grep pit")
	out, _ := l.try("watchpost read --lang en")
	l.t.Logf("sensors:\n%s", out)
	if strings.Contains(out, "permission") || strings.Contains(out, "not permitted") {
		l.t.Error("a device is closed to the agent")
	}
	l.want(true, "missing hardware is told, and is no failure", "{ watchpost read away --lang en || true; } | grep -q missing && systemctl is-active watchpost && [ $(systemctl show watchpost -p NRestarts --value) = 0 ]")
	l.figures.MemoryMB = float64(l.number("MemoryCurrent")/(1<<17)) / 8
	l.t.Logf("status: %s", l.property("StatusText"))
}

// speak sends 0.5 m as the sensor on ttyS2 does, ten times a second, until the
// test ends: 1.9 m of water under a sensor at 2.4 m.
func (l live) speak() {
	port := l.port
	go func() {
		for {
			if _, err := port.Write([]byte{0xFF, 0x01, 0xF4, 0xF4}); err != nil {
				return // the machine is off
			}
			pause(100 * time.Millisecond)
		}
	}()
}

// probe tries, in the unit's sandbox and as its user, what it may and may not do.
const probe = `#!/bin/bash
for f in /dev/i2c-0 /dev/gpiochip0 /dev/ttyS2 /dev/vda /dev/kmsg; do
	case $( (: <>$f) 2>&1) in
	"") echo "open $f" ;;
	*"No such device or address"*) echo "open $f, nothing there" ;;
	*) echo "closed $f" ;;
	esac
done
for d in /var/lib/watchpost /tmp /etc/watchpost /usr/bin /var/lib /home /dev/shm; do
	if (: >$d/probe) 2>/dev/null; then echo "writes $d"; else echo "cannot write $d"; fi
done
if (: </etc/watchpost/watchpost.yaml); then echo "reads configuration"; fi
if (: </etc/shadow) 2>/dev/null; then echo "reads shadow"; fi
if [ -n "$(ls /tmp | grep -v probe)" ]; then echo "sees /tmp"; fi
if [ -e /proc/1/cmdline ]; then echo "sees process 1"; fi
grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status | tr '\t' ' '
exit 0
`

const probed = `open /dev/i2c-0
open /dev/gpiochip0, nothing there
open /dev/ttyS2
closed /dev/vda
closed /dev/kmsg
writes /var/lib/watchpost
writes /tmp
cannot write /etc/watchpost
cannot write /usr/bin
cannot write /var/lib
cannot write /home
cannot write /dev/shm
reads configuration
CapEff: 0000000000000000
NoNewPrivs: 1
Seccomp: 2`

// sandbox looks at it from within. All nodes are open to everybody for that, so
// that what is closed is closed by the sandbox; the control, the same without it,
// shows that they are.
func (l live) sandbox() {
	l.sh("chmod a+rw /dev/vda; chmod 1777 /dev/shm; chmod a+rwx /home /etc/watchpost; touch /tmp/other; cat >/usr/local/bin/probe <<'END'\n" + probe + "END\nchmod +x /usr/local/bin/probe")
	defer l.sh("chmod 0755 /home /etc/watchpost; chmod 660 /dev/vda")
	const drop = "/run/systemd/system/watchpost.service.d"
	l.sh("mkdir -p " + drop + "; printf '[Service]\\nExecStartPre=/bin/bash -c \"/usr/local/bin/probe >/var/lib/watchpost/probed\"\\n' >" + drop + "/probe.conf; systemctl daemon-reload; systemctl restart watchpost; rm -r " + drop + "; systemctl daemon-reload")
	if got := l.sh("cat /var/lib/watchpost/probed"); strings.TrimSpace(got) != probed {
		l.t.Errorf("in the sandbox:\n%s\nwant:\n%s", got, probed)
	}
	out := l.sh("runuser -u watchpost /usr/local/bin/probe; rm -f /tmp/probe /tmp/other /home/probe /dev/shm/probe /etc/watchpost/probe /var/lib/watchpost/probe*")
	for _, open := range []string{"open /dev/vda", "writes /etc/watchpost", "writes /home", "writes /dev/shm", "sees /tmp", "sees process 1", "Seccomp: 0"} {
		if !strings.Contains(out, open) {
			l.t.Errorf("without the sandbox it is not %q either: the probe shows nothing\n%s", open, out)
		}
	}
	l.active()
}

// exposure is systemd's judgement of the unit as it runs.
func (l live) exposure() {
	out := l.sh("systemd-analyze security --threshold=20 --no-pager watchpost.service | tail -n 1")
	if _, err := fmt.Sscanf(out[max(0, strings.Index(out, ": ")):], ": %f", &l.figures.Exposure); err != nil {
		l.t.Errorf("read exposure from %q: %v", out, err)
	}
	l.t.Log(strings.TrimSpace(out))
	l.want(false, "the journal has an error of the unit's", "journalctl -u watchpost -p err --no-pager -q | grep .")
}

// restarted waits for the life after the present one.
func (l live) restarted(before int) float64 {
	l.t.Helper()
	return l.until("the agent is started again", fmt.Sprintf(`[ "$(systemctl show watchpost -p NRestarts --value)" -gt %d ] && [ "$(systemctl is-active watchpost)" = active ]`, before))
}

// ended wants the next run to say how this one ended.
func (l live) ended(how string, do func()) {
	l.t.Helper()
	run := l.sh(`read -r _ _ epoch n _ </var/lib/watchpost/run; echo "$epoch-$n"`)
	do()
	if got := l.city.after(l.t, run); got.Ended != how {
		l.t.Errorf("the run after %s says that it ended %s, want %s", run, got.Ended, how)
	}
}

func (l live) killed() {
	before := l.number("NRestarts")
	l.ended("unclean", func() {
		l.sh("systemctl kill --kill-whom=main -s KILL watchpost")
		l.figures.SecondsAfterKill = l.restarted(before)
	})
}

// frozen stops the agent's progress, not its life: only the watchdog sees that.
func (l live) frozen() {
	before := l.number("NRestarts")
	l.ended("unclean", func() {
		l.sh("systemctl kill --kill-whom=main -s STOP watchpost")
		l.figures.SecondsAfterFreeze = l.restarted(before)
	})
	l.want(true, "the watchdog did it", "journalctl -u watchpost --no-pager -q | grep -q 'Watchdog timeout'")
}

func (l live) stop() {
	l.ended("clean", func() {
		start := time.Now()
		l.sh("systemctl stop watchpost")
		l.figures.SecondsToStop = time.Since(start).Seconds()
		if got := l.property("Result"); got != "success" {
			l.t.Errorf("stopped with %s", got)
		}
		l.want(false, "it had to be killed", "journalctl -u watchpost --no-pager -q | tail -n 20 | grep -E 'stop-sigterm|timed out'")
		l.sh("systemctl start watchpost")
	})
	l.active()
}

// mistake in the configuration: said in the journal, and put right without a
// command.
func (l live) mistake() {
	l.sh("cp /etc/watchpost/watchpost.yaml /root/right.yaml; sed -i s/ads1115/ads1116/ /etc/watchpost/watchpost.yaml")
	l.want(false, "it starts with a mistake", "systemctl restart watchpost")
	l.want(true, "the journal says the place and the nearest name", "journalctl -u watchpost --no-pager -q | grep -q 'watchpost.yaml:[0-9].*ads1115'")
	l.sh("cp /root/right.yaml /etc/watchpost/watchpost.yaml")
	l.active()
}

// upgrade replaces the running agent.
func (l live) upgrade() {
	was := l.property("MainPID")
	l.ended("clean", func() {
		l.sh("dpkg --force-unsafe-io --force-confold --install /watchpost_" + newer + ".deb")
	})
	l.active()
	if l.property("MainPID") == was {
		l.t.Error("the old program still runs")
	}
}

// restartMachine shuts the machine down and boots it again: the agent is ended in
// order, and comes by itself.
func (l live) restartMachine() {
	l.ended("clean", func() {
		l.sh("systemctl --no-block poweroff")
		// It ends by itself, or the time limit of the whole test ends it.
		_ = l.cmd.Wait()
		l.cmd = nil
		l.boot()
		l.speak()
		l.active()
	})
}

func (l live) remove() {
	l.sh("dpkg --remove watchpost")
	l.want(false, "the agent is left running", "pidof watchpost || systemctl is-active watchpost")
	l.sh("dpkg --purge watchpost")
	l.want(false, "something is left", "ls -d /etc/watchpost /var/lib/watchpost; systemctl cat watchpost")
}
