package configs

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// maxSecret is the most a secret file may hold.
const maxSecret = 4096

// Secret is text that does not show itself when it is printed, formatted,
// logged or encoded.
type Secret struct{ text string }

// Reveal is the text itself: for the one call that needs it, and no other.
func (s Secret) Reveal() string { return s.text }

const hidden = "[secret]"

// Format writes a placeholder, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, hidden) // fmt.State has nowhere to report an error to
}

// LogValue is a placeholder.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText is a placeholder.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// ReadSecret reads a secret from a file of its own: one line, whose end is not
// part of it. The file must be regular and closed to group and others.
func ReadSecret(path string) (Secret, error) {
	text, err := readSecret(path)
	if err != nil {
		return Secret{}, fmt.Errorf("read secret file %s: %w", path, err)
	}
	return Secret{text}, nil
}

func readSecret(path string) (string, error) {
	before, err := os.Stat(path) // before opening: opening a pipe waits for a writer
	if err != nil {
		return "", cause(err)
	}
	if !before.Mode().IsRegular() {
		return "", fmt.Errorf("not a regular file")
	}
	file, err := os.Open(path)
	if err != nil {
		return "", cause(err)
	}
	defer func() { _ = file.Close() }() // read only: nothing to lose
	info, err := file.Stat()
	if err != nil {
		return "", cause(err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("mode %04o opens it to others; run: chmod 0600 %s", mode, path)
	}
	raw, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	if err != nil {
		return "", cause(err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	switch {
	case len(raw) > maxSecret:
		return "", fmt.Errorf("longer than %d bytes", maxSecret)
	case text == "":
		return "", fmt.Errorf("empty")
	case strings.ContainsAny(text, "\r\n\x00"):
		return "", fmt.Errorf("more than one line")
	}
	return text, nil
}

// cause drops the path that a file error repeats.
func cause(err error) error {
	if at, ok := errors.AsType[*os.PathError](err); ok {
		return at.Err
	}
	return err
}
