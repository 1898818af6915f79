package people

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// codeLetters leaves out what is mistaken for something else when it is read
// aloud or from a console: Crockford's base 32, five bits a letter.
const codeLetters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// codeLen letters are 60 bits.
const codeLen = 12

// newCode writes a fresh set-up code.
func (k *Keeper) newCode() error {
	random := make([]byte, codeLen)
	if _, err := io.ReadFull(k.random, random); err != nil {
		return fmt.Errorf("make set-up code: %w", err)
	}
	var code strings.Builder
	for i, b := range random {
		if i > 0 && i%4 == 0 {
			code.WriteByte('-')
		}
		code.WriteByte(codeLetters[int(b)%len(codeLetters)])
	}
	return write(k.dir, CodeFile, []byte(code.String()+"\n"))
}

// code is the present set-up code.
func (k *Keeper) code() (string, error) { return Code(k.dir) }

// Code is the set-up code of a data directory, for a command on the console. It
// is fs.ErrNotExist once it was used.
func Code(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, CodeFile))
	if err != nil {
		return "", fmt.Errorf("read set-up code: %w", err)
	}
	if code := strings.TrimSpace(string(text)); len(plain(code)) == codeLen {
		return code, nil
	}
	return "", fmt.Errorf("read set-up code %s: it has not %d letters; delete the file and start the agent again", CodeFile, codeLen)
}

// plain is a code as it is compared: without dashes and spaces, and with the
// letters that look like digits taken for them.
func plain(code string) string {
	return strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(code))
}

// Reset forgets the password and makes a new set-up code, for a command on the
// console of whoever may write the data directory. A running agent sees it at
// once; open sessions end.
func Reset(dir string) error {
	k := &Keeper{dir: dir, random: rand.Reader}
	err := os.Remove(filepath.Join(dir, PasswordFile))
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reset password: %w", err)
	}
	return k.newCode()
}

// write replaces a file, whole or not at all, readable by its owner alone. What
// root writes belongs to whom the directory belongs: the agent, which has to read
// it, is another user.
func write(dir, name string, text []byte) (err error) {
	draft, err := os.CreateTemp(dir, name+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", name, err), os.Remove(draft.Name()))
		}
	}()
	_, err = draft.Write(text)
	if err == nil && os.Geteuid() == 0 {
		err = give(draft, dir)
	}
	if err == nil {
		err = draft.Sync()
	}
	if closing := draft.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(draft.Name(), filepath.Join(dir, name))
	}
	return err
}

// give hands a file to the owner and group of its directory.
func give(file *os.File, dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.ErrUnsupported
	}
	return file.Chown(int(owner.Uid), int(owner.Gid))
}

// syncDir has the names in a directory survive a power cut: a password that was
// reset must not come back. A file system that cannot is no error.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	if err := errors.Join(err, d.Close()); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
