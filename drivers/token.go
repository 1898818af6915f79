package drivers

import "log/slog"

// Token is what a person presented to a reader: a card's number or a code typed
// on a keypad. It is personal data and travels no further than agent/sense,
// which makes a pseudonym of it. It cannot be printed, logged or marshalled by
// accident; Secret is the only way to the number. Tokens are comparable; the
// zero Token is none.
type Token struct {
	format string
	number string
}

// NewToken is the number of a card in the format the reader sent, such as
// ("h10301", "99/999") or ("uid", "04a2b3c4"). The same card must give the same
// token each time; UIDs are written in lower-case hex, in the order the card
// sends them.
func NewToken(format, number string) Token { return Token{format: format, number: number} }

// IsZero reports that nothing was presented.
func (t Token) IsZero() bool { return t == Token{} }

// Equal reports whether u is the same card in the same format.
func (t Token) Equal(u Token) bool { return t == u }

// Format is how the number was sent, which is no secret.
func (t Token) Format() string { return t.format }

// Secret is the format, a colon and the number.
func (t Token) Secret() string { return t.format + ":" + t.number }

// String hides the number.
func (t Token) String() string {
	if t.IsZero() {
		return ""
	}
	return t.format + ":hidden"
}

// GoString hides the number from %#v.
func (t Token) GoString() string { return t.String() }

// LogValue hides the number from logs.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText hides the number from encoders.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
