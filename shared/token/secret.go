package token

import (
	"fmt"
	"log/slog"
)

// Secret is the text of a token. However it is printed, logged or encoded, only
// its hint comes out; Reveal is the one way to the text, and easy to search for.
//
// The text stands behind a pointer because fmt cannot call the methods of a
// field that is unexported: of a struct around this one it prints an address.
type Secret struct{ text *string }

// NewSecret wraps text that may be a token.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the token itself.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Hash returns the name the token is stored under.
func (s Secret) Hash() Hash { return HashOf(s.Reveal()) }

// String returns the hint.
func (s Secret) String() string { return Hint(s.Reveal()) }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler, and so covers JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Format implements fmt.Formatter: %v, %+v, %#v, %q, %x and the rest alike.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.String()) }
