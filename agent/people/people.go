package people

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// The files in the data directory.
const (
	PasswordFile = "people.json"
	CodeFile     = "setup-code"
)

// The life of a session.
const (
	sessionLife = 12 * time.Hour
	maxSessions = 64 // beyond it the oldest is ended
)

// Checks take turns. Beyond maxTrying who comes is sent away for busy, so that a
// flood holds neither memory nor whoever is already waiting.
const (
	maxTrying = 8
	busy      = 5 * time.Second
)

// Errors of SetUp and Login.
var (
	// ErrWrong is a wrong code or password.
	ErrWrong = errors.New("wrong code or password")
	// ErrNotSetUp is a login before a password was chosen.
	ErrNotSetUp = errors.New("no password has been chosen yet")
	// ErrSetUp is a second set-up.
	ErrSetUp = errors.New("a password has been chosen already")
	// ErrPassword is a new password of the wrong length.
	ErrPassword = fmt.Errorf("a password has %d to %d characters", MinPassword, MaxPassword)
	// ErrName is a name nobody can be told apart by.
	ErrName = fmt.Errorf("a name has 1 to %d characters that can be seen", maxName)
)

const maxName = 40

// TooSoonError is a try that came before its time.
type TooSoonError struct{ Wait time.Duration }

// Error says how long to wait.
func (e *TooSoonError) Error() string {
	return fmt.Sprintf("too many wrong tries: wait %s", e.Wait.Round(time.Second))
}

// Session is somebody who gave the password. Its token goes into the cookie,
// its CSRF token into each form; both are 128 random bits.
type Session struct {
	Token string
	CSRF  string
	Name  string // as the person gave it
	Until time.Time
}

// Keeper keeps password and sessions of one data directory. It is safe for
// concurrent use; checks of passwords take turns.
type Keeper struct {
	dir    string
	now    func() time.Time
	random io.Reader

	// choosing is held while a password is chosen: there is one first time.
	choosing sync.Mutex
	// checking is held during a check: only one may take its memory at a time.
	checking sync.Mutex

	// mu guards everything that follows.
	mu       sync.Mutex
	sessions map[string]member
	delays   delays
	trying   int    // tries under way
	local    string // the proof of this run; empty: none
}

// member is a session and the password it was opened with: a changed password
// ends the sessions of the one before.
type member struct {
	Session
	under hashed
}

// Open keeps the people of a data directory. Without a password it sees to it
// that there is a set-up code. Now is the clock, for tests; nil is time.Now.
func Open(dir string, now func() time.Time) (*Keeper, error) {
	if now == nil {
		now = time.Now
	}
	k := &Keeper{dir: dir, now: now, random: rand.Reader, sessions: map[string]member{}, delays: delays{}}
	if needs, err := k.NeedsSetUp(); err != nil || !needs {
		return k, err
	}
	if _, err := k.code(); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	return k, k.newCode()
}

// NeedsSetUp reports whether no password has been chosen yet.
func (k *Keeper) NeedsSetUp() (bool, error) {
	_, err := k.password()
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return false, err
}

