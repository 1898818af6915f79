package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"watchpost/agent/gateway"
	"watchpost/configs"
)

// asCommand makes the test binary be watchpost itself, so that stories run a
// real process.
const asCommand = "WATCHPOST_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

type outcome struct {
	code     int
	out, err string
}

func watchpost(t *testing.T, args ...string) outcome {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommand+"=1", "LC_ALL=en_US.UTF-8")
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatalf("start watchpost %q: %v", args, err)
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), stderr.String()}
}

// write puts text in a file of its own and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUnknownFlag(t *testing.T) {
	got := watchpost(t, "run", "--confg", "x")
	want := outcome{2, "", `watchpost: error: unknown flag --confg, did you mean "--config"?
watchpost: hint: watchpost --help lists commands and flags
`}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestNoCommand(t *testing.T) {
	got := watchpost(t)
	if got.code != 2 || !strings.HasPrefix(got.err, "watchpost: error: expected one of ") {
		t.Errorf("got %+v", got)
	}
}

func TestHelpStatesExitCodesAndHidesTheStore(t *testing.T) {
	got := watchpost(t, "--help")
	if got.code != 0 || got.err != "" || !strings.Contains(got.out, "Exit codes: 0 ") {
		t.Errorf("got %+v", got)
	}
	if strings.Contains(got.out, "salvage") {
		t.Errorf("help shows what the agent alone calls:\n%s", got.out)
	}
}

func TestMissingConfiguration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.yaml")
	got := watchpost(t, "run", "--config", path)
	want := outcome{2, "", "watchpost: error: read configuration " + path + ": no such file or directory\n" +
		"watchpost: hint: name the file with --config\n"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestBrokenConfigurationPrintsEveryMistake(t *testing.T) {
	path := write(t, "watchpost.yaml", `version: 1
gateway: {id: GW-1}
bufer: {}
platforms:
  - {id: city, server: "tcp://127.0.0.1:1883", allow_plaintext: true, password: hunter2}
sensors:
  - {id: pit, driver: ads1115, bus: i2c-1, address: 0x50, span: 5m}
  - {id: smoke, driver: contact, line: "gpiochip0:17", measures: smoke, alarm: {above: 1m, level: red}}
`)
	got := watchpost(t, "run", "--config", path)
	want := []string{":3:1: bufer: ", ":5:71: platforms[0].password: ", ":7:53: sensors[0].address: ", ":8:88: sensors[1].alarm.above: "}
	for i, line := range want {
		want[i] = "watchpost: error: " + path + line
	}
	want = append(want, "watchpost: error: mistakes in "+path+": 4; nothing was started", "watchpost: hint: ")
	lines := strings.Split(strings.TrimSuffix(got.err, "\n"), "\n")
	if got.code != 2 || got.out != "" || len(lines) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("line %d: got %q, want it to begin with %q", i+1, lines[i], want[i])
		}
	}
	if strings.Contains(got.err, "hunter2") {
		t.Error("a password was printed")
	}
}

func TestVersion(t *testing.T) {
	got := watchpost(t, "version")
	for _, part := range []string{"watchpost " + release + "\n", runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, "\nrevision "} {
		if !strings.Contains(got.out, part) {
			t.Errorf("version lacks %q", part)
		}
	}
	if got.code != 0 || got.err != "" {
		t.Errorf("got %+v", got)
	}
}

func TestBufferVerify(t *testing.T) {
	garbage := write(t, "buffer.db", strings.Repeat("garbage", 4096))
	for _, c := range []struct {
		name, file string
		code       int
	}{
		{"garbage", garbage, exitError},
		{"empty", write(t, "empty.db", ""), exitError},
		{"missing", garbage + ".none", exitUsage},
	} {
		got := watchpost(t, "buffer", "verify", c.file)
		if got.code != c.code || got.out != "" || !strings.HasPrefix(got.err, "watchpost: error: ") {
			t.Errorf("%s: got %+v, want exit code %d", c.name, got, c.code)
		}
	}
}

// A salvaged store is a whole one: what proves that verify can also be content.
func TestBufferSalvage(t *testing.T) {
	garbage := write(t, "buffer.db", strings.Repeat("garbage", 4096))
	fresh := filepath.Join(t.TempDir(), "fresh.db")
	got := watchpost(t, "buffer", "salvage", "--json", garbage, fresh)
	if got.code != 0 || got.err != "" || !strings.HasPrefix(got.out, `{"records":[0,0,0]`) {
		t.Errorf("salvage: got %+v", got)
	}
	if got := watchpost(t, "buffer", "verify", fresh); got != (outcome{}) {
		t.Errorf("verify: got %+v", got)
	}
}

func TestDriversKeepTheLoadersPromise(t *testing.T) {
	if err := configs.Check(gateway.Catalogue{}); err != nil {
		t.Error(err)
	}
}

func TestSampleAndDemoAreTaken(t *testing.T) {
	for name, src := range map[string][]byte{"sample.yaml": configs.Sample(), "demo.yaml": configs.Demo()} {
		if _, problems := configs.Parse(name, src, gateway.Catalogue{}); len(problems) > 0 {
			t.Error(problems)
		}
	}
}
