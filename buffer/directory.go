package buffer

import (
	"errors"
	"os"
)

// takeDir locks the directory and makes the run durable, as far as the storage
// allows. The error says that another process has the directory.
func (b *Buffer) takeDir() error {
	mkdirErr := os.MkdirAll(b.opts.Dir, 0o700)
	lock, held, lockErr := lockDir(b.opts.Dir)
	if held {
		return lockErr
	}
	b.lock = lock
	var known bool
	b.self, b.ending.Predecessor, known = nextRun(b.opts.Dir)
	err := errors.Join(mkdirErr, lockErr)
	if err == nil {
		err = writeWhole(b.opts.Dir, nameRun, b.self.encode())
	}
	b.runWritten = err == nil
	if err != nil {
		// The next start could count to the same n: only the epoch keeps the runs
		// apart.
		b.self.Run.Epoch = newEpoch()
		b.why = err.Error()
		b.opts.Log.Warn("run is not durable", "dir", b.opts.Dir, "cause", err, "predecessor", known)
	}
	b.run = b.self.Run
	return nil
}

// secureDir repeats what takeDir could not do.
func (b *Buffer) secureDir() error {
	if b.lock == nil || !b.runWritten {
		if err := os.MkdirAll(b.opts.Dir, 0o700); err != nil {
			return err
		}
	}
	if b.lock == nil {
		lock, _, err := lockDir(b.opts.Dir)
		if err != nil {
			return err
		}
		b.lock = lock
	}
	if !b.runWritten {
		if err := writeWhole(b.opts.Dir, nameRun, b.self.encode()); err != nil {
			return err
		}
		b.runWritten = true
	}
	return nil
}

// probe says whether the directory can be written.
func (b *Buffer) probe() error {
	return writeWhole(b.opts.Dir, nameRunCopy, b.self.encode())
}
