package document

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a command may take before it counts as hung; most take a
// hundredth of it.
const patience = time.Minute

// shownRun is a command line of a page and what the page says it prints.
type shownRun struct {
	line   string
	output []string // none is shown when nil
}

// shownRuns lists the command lines of a page's blocks in order.
func shownRuns(fences []fence) (runs []shownRun) {
	for _, f := range fences {
		for _, line := range commandLines([]fence{f}) {
			runs = append(runs, shownRun{line: line})
		}
		if f.language != "console" || len(runs) == 0 {
			continue
		}
		last := &runs[len(runs)-1] // a console block shows one command
		for line := range strings.Lines(f.text) {
			if !strings.HasPrefix(line, "$ ") {
				last.output = append(last.output, strings.TrimRight(line, "\n"))
			}
		}
	}
	return runs
}

// Hardware that no machine has, named as long as what the pages name.
const noBus, noChip = "i2c-z", "gpiochipz"

// desk is a folder as the pages assume it: programs, configurations, and the
// demo at work. Nothing in it reaches beyond this machine or the folder.
type desk struct {
	dir      string
	programs map[string]string
	broker   string // the demo's
}

func newDesk(t *testing.T) desk {
	t.Helper()
	d := desk{dir: t.TempDir(), programs: map[string]string{}, broker: "tcp://" + freeAddress(t)}
	for name, folder := range map[string]string{"watchpost": "agent", "watchpost-desk": "agent/desk"} {
		path := filepath.Join(d.dir, name)
		build := exec.Command("go", "build", "-o", path, "./"+folder)
		build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		if text, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, text)
		}
		d.programs[name] = path
	}
	if err := os.Mkdir(filepath.Join(d.dir, "configs"), 0o700); err != nil {
		t.Fatal(err)
	}
	// The agent of the pages writes to the system's folders, listens on a port
	// that may be taken, calls a broker and drives hardware that may be there: not
	// here.
	d.copy(t, "configs/sample.yaml",
		"#data: /var/lib/watchpost", "data: "+filepath.Join(d.dir, "data"),
		"#listen: 127.0.0.1:8080", "listen: off",
		"tcp://127.0.0.1:1883", "tcp://127.0.0.1:1",
		"i2c-1", noBus, "gpiochip0", noChip)
	if _, err := d.run("cp configs/sample.yaml gateway.yaml", 0); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	d.copy(t, "configs/demo.yaml", "127.0.0.1:8080", address)
	d.demo(t, address)
	return d
}

// copy takes a configuration along with replacements, each of which must apply.
func (d desk) copy(t *testing.T, name string, oldnew ...string) {
	t.Helper()
	text := read(t, name)
	for pair := range slices.Chunk(oldnew, 2) {
		if !strings.Contains(text, pair[0]) {
			t.Fatalf("%s has no %q", name, pair[0])
		}
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// demo starts the demo, in a story too slow for anything to happen, and waits
// until it has readings.
func (d desk) demo(t *testing.T, address string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, d.programs["watchpost-desk"], "demo", "--plain", "--round", "10h",
		"--page", address, "--broker", strings.TrimPrefix(d.broker, "tcp://"))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = patience
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	t.Cleanup(func() {
		cancel()
		for lines.Scan() { // a full pipe would hold the demo up
		}
		if err := cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("end the demo: %v", err)
		}
	})
	watchdog := time.AfterFunc(patience, cancel)
	defer watchdog.Stop()
	for lines.Scan() {
		if !strings.Contains(lines.Text(), "first reading on the page") {
			continue
		}
		for { // until every sensor has been read
			if _, err := d.run("watchpost read --config configs/demo.yaml", 0); err == nil {
				return
			}
			if ctx.Err() != nil {
				t.Fatal("the demo has sensors that are never read")
			}
		}
	}
	t.Fatal("the demo ended before its first reading")
}

// run carries out a line and returns what it printed. What goes on until Ctrl-C
// is ended so after as many lines as the page shows. What make and the system do is not
// run here: everyCommandIsTried says what tries it.
func (d desk) run(line string, lines int) (output []string, err error) {
	words := split(line)
	name, args := words[0], words[1:]
	switch name {
	case "make", "sudo": // everyCommandIsTried
		return nil, nil
	case "cp":
		text, err := os.ReadFile(filepath.Join(d.dir, args[0]))
		if err != nil {
			return nil, err
		}
		return nil, os.WriteFile(filepath.Join(d.dir, args[1]), text, 0o600)
	}
	var into string
	if args, into, err = redirected(args); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, d.programs[strings.TrimPrefix(name, "./bin/")], args...)
	cmd.Dir, cmd.Env = d.dir, append(os.Environ(), "LC_ALL=C")
	if slices.Contains(args, "run") || slices.Contains(args, "--watch") || slices.Contains(args, "demo") || slices.Contains(args, "follow") {
		output, err = interrupted(cmd, max(lines, 1))
	} else {
		var both bytes.Buffer
		cmd.Stdout, cmd.Stderr = &both, &both
		err = cmd.Run()
		output = strings.Split(strings.TrimRight(both.String(), "\n"), "\n")
	}
	if ctx.Err() != nil {
		return output, fmt.Errorf("%q hangs", line)
	}
	for i := range output {
		output[i] = strings.NewReplacer(noBus, "i2c-1", noChip, "gpiochip0").Replace(output[i])
	}
	if into != "" && err == nil {
		err = os.WriteFile(filepath.Join(d.dir, into), []byte(strings.Join(output, "\n")), 0o600)
	}
	return output, err
}

