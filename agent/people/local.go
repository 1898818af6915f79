package people

import (
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// LocalFile holds what proves, to the page's JSON alone, that somebody may read the
// data directory: who can take the set-up code may look at the cards too.
const LocalFile = "local-token"

// OpenLocal writes a fresh proof, 128 random bits, in place of that of the run
// before. Without it Local is true for nobody.
func (k *Keeper) OpenLocal() error {
	var random [16]byte
	if _, err := io.ReadFull(k.random, random[:]); err != nil {
		return fmt.Errorf("make local proof: %w", err)
	}
	token := base64.RawURLEncoding.EncodeToString(random[:])
	if err := write(k.dir, LocalFile, []byte(token+"\n")); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.local = token
	return nil
}

// Local reports whether token is the proof of this run.
func (k *Keeper) Local(token string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.local != "" && subtle.ConstantTimeCompare([]byte(token), []byte(k.local)) == 1
}

// Local is the proof of the agent that runs on a data directory, for whoever may
// read it.
func Local(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, LocalFile))
	if err != nil {
		return "", fmt.Errorf("read local proof: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}
