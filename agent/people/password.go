package people

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of a check; see the package's documentation.
const (
	argonTime    = 4
	argonMemory  = 9 << 10 // KiB
	argonThreads = 1
	saltLen      = 16
	keyLen       = 32
)

// The length of a password, in characters. There are no other rules: they make
// people write passwords on the cabinet.
const (
	MinPassword = 8
	MaxPassword = 128
)

// hashed is a password as it is kept, in the usual text form
// $argon2id$v=19$m=9216,t=4,p=1$salt$key.
type hashed string

// hash makes the kept form of a password with a fresh salt.
func hash(password string, random io.Reader) (hashed, error) {
	salt := make([]byte, saltLen)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("make salt: %w", err)
	}
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, keyLen)
	encode := base64.RawStdEncoding.EncodeToString
	return hashed(fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, argonMemory, argonTime, argonThreads, encode(salt), encode(key))), nil
}

var errHash = errors.New("it is not an argon2id hash of ours")

// fits reports whether password is the one that h was made of, in a time that
// says nothing about how nearly.
func (h hashed) fits(password string) (bool, error) {
	salt, key, err := h.parts()
	if err != nil {
		return false, err
	}
	other := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, keyLen)
	return subtle.ConstantTimeCompare(key, other) == 1, nil
}

// parts takes h apart. Other costs than ours are refused: a file that asks for a
// gigabyte of memory must not take the gateway down.
func (h hashed) parts() (salt, key []byte, err error) {
	prefix := fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, argonMemory, argonTime, argonThreads)
	rest, ok := strings.CutPrefix(string(h), prefix)
	first, second, two := strings.Cut(rest, "$")
	if !ok || !two {
		return nil, nil, fmt.Errorf("read password: %w", errHash)
	}
	salt, err = base64.RawStdEncoding.DecodeString(first)
	if err == nil {
		key, err = base64.RawStdEncoding.DecodeString(second)
	}
	if err != nil || len(salt) != saltLen || len(key) != keyLen {
		return nil, nil, fmt.Errorf("read password: %w", errHash)
	}
	return salt, key, nil
}
