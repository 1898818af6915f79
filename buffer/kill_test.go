package buffer

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestMain lets the test program be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("BUFFER_TEST_CHILD"); dir != "" {
		child(dir)
		return
	}
	os.Exit(m.Run())
}

// child appends for ever and prints each record once Append returned.
func child(dir string) {
	o := options(dir)
	o.seam.noSync = false
	b, err := Open(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-b.Ready()
	for i := 0; ; i++ {
		l := Lane(i % 3)
		r := fmt.Sprintf("%s-%d-%d", l, b.Run().N, i)
		if _, err := b.Append(l, []byte(r)); err == nil && l != Readings {
			fmt.Println(r)
		}
	}
}

// Whatever moment a process is killed at, each alarm and event whose Append
// returned is there at the next start, in order, and the file needs no salvage.
// Not parallel: between fork and exec a child holds the locks of all stores that
// are open in this process.
func TestKilledProcessLosesNoAlarm(t *testing.T) {
	dir := t.TempDir()
	var acknowledged [3][]string
	random := rand.New(rand.NewPCG(3, 3))
	for range 20 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "BUFFER_TEST_CHILD="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// At any moment after some lines, so that a slow machine proves as much as a
		// fast one; sometimes before the first, while the store is being opened.
		kill := sync.OnceFunc(func() { _ = cmd.Process.Kill() })
		enough, soon := random.IntN(30), time.Duration(random.IntN(5000))*time.Microsecond
		if enough == 0 {
			time.AfterFunc(soon, kill)
		}
		seen := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if seen++; seen == enough {
				time.AfterFunc(soon, kill)
			}
			var l Lane
			if lines.Text()[0] == 'e' {
				l = Events
			}
			acknowledged[l] = append(acknowledged[l], lines.Text())
		}
		_ = cmd.Wait() // it was killed
	}
	b := open(t, options(dir))
	if e := b.Ending(); e.Clean || e.Quarantined != "" {
		t.Errorf("ending = %+v", e)
	}
	for _, l := range []Lane{Alarms, Events} {
		got := drain(t, b, "city", l)
		if len(acknowledged[l]) < 20 {
			t.Errorf("only %d %s acknowledged: this proves little", len(acknowledged[l]), l)
		}
		i := 0
		for _, r := range got {
			if i < len(acknowledged[l]) && r == acknowledged[l][i] {
				i++
			}
		}
		if i != len(acknowledged[l]) {
			t.Errorf("%s %q was acknowledged and is not there in order (%v)", l, acknowledged[l][i], slices.Contains(got, acknowledged[l][i]))
		}
	}
}
