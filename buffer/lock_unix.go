//go:build unix

package buffer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// lockDir takes the data directory for this process. held is true when another
// live process has it; any other error means that the directory cannot be
// written.
func lockDir(dir string) (lock *os.File, held bool, err error) {
	path := filepath.Join(dir, nameLock)
	lock, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		if lock, err = os.Open(path); err != nil {
			return nil, false, err
		}
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		owner := make([]byte, 32)
		n, _ := lock.ReadAt(owner, 0) // only for the text
		_ = lock.Close()              // nothing was written
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, false, fmt.Errorf("lock %s: %w", path, err)
		}
		return nil, true, fmt.Errorf("open buffer: directory %s is in use by another watchpost, process %s (see %s): %w",
			dir, strings.TrimSpace(string(owner[:n])), path, err)
	}
	// The number is for the text above only: that it cannot be written on a
	// read-only file system is no error.
	if lock.Truncate(0) == nil {
		_, _ = lock.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	}
	return lock, false, nil
}
