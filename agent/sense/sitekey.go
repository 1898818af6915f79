package sense

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxKeyFile is more than any key takes.
const maxKeyFile = 4096

// LoadSiteKey reads the key that pseudonyms are made with: at least MinKey bytes
// in hex, in a regular file that nobody but its owner can read. The error of a
// missing file is an fs.ErrNotExist. No error shows any of the key.
func LoadSiteKey(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read site key: %w", err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read site key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read site key %s: it is no regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("read site key %s: others can read it (mode %04o); run: chmod 600 %s", path, mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("read site key: %w", err)
	}
	text = bytes.TrimSpace(text)
	key := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(key, text); err != nil {
		// The cause would quote the key.
		return nil, fmt.Errorf("read site key %s: it is not in hex digits, two for each byte", path)
	}
	if len(key) < MinKey {
		return nil, fmt.Errorf("read site key %s: it has %d bytes, want %d or more", path, len(key), MinKey)
	}
	return key, nil
}

// CreateSiteKey makes a new random key, durable and readable by its owner only,
// at path, whose directory must exist. It is there whole or not at all, and
// never takes the place of a file: the error is an fs.ErrExist then.
func CreateSiteKey(path string) (key []byte, err error) {
	key = make([]byte, MinKey)
	// rand.Read never fails: it ends the program where there is no randomness.
	_, _ = rand.Read(key)
	dir := filepath.Dir(path)
	draft, err := os.CreateTemp(dir, ".site-key-*") // of mode 0600
	if err != nil {
		return nil, fmt.Errorf("create site key: %w", err)
	}
	defer func() {
		if gone := os.Remove(draft.Name()); err == nil && gone != nil {
			key, err = nil, fmt.Errorf("create site key: %w", gone)
		}
	}()
	_, err = draft.WriteString(hex.EncodeToString(key) + "\n")
	if err == nil {
		err = draft.Sync()
	}
	if err = errors.Join(err, draft.Close()); err != nil {
		return nil, fmt.Errorf("create site key: %w", err)
	}
	// A link, since renaming would replace a key that is there.
	if err = os.Link(draft.Name(), path); err != nil {
		return nil, fmt.Errorf("create site key: %w", err)
	}
	if err = syncDirectory(dir); err != nil {
		return nil, fmt.Errorf("create site key %s: %w", path, err)
	}
	return key, nil
}

// syncDirectory makes the names in a directory durable.
func syncDirectory(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
