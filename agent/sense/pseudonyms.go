package sense

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"

	"watchpost/agent/record"
	"watchpost/drivers"
)

// MinKey is the least length of a site key in bytes: that of the hash, below
// which RFC 2104 (section 3) advises against a key.
const MinKey = sha256.Size

// pseudonymDomain keeps these pseudonyms apart from anything else a site key
// may ever be used for. Changing it changes every pseudonym.
const pseudonymDomain = "watchpost card pseudonym 1\x00"

// pseudonymSize is how much of the code is kept: 128 bits, so that two cards of
// one site never meet by chance.
const pseudonymSize = 16

// Pseudonyms makes card numbers into what may be stored and sent: the same for
// the same card, and worth nothing without the site key (promise 11). A short
// list of all possible cards can be tried by whoever has the key, and by nobody
// else. It is safe for concurrent use and cannot be printed. A nil *Pseudonyms
// gives no identity to anything.
type Pseudonyms struct {
	code func() hash.Hash // holds the key, where no printing reaches it
}

// NewPseudonyms uses a site key of at least MinKey bytes.
func NewPseudonyms(key []byte) (*Pseudonyms, error) {
	if len(key) < MinKey {
		return nil, fmt.Errorf("make pseudonyms: site key has %d bytes, want %d or more", len(key), MinKey)
	}
	key = append([]byte(nil), key...)
	return &Pseudonyms{code: func() hash.Hash { return hmac.New(sha256.New, key) }}, nil
}

// Of is the pseudonym of what was presented: the first 16 bytes, in hex, of the
// HMAC-SHA256 of format and number. It is empty for a nil *Pseudonyms and for
// the zero Token.
func (p *Pseudonyms) Of(t drivers.Token) string {
	if p == nil || t.IsZero() {
		return ""
	}
	code := p.code()
	code.Write([]byte(pseudonymDomain)) // a hash never fails to take bytes
	code.Write([]byte(t.Secret()))
	return hex.EncodeToString(code.Sum(nil)[:pseudonymSize])
}

// card is what may be known of a token; nil of the zero one.
func (p *Pseudonyms) card(t drivers.Token) *record.Card {
	if t.IsZero() {
		return nil
	}
	return &record.Card{Pseudonym: p.Of(t), Format: t.Format()}
}
