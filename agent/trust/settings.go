package trust

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// maxFile is the largest file that is read: all the roots of a system have some
// 220 KB.
const maxFile = 1 << 20

// Clock says what time it is, and whether something outside has set the clock.
type Clock func() (now time.Time, set bool)

// Settings say whom to believe and what to show. The zero value believes the
// system's roots and shows no certificate.
type Settings struct {
	// CAFile has the certificates that may vouch for the far side, PEM. Empty:
	// the system's roots. With a file the system's roots count for nothing.
	CAFile string
	// CertFile and KeyFile are our own certificate, its intermediates behind
	// it, and its key, PEM; both or neither. The key file is closed to group
	// and others.
	CertFile, KeyFile string
	// ServerName is what the far side's certificate must be for, a name or an
	// IP address. Empty: the host that was dialled.
	ServerName string
	// Clock is what certificates are judged by; nil: the system's, believed.
	Clock Clock
}

// Check reads the files and says what is wrong with the first that cannot be
// used, as an Error with the Reason BadFile.
func (s Settings) Check() error {
	_, err := s.load()
	return err
}

// loaded are the files as they were at one moment.
type loaded struct {
	settings Settings
	roots    *x509.CertPool      // nil: the system's
	cas      []*x509.Certificate // what roots is made of
	own      *tls.Certificate    // nil: none
}

func (s Settings) load() (*loaded, error) {
	if s.Clock == nil {
		s.Clock = func() (time.Time, bool) { return time.Now(), true }
	}
	l := &loaded{settings: s}
	if s.CAFile != "" {
		raw, err := readFile(s.CAFile, false)
		if err != nil {
			return nil, badFile(s.CAFile, err)
		}
		if l.cas, err = certificates(raw); err != nil {
			return nil, badFile(s.CAFile, err)
		}
		l.roots = x509.NewCertPool()
		for _, ca := range l.cas {
			l.roots.AddCert(ca)
		}
	}
	if s.CertFile == "" && s.KeyFile == "" {
		return l, nil
	}
	chain, err := readFile(s.CertFile, false)
	if err != nil {
		return nil, badFile(s.CertFile, err)
	}
	if _, err := certificates(chain); err != nil {
		return nil, badFile(s.CertFile, err)
	}
	key, err := readFile(s.KeyFile, true)
	if err != nil {
		return nil, badFile(s.KeyFile, err)
	}
	if bytes.Contains(key, []byte("ENCRYPTED")) { // PKCS #8, or the older Proc-Type
		return nil, badFile(s.KeyFile, errors.New("it is locked with a passphrase; a gateway needs it without"))
	}
	own, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, badFile(s.KeyFile, fmt.Errorf("not the key of %s: %w", s.CertFile, err))
	}
	l.own = &own
	return l, nil
}

// readFile reads a regular file of a bearable size; a secret one must be closed
// to group and others.
func readFile(path string, secret bool) ([]byte, error) {
	before, err := os.Stat(path) // before opening: opening a pipe waits for a writer
	if err != nil {
		return nil, cause(err)
	}
	if !before.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	defer func() { _ = file.Close() }() // read only: nothing to lose
	info, err := file.Stat()
	if err != nil {
		return nil, cause(err)
	}
	if mode := info.Mode().Perm(); secret && mode&0o077 != 0 {
		return nil, fmt.Errorf("mode %04o opens it to others; run: chmod 0600 %s", mode, path)
	}
	raw, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return nil, cause(err)
	case len(raw) > maxFile:
		return nil, fmt.Errorf("longer than %d bytes", maxFile)
	}
	return raw, nil
}

// certificates are all in a PEM file; one that cannot be read is an error, lest
// half a file pass for the whole.
func certificates(raw []byte) (all []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, raw = pem.Decode(raw); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(all)+1, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("no certificate in it (PEM is wanted)")
	}
	return all, nil
}

// cause drops the path that a file error repeats.
func cause(err error) error {
	if at, ok := errors.AsType[*os.PathError](err); ok {
		return at.Err
	}
	return err
}