// redirected takes "> FILE" off the end of a command's words.
func redirected(args []string) (rest []string, into string, err error) {
	i := slices.Index(args, ">")
	switch {
	case i < 0:
		return args, "", nil
	case i != len(args)-2:
		return nil, "", errors.New("> wants one file at the end")
	}
	return args[:i], args[i+1], nil
}

// interrupted runs a command until it has printed so many lines, and ends it
// with Ctrl-C.
func interrupted(cmd *exec.Cmd, lines int) (output []string, err error) {
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		_ = writer.Close() // never fails
		ended <- err
	}()
	for scanner := bufio.NewScanner(reader); scanner.Scan(); {
		if len(output) == lines {
			continue // what came before the signal did
		}
		if output = append(output, scanner.Text()); len(output) == lines {
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				return output, err
			}
		}
	}
	return output, <-ended
}

// TestCommandsShownRun runs what the pages show, on one desk.
func TestCommandsShownRun(t *testing.T) {
	d := newDesk(t)
	t.Run("printed", func(t *testing.T) { printWhatIsShown(t, d) })
	t.Run("tried", func(t *testing.T) { everyCommandIsTried(t, d) })
}

// printWhatIsShown runs every command line of the front pages' blocks and
// compares what it prints with what the page shows.
func printWhatIsShown(t *testing.T, d desk) {
	t.Helper()
	count := 0
	for _, page := range []string{"README.md", "README.zh-CN.md"} {
		_, fences := parse(read(t, page))
		for _, shown := range shownRuns(fences) {
			got, err := d.run(shown.line, len(shown.output))
			if failed := err != nil; failed != showsFailure(shown.output) {
				t.Errorf("%s shows %q: %v\n%s", page, shown.line, err, strings.Join(got, "\n"))
			}
			if shown.output == nil {
				continue
			}
			count++
			if differ := difference(shown.output, got); differ != "" {
				t.Errorf("%s shows %q: %s", page, shown.line, differ)
			}
		}
	}
	if count < 6 {
		t.Errorf("compared %d outputs only", count)
	}
}

// showsFailure reports whether a page shows a command that ends with an error.
func showsFailure(output []string) bool {
	return slices.ContainsFunc(output, func(line string) bool { return strings.HasPrefix(line, "watchpost: error:") })
}

var number = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)

// comparable leaves out of a reading's line what differs from one time to
// another: its value.
func comparable(line string) string {
	fields := strings.Fields(line)
	if n := len(fields); n > 3 && (fields[n-1] == "good" || fields[n-1] == "正常") {
		return number.ReplaceAllString(strings.Join(fields, " "), "#")
	}
	return strings.TrimRight(line, " ")
}

// difference compares outputs line by line; the indented lines of a fault are
// the driver's own words, which the operating system has a part in, and advice:
// they are left out.
func difference(shown, got []string) string {
	indented := func(line string) bool { return strings.HasPrefix(line, "  ") }
	shown, got = slices.DeleteFunc(slices.Clone(shown), indented), slices.DeleteFunc(slices.Clone(got), indented)
	for i := range max(len(shown), len(got)) {
		a, b := "nothing", "nothing"
		if i < len(shown) {
			a = comparable(shown[i])
		}
		if i < len(got) {
			b = comparable(got[i])
		}
		if a != b {
			return fmt.Sprintf("line %d is shown as\n%s\nand printed as\n%s", i+1, a, b)
		}
	}
	return ""
}

// TestAWrongOutputIsSeen is the negative control.
func TestAWrongOutputIsSeen(t *testing.T) {
	_, fences := parse("```console\n$ watchpost read\nsmoke  smoke  normal  1  good\n```\n")
	runs := shownRuns(fences)
	if len(runs) != 1 || runs[0].line != "watchpost read" || len(runs[0].output) != 1 {
		t.Fatalf("read %+v from the page", runs)
	}
	shown := append(runs[0].output, "pit  level  -  fault  missing", "  its cause", "samples  864 a day")
	for _, got := range []string{
		"smoke  smoke  alarm  1  good|pit  level  -  fault  missing|samples  864 a day",
		"smoke  smoke  normal  1  good|pit  level  0.0 m  good|samples  864 a day",
		"smoke  smoke  normal  1  good|pit  level  -  fault  bus_down|samples  864 a day",
		"smoke  smoke  normal  1  good|pit  level  -  fault  missing|samples  865 a day",
		"smoke  smoke  normal  1  good|pit  level  -  fault  missing",
		"smoke  smoke  normal  1  good|pit  level  -  fault  missing|samples  864 a day|more",
	} {
		if difference(shown, strings.Split(got, "|")) == "" {
			t.Errorf("%q passes for %q", got, shown)
		}
	}
	if differ := difference(shown, []string{"smoke  smoke  normal  0  good", "pit  level  -  fault  missing", "  another cause", "samples  864 a day"}); differ != "" {
		t.Error(differ)
	}
	if !showsFailure([]string{"watchpost: error: x"}) || showsFailure(shown) {
		t.Error("failures are mistaken")
	}
}
