package configs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadSecret(t *testing.T) {
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		want, err  string
	}{
		{"line", "hunter2\n", 0o600, "hunter2", ""},
		{"no end", "hunter2", 0o400, "hunter2", ""},
		{"windows", "hunter2\r\n", 0o600, "hunter2", ""},
		{"spaces are part of it", " hunter 2 \n", 0o600, " hunter 2 ", ""},
		{"group", "hunter2\n", 0o640, "", "mode 0640 opens it to others; run: chmod 0600 "},
		{"others", "hunter2\n", 0o604, "", "mode 0604 opens it to others; run: chmod 0600 "},
		{"empty", "\n", 0o600, "", "empty"},
		{"two lines", "hunter2\nhunter3\n", 0o600, "", "more than one line"},
		{"long", strings.Repeat("x", maxSecret+1), 0o600, "", "longer than 4096 bytes"},
	} {
		path := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		secret, err := ReadSecret(path)
		if got := secret.Reveal(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		if (err == nil) != (c.err == "") || err != nil && !strings.HasPrefix(err.Error(), "read secret file "+path+": "+c.err) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: the error holds the secret: %v", c.name, err)
		}
	}
	if _, err := ReadSecret(filepath.Join(t.TempDir(), "none")); err == nil || !strings.HasSuffix(err.Error(), "none: no such file or directory") {
		t.Errorf("missing file: %v", err)
	}
	if _, err := ReadSecret(t.TempDir()); err == nil || !strings.HasSuffix(err.Error(), "not a regular file") {
		t.Errorf("folder: %v", err)
	}
}

func TestSecretHidesItself(t *testing.T) {
	secret := Secret{"hunter2"}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb, secret, struct{ Inner Secret }{secret})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("secret", "secret", secret)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("secret", "secret", secret, "inner", struct{ Inner Secret }{secret})
	if err := json.NewEncoder(&out).Encode(map[string]any{"secret": secret, "inner": &secret}); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") {
		t.Errorf("the secret shows:\n%s", text)
	}
	if secret.Reveal() != "hunter2" {
		t.Error("Reveal does not reveal")
	}
}
