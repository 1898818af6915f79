package people

import (
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// The proof is a file for its owner alone, made anew by each run; nothing else and
// no run before proves anything.
func TestLocalProof(t *testing.T) {
	dir := t.TempDir()
	first, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if first.Local("") {
		t.Error("nothing proves something before there is a proof")
	}
	if err := first.OpenLocal(); err != nil {
		t.Fatal(err)
	}
	old, err := Local(dir)
	if err != nil || len(old) != 22 || !first.Local(old) {
		t.Errorf("proof %q (%v) is not taken", old, err)
	}
	info, err := os.Stat(filepath.Join(dir, LocalFile))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", info.Mode(), err)
	}
	second, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.OpenLocal(); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"", old, old[:21], old + "\n"} {
		if second.Local(wrong) {
			t.Errorf("%q proves something", wrong)
		}
	}
}

// What root writes belongs to the owner of the data directory, who has to read it;
// what anybody else writes is their own.
func TestFilesBelongToTheDirectorysOwner(t *testing.T) {
	dir := t.TempDir()
	uid, gid := os.Geteuid(), os.Getegid()
	if uid == 0 {
		uid, gid = 4711, 4712
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	k, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	owned := func(names ...string) {
		t.Helper()
		for _, name := range names {
			info, err := os.Lstat(filepath.Join(dir, name))
			if err != nil {
				t.Error(err)
				continue
			}
			if of, ok := info.Sys().(*syscall.Stat_t); !ok || int(of.Uid) != uid || int(of.Gid) != gid || info.Mode() != 0o600 {
				t.Errorf("%s: %+v %v, want it to belong to %d:%d with 0600", name, of, info.Mode(), uid, gid)
			}
		}
	}
	if err := k.OpenLocal(); err != nil {
		t.Fatal(err)
	}
	owned(CodeFile, LocalFile)
	code, err := Code(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.SetUp(netip.Addr{}, code, "Wang", "correct horse"); err != nil {
		t.Fatal(err)
	}
	owned(PasswordFile)
	if err := Reset(dir); err != nil {
		t.Fatal(err)
	}
	owned(CodeFile)
	if _, err := os.Lstat(filepath.Join(dir, PasswordFile)); !os.IsNotExist(err) {
		t.Errorf("the password is still there: %v", err)
	}
	// A name that somebody else laid into the directory is replaced, not followed.
	target := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.WriteFile(target, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, CodeFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(dir, CodeFile)); err != nil {
		t.Fatal(err)
	}
	if err := Reset(dir); err != nil {
		t.Fatal(err)
	}
	owned(CodeFile)
	info, err := os.Stat(target)
	if err != nil || info.Mode()&fs.ModePerm != 0o644 {
		t.Errorf("the file behind a link: %v, %v", info, err)
	}
	if text, err := os.ReadFile(target); err != nil || string(text) != "mine" {
		t.Errorf("the file behind a link now holds %q (%v)", text, err)
	}
}
