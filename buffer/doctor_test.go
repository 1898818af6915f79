package buffer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// sickDoctor answers as it is told and counts how often it was asked.
type sickDoctor struct {
	verify  func(ctx context.Context) error
	salvage error // nil: InProcess does it
}

func (d sickDoctor) Verify(ctx context.Context, path string) error { return d.verify(ctx) }

func (d sickDoctor) Salvage(ctx context.Context, src, dst string) (SalvageReport, error) {
	if d.salvage != nil {
		return SalvageReport{}, d.salvage
	}
	return InProcess{}.Salvage(ctx, src, dst)
}

// storeWith makes a directory with a closed store that holds some events.
func storeWith(t *testing.T, events int) string {
	t.Helper()
	dir := t.TempDir()
	b := open(t, options(dir))
	for i := range events {
		mustAppend(t, b, Events, fmt.Sprint("event ", i))
	}
	mustClose(t, b)
	return dir
}

// breakStore flips one bit of a value in the store's file.
func breakStore(t *testing.T, dir, value string) {
	t.Helper()
	path := filepath.Join(dir, nameStore)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if flipIn(file, value) == 0 {
		t.Fatalf("%q is not in the file", value)
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
}

// What is a verdict on the store and what is a checker's own trouble. A sound
// store stays in its place whatever becomes of its checker, but for a check
// that says damaged, crashes or does not end.
func TestOnlyAVerdictSetsAStoreAside(t *testing.T) {
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	deaf := func(context.Context) error { return nil }
	says := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	for _, c := range []struct {
		name    string
		doctor  sickDoctor
		damaged bool // whether the file is
		aside   bool
		events  int
	}{
		{"says sound", sickDoctor{verify: says(nil)}, false, false, 5},
		{"says damaged", sickDoctor{verify: says(fmt.Errorf("verify: %w", ErrDamaged))}, false, true, 5},
		{"crashes", sickDoctor{verify: func(context.Context) error { panic("on purpose") }}, false, true, 5},
		{"hangs until told", sickDoctor{verify: hang}, false, true, 5},
		{"is not there", sickDoctor{verify: says(fmt.Errorf("start: %w", syscall.ENOENT))}, false, false, 5},
		{"cannot fork", sickDoctor{verify: says(fmt.Errorf("start: %w", syscall.EAGAIN))}, false, false, 5},
		{"was killed from outside", sickDoctor{verify: says(errors.New("signal: terminated"))}, false, false, 5},
		{"is not there, file damaged", sickDoctor{verify: says(syscall.EAGAIN), salvage: syscall.EAGAIN}, true, true, 4},
		{"cannot salvage", sickDoctor{verify: says(ErrDamaged), salvage: ErrDamaged}, true, true, 0},
		{"wrongly says sound", sickDoctor{verify: deaf}, true, true, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := storeWith(t, 5)
			if c.damaged {
				breakStore(t, dir, "event 2")
			}
			synctest.Test(t, func(t *testing.T) {
				o := options(dir)
				o.Doctor = c.doctor
				b := open(t, o)
				if got := b.Ending().Quarantined != ""; got != c.aside {
					t.Errorf("set aside: %v, want %v", got, c.aside)
				}
				if !b.Stats().Durable {
					t.Errorf("store is not usable: %s", b.Stats().Why)
				}
				if got := drain(t, b, "city", Events); len(got) != c.events {
					t.Errorf("events: %q, want %d", got, c.events)
				}
				mustAppend(t, b, Alarms, "after")
				mustClose(t, b)
			})
		})
	}
}

// stuckDoctor does not even end when it is told to.
type stuckDoctor struct {
	InProcess
	release chan struct{}
}

func (d stuckDoctor) Verify(context.Context, string) error { <-d.release; return nil }

func TestStuckDoctorIsLeftBehind(t *testing.T) {
	dir := storeWith(t, 5)
	synctest.Test(t, func(t *testing.T) {
		o := options(dir)
		doctor := stuckDoctor{release: make(chan struct{})}
		o.Doctor = doctor
		start := time.Now()
		b := open(t, o)
		if took := time.Since(start); took != verifyWithin+doctorGrace {
			t.Errorf("opened after %v", took)
		}
		if e := b.Ending(); e.Quarantined == "" || e.Salvaged != 5 {
			t.Errorf("ending: %+v", e)
		}
		close(doctor.release)
		mustClose(t, b)
	})
}

// Close while the check runs is not the file's fault, nor an unfinished start.
func TestCloseDuringCheckKeepsTheStore(t *testing.T) {
	dir := storeWith(t, 5)
	synctest.Test(t, func(t *testing.T) {
		for range maxUnfinished + 2 {
			o := options(dir)
			o.Doctor = sickDoctor{verify: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
			b, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Close(); err == nil {
				t.Error("Close of a store that never opened says nothing")
			}
			<-b.ended
		}
		b := open(t, options(dir))
		if e := b.Ending(); e.Quarantined != "" || len(drain(t, b, "city", Events)) != 5 {
			t.Errorf("ending: %+v", e)
		}
		mustClose(t, b)
	})
}

// Storage that takes no write at the start is no damaged store.
func TestFailingWriteAtStartKeepsTheStore(t *testing.T) {
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC, syscall.EROFS} {
		dir := storeWith(t, 5)
		synctest.Test(t, func(t *testing.T) {
			o := options(dir)
			fault := cause
			o.seam.announce = func() error { return fault }
			b := open(t, o)
			if s := b.Stats(); s.Durable || b.Ending().Quarantined != "" {
				t.Errorf("%v: durable %v, ending %+v", cause, s.Durable, b.Ending())
			}
			b.mu.Lock()
			fault = nil
			b.mu.Unlock()
			time.Sleep(time.Minute)
			if got := drain(t, b, "city", Events); len(got) != 5 || !b.Stats().Durable || b.Ending().Quarantined != "" {
				t.Errorf("%v: events %q, %+v", cause, got, b.Ending())
			}
			mustClose(t, b)
		})
	}
}