// SetUp chooses the password, for whoever has the code, and opens a session.
func (k *Keeper) SetUp(from netip.Addr, code, name, password string) (Session, error) {
	k.choosing.Lock()
	defer k.choosing.Unlock()
	switch needs, err := k.NeedsSetUp(); {
	case err != nil:
		return Session{}, err
	case !needs:
		return Session{}, ErrSetUp
	case utf8.RuneCountInString(password) < MinPassword || utf8.RuneCountInString(password) > MaxPassword || plain(password) == plain(code):
		return Session{}, ErrPassword
	}
	if err := checkName(name); err != nil {
		return Session{}, err
	}
	err := k.try(from, func() (bool, error) {
		want, err := k.code()
		return subtle.ConstantTimeCompare([]byte(plain(want)), []byte(plain(code))) == 1, err
	})
	if err != nil {
		return Session{}, err
	}
	k.checking.Lock()
	h, err := hash(password, k.random)
	k.checking.Unlock()
	if err != nil {
		return Session{}, err
	}
	if err := k.keep(h); err != nil {
		return Session{}, err
	}
	if err := os.Remove(filepath.Join(k.dir, CodeFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Session{}, fmt.Errorf("remove used set-up code: %w", err)
	}
	return k.open(name, h)
}

// Login opens a session for whoever knows the password.
func (k *Keeper) Login(from netip.Addr, name, password string) (Session, error) {
	if err := checkName(name); err != nil {
		return Session{}, err
	}
	h, err := k.password()
	if errors.Is(err, fs.ErrNotExist) {
		return Session{}, ErrNotSetUp
	}
	if err != nil {
		return Session{}, err
	}
	err = k.try(from, func() (bool, error) {
		if utf8.RuneCountInString(password) > MaxPassword {
			return false, nil
		}
		k.checking.Lock()
		defer k.checking.Unlock()
		return h.fits(password)
	})
	if err != nil {
		return Session{}, err
	}
	return k.open(name, h)
}

// try counts wrong tries and lets none come before its time.
func (k *Keeper) try(from netip.Addr, fits func() (bool, error)) error {
	who := source(from)
	k.mu.Lock()
	wait := k.delays.wait(who, k.now())
	if wait == 0 && k.trying >= maxTrying {
		wait = busy
	}
	if wait == 0 {
		k.delays.wrong(who, k.now()) // until it proves right: tries at once must not slip through together
		k.trying++
	}
	k.mu.Unlock()
	if wait > 0 {
		return &TooSoonError{Wait: wait}
	}
	ok, err := fits()
	k.mu.Lock()
	k.trying--
	k.mu.Unlock()
	if err != nil {
		return err
	}
	if !ok {
		return ErrWrong
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.delays, who)
	return nil
}

// Session is the session of a cookie's token, while it lasts.
func (k *Keeper) Session(token string) (Session, bool) {
	h, err := k.password()
	if err != nil || token == "" {
		return Session{}, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	m, ok := k.sessions[token]
	if !ok || m.under != h || k.now().After(m.Until) {
		delete(k.sessions, token)
		return Session{}, false
	}
	return m.Session, true
}

// Logout ends a session.
func (k *Keeper) Logout(token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.sessions, token)
}

func (k *Keeper) open(name string, under hashed) (Session, error) {
	var random [32]byte
	if _, err := io.ReadFull(k.random, random[:]); err != nil {
		return Session{}, fmt.Errorf("make session: %w", err)
	}
	text := base64.RawURLEncoding.EncodeToString
	k.mu.Lock()
	defer k.mu.Unlock()
	s := Session{Token: text(random[:16]), CSRF: text(random[16:]), Name: name, Until: k.now().Add(sessionLife)}
	if len(k.sessions) >= maxSessions {
		oldest := s
		for _, m := range k.sessions {
			if m.Until.Before(oldest.Until) || oldest.Token == s.Token {
				oldest = m.Session
			}
		}
		delete(k.sessions, oldest.Token)
	}
	k.sessions[s.Token] = member{Session: s, under: under}
	return s, nil
}

func checkName(name string) error {
	// What cannot be seen can turn the rest of a line around, or make two names
	// look alike.
	unseen := func(r rune) bool { return !unicode.IsGraphic(r) }
	if n := utf8.RuneCountInString(strings.TrimSpace(name)); n < 1 || n > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unseen) {
		return ErrName
	}
	return nil
}

// file is people.json.
type file struct {
	V        int    `json:"v"`
	Password hashed `json:"password"`
}

// password reads the file anew each time, so that a password that was reset is
// gone at once.
func (k *Keeper) password() (hashed, error) {
	text, err := os.ReadFile(filepath.Join(k.dir, PasswordFile))
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	var f file
	if err := json.Unmarshal(text, &f); err != nil || f.V != 1 {
		return "", fmt.Errorf("read password %s: %w; reset it with watchpost password", PasswordFile, errHash)
	}
	if _, _, err := f.Password.parts(); err != nil {
		return "", err
	}
	return f.Password, nil
}

func (k *Keeper) keep(h hashed) error {
	text, err := json.Marshal(file{V: 1, Password: h})
	if err != nil {
		return fmt.Errorf("keep password: %w", err)
	}
	if err := write(k.dir, PasswordFile, append(text, '\n')); err != nil {
		return err
	}
	return syncDir(k.dir)
}
