package sense_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"watchpost/agent/sense"
)

func TestSiteKeyIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.key")
	if _, err := sense.LoadSiteKey(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error of a missing key: %v, want one that says so", err)
	}
	made, err := sense.CreateSiteKey(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 || len(made) != sense.MinKey || bytes.Equal(made, make([]byte, sense.MinKey)) {
		t.Errorf("key of %d bytes, file %v, %v", len(made), info.Mode(), err)
	}
	if again, err := sense.CreateSiteKey(path); !errors.Is(err, fs.ErrExist) || again != nil {
		t.Errorf("a second key over the first: %v", err)
	}
	read, err := sense.LoadSiteKey(path)
	if err != nil || !bytes.Equal(read, made) {
		t.Errorf("the key reads as another one: %v", err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files beside the key, %v", len(entries)-1, err)
	}
}

func TestSiteKeyRacesHaveOneWinner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.key")
	var all sync.WaitGroup
	keys := make([][]byte, 8)
	for i := range keys {
		all.Go(func() {
			if key, err := sense.CreateSiteKey(path); err == nil {
				keys[i] = key
			} else if !errors.Is(err, fs.ErrExist) {
				t.Errorf("create: %v", err)
			}
		})
	}
	all.Wait()
	var winners [][]byte
	for _, key := range keys {
		if key != nil {
			winners = append(winners, key)
		}
	}
	read, err := sense.LoadSiteKey(path)
	if err != nil || len(winners) != 1 || !bytes.Equal(read, winners[0]) {
		t.Errorf("%d keys were made, %v", len(winners), err)
	}
}

func TestSiteKeyRefused(t *testing.T) {
	good := strings.Repeat("5a", sense.MinKey)
	for _, tc := range []struct {
		name, text string
		mode       fs.FileMode
		want       string // in the error; empty: none
	}{
		{"good", good, 0o600, ""},
		{"read only, with blanks", " " + strings.ToUpper(good) + "\r\n", 0o400, ""},
		{"longer", good + good, 0o600, ""},
		{"group", good, 0o640, "chmod 600"},
		{"world", good, 0o604, "chmod 600"},
		{"writable", good, 0o622, "chmod 600"},
		{"short", good[2:], 0o600, "31 bytes"},
		{"odd", good + "5", 0o600, "hex"},
		{"no hex", good[:62] + "xq", 0o600, "hex"},
		{"empty", "", 0o600, "0 bytes"},
	} {
		path := filepath.Join(t.TempDir(), "site.key")
		if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, tc.mode); err != nil {
			t.Fatal(err)
		}
		key, err := sense.LoadSiteKey(path)
		if tc.want == "" {
			if text := strings.TrimSpace(strings.ToLower(tc.text)); err != nil || hex.EncodeToString(key) != text {
				t.Errorf("%s: %x, %v", tc.name, key, err)
			}
			continue
		}
		if err == nil || key != nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want one with %q and the path", tc.name, err, tc.want)
		} else if strings.Contains(err.Error(), "5a5a") || strings.Contains(err.Error(), "'x'") {
			t.Errorf("%s: the error shows the key: %v", tc.name, err)
		}
	}
	if _, err := sense.LoadSiteKey(t.TempDir()); err == nil {
		t.Error("a directory was read as a key")
	}
}
