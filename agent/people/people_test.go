package people_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"watchpost/agent/people"
)

var phone = netip.MustParseAddr("192.168.1.20")

// rig is a data directory and a clock that the test moves.
type rig struct {
	t   *testing.T
	dir string
	now time.Time
	*people.Keeper
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), now: time.Now()}
	r.restart()
	return r
}

func (r *rig) restart() {
	r.t.Helper()
	k, err := people.Open(r.dir, func() time.Time { return r.now })
	if err != nil {
		r.t.Fatal(err)
	}
	r.Keeper = k
}

func (r *rig) code() string {
	r.t.Helper()
	code, err := people.Code(r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	return code
}

func (r *rig) setUp() people.Session {
	r.t.Helper()
	s, err := r.SetUp(phone, r.code(), "老王", "泵房 的 水位 不高")
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func wantMode(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %o", filepath.Base(path), info.Mode().Perm())
	}
}

func TestNobodyGetsInBeforeSetUp(t *testing.T) {
	r := newRig(t)
	if needs, err := r.NeedsSetUp(); !needs || err != nil {
		t.Fatalf("a fresh directory needs set-up: %v, %v", needs, err)
	}
	for _, password := range []string{"", "admin", "password", "watchpost", r.code()} {
		if _, err := r.Login(phone, "x", password); !errors.Is(err, people.ErrNotSetUp) {
			t.Errorf("login with %q: %v", password, err)
		}
	}
	if _, err := r.SetUp(phone, "AAAA-AAAA-AAAA", "x", "long enough"); !errors.Is(err, people.ErrWrong) {
		t.Errorf("set-up with a guessed code: %v", err)
	}
	wantMode(t, filepath.Join(r.dir, people.CodeFile))
}

func TestSetUpLoginLogout(t *testing.T) {
	r := newRig(t)
	code := r.code()
	for password, want := range map[string]error{"short": people.ErrPassword, code: people.ErrPassword, strings.Repeat("x", 129): people.ErrPassword} {
		if _, err := r.SetUp(phone, code, "x", password); !errors.Is(err, want) {
			t.Errorf("password %q: %v", password, err)
		}
	}
	for _, name := range []string{"", "  ", strings.Repeat("x", 41), "a\nb"} {
		if _, err := r.SetUp(phone, code, name, "long enough"); !errors.Is(err, people.ErrName) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	// As it is typed from a console: lower case, without dashes, o for 0.
	typed := strings.ReplaceAll(strings.ToLower(strings.ReplaceAll(code, "-", "")), "0", "o")
	s, err := r.SetUp(phone, typed, "老王", "long enough")
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := r.Session(s.Token); !ok || got.Name != "老王" || got.CSRF == "" || got.CSRF == got.Token {
		t.Errorf("session %+v, %v", got, ok)
	}
	wantMode(t, filepath.Join(r.dir, people.PasswordFile))
	if _, err := people.Code(r.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the code is still there: %v", err)
	}
	if _, err := r.SetUp(phone, code, "x", "long enough"); !errors.Is(err, people.ErrSetUp) {
		t.Errorf("a second set-up: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(r.dir, people.PasswordFile))
	if err != nil || strings.Contains(string(text), "long enough") || !strings.Contains(string(text), `"$argon2id$v=19$m=9216,t=4,p=1$`) {
		t.Errorf("kept %s, %v", text, err)
	}
	r.Logout(s.Token)
	if _, ok := r.Session(s.Token); ok {
		t.Error("the session outlived its logout")
	}
	r.restart()
	if _, err := r.Login(phone, "x", "long enougH"); !errors.Is(err, people.ErrWrong) {
		t.Errorf("a wrong password: %v", err)
	}
	if s, err = r.Login(phone, "小李", "long enough"); err != nil {
		t.Fatal(err)
	}
	r.now = r.now.Add(12*time.Hour + time.Second)
	if _, ok := r.Session(s.Token); ok {
		t.Error("the session outlived its time")
	}
	if _, ok := r.Session(""); ok {
		t.Error("no cookie is a session")
	}
}

// A hundred guesses take more than a minute, from wherever in a network; others
// are not kept waiting.
func TestGuessingTakesLonger(t *testing.T) {
	r := newRig(t)
	r.setUp()
	start, guesses := r.now, 0
	for i := 0; guesses < 40; i++ {
		from := netip.MustParseAddr("2001:db8::1").Next()
		_, err := r.Login(from, "x", "a guess, wrong")
		soon, tooSoon := errors.AsType[*people.TooSoonError](err)
		switch {
		case tooSoon:
			r.now = r.now.Add(soon.Wait)
		case errors.Is(err, people.ErrWrong):
			guesses++
		default:
			t.Fatal(err)
		}
	}
	t.Logf("40 guesses took %s", r.now.Sub(start))
	if r.now.Sub(start) < time.Hour {
		t.Errorf("40 guesses took %s only", r.now.Sub(start))
	}
	if _, err := r.Login(netip.MustParseAddr("2001:db8::ffff:1"), "x", "泵房 的 水位 不高"); err == nil {
		t.Error("another address of the same network need not wait")
	}
	if _, err := r.Login(phone, "x", "泵房 的 水位 不高"); err != nil {
		t.Errorf("somebody else is kept waiting: %v", err)
	}
}

func TestRightPasswordForgivesWrongOnes(t *testing.T) {
	r := newRig(t)
	r.setUp()
	for range 3 {
		for range 4 {
			if _, err := r.Login(phone, "x", "a guess, wrong"); !errors.Is(err, people.ErrWrong) {
				t.Fatal(err)
			}
		}
		if _, err := r.Login(phone, "x", "泵房 的 水位 不高"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestResetEndsSessions(t *testing.T) {
	r := newRig(t)
	s := r.setUp()
	if err := people.Reset(r.dir); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Session(s.Token); ok {
		t.Error("a session outlived the password")
	}
	if needs, err := r.NeedsSetUp(); !needs || err != nil {
		t.Errorf("after the reset: %v, %v", needs, err)
	}
	other := r.setUp()
	if _, ok := r.Session(s.Token); ok {
		t.Error("a session of the old password is one of the new")
	}
	if _, ok := r.Session(other.Token); !ok {
		t.Error("the new session does not hold")
	}
}

func TestDamagedFileLetsNobodyIn(t *testing.T) {
	r := newRig(t)
	r.setUp()
	for _, text := range []string{"", "{}", `{"v":1,"password":""}`, `{"v":2,"password":"x"}`, `{"v":1,"password":"$argon2id$v=19$m=9999999,t=4,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA"}`} {
		if err := os.WriteFile(filepath.Join(r.dir, people.PasswordFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Login(phone, "x", ""); err == nil || errors.Is(err, people.ErrNotSetUp) {
			t.Errorf("%q: %v", text, err)
		}
		if needs, err := r.NeedsSetUp(); needs || err == nil {
			t.Errorf("%q: needs set-up %v, %v: whoever damages the file could choose a password", text, needs, err)
		}
	}
}

func TestCodesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		dir := t.TempDir()
		if err := people.Reset(dir); err != nil {
			t.Fatal(err)
		}
		code, err := people.Code(dir)
		if err != nil || len(code) != 14 {
			t.Fatalf("code %q, %v", code, err)
		}
		if seen[code] {
			t.Fatalf("code %s came twice", code)
		}
		seen[code] = true
	}
}

// Of many who have the code at once, one chooses the password.
func TestOneFirstPassword(t *testing.T) {
	r := newRig(t)
	code := r.code()
	var all sync.WaitGroup
	var chosen atomic.Int64
	for i := range 6 {
		all.Go(func() {
			_, err := r.SetUp(phone, code, "x", fmt.Sprintf("password %d", i))
			switch {
			case err == nil:
				chosen.Add(1)
			case !errors.Is(err, people.ErrSetUp):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if chosen.Load() != 1 {
		t.Errorf("%d passwords were chosen with one code", chosen.Load())
	}
}

// A flood of tries from everywhere is answered, mostly at once, and holds little
// memory: a board has 64 MB.
func TestFloodIsBounded(t *testing.T) {
	r := newRig(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r.setUp()
	var all sync.WaitGroup
	var wrong, sentAway atomic.Int64
	for i := range 200 {
		all.Go(func() {
			from := netip.AddrFrom4([4]byte{10, 0, 1, byte(i)})
			_, err := r.Login(from, "x", "a guess, wrong")
			switch _, soon := errors.AsType[*people.TooSoonError](err); {
			case soon:
				sentAway.Add(1)
			case errors.Is(err, people.ErrWrong):
				wrong.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	runtime.ReadMemStats(&after)
	grown := int64(after.HeapSys-before.HeapSys) / (1 << 20)
	t.Logf("%d checked, %d sent away, heap grew by %d MiB", wrong.Load(), sentAway.Load(), grown)
	if wrong.Load() == 0 || sentAway.Load() == 0 {
		t.Errorf("%d checked, %d sent away", wrong.Load(), sentAway.Load())
	}
	if grown > 40 {
		t.Errorf("the heap grew by %d MiB", grown)
	}
	if _, err := r.Login(phone, "x", "泵房 的 水位 不高"); err != nil {
		t.Errorf("after the flood: %v", err)
	}
}

// A name that hides something is none.
func TestNamesCanBeSeen(t *testing.T) {
	r := newRig(t)
	r.setUp()
	for name, good := range map[string]bool{
		"老王": true, "老\u3000王": true, "Zoë O'Neill": true, "👷": true,
		"\u202Exyz": false, "a\u200Bb": false, "\xff\xfe": false, "a\u0000b": false, "a\u2028b": false,
	} {
		if _, err := r.Login(phone, name, "泵房 的 水位 不高"); errors.Is(err, people.ErrName) == good {
			t.Errorf("name %q: %v", name, err)
		}
	}
}

// Memory is bounded: of very many sessions the oldest ends, and of very many
// sources the one that was wrong longest ago is forgotten, not the newest.
func TestSessionsAndSourcesAreBounded(t *testing.T) {
	r := newRig(t)
	first := r.setUp()
	var last people.Session
	for range 64 {
		r.now = r.now.Add(time.Second)
		var err error
		if last, err = r.Login(phone, "x", "泵房 的 水位 不高"); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := r.Session(first.Token); ok {
		t.Error("the oldest of 65 sessions goes on")
	}
	if _, ok := r.Session(last.Token); !ok {
		t.Error("the newest session ended")
	}
}
