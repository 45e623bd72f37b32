package grant

import (
	"fmt"
	"log/slog"
)

// Token is a grant's JWT. Whoever holds it can use it, so however it is
// printed, logged or encoded only a hint comes out; Reveal is the one way to
// the text. That the text stands behind a pointer has the reason that
// token.Secret gives.
type Token struct{ text *string }

// NewToken wraps text that may be a grant's JWT.
func NewToken(text string) Token { return Token{&text} }

// Reveal returns the JWT itself.
func (t Token) Reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// shortest is what a text must measure for its end to be shown: 4 characters
// of a signature's 86 help nobody, of a pasted password they would.
const shortest = 100

// String returns the hint, "grant …a1B2".
func (t Token) String() string {
	text := t.Reveal()
	if len(text) < shortest {
		return "grant …"
	}
	return "grant …" + text[len(text)-4:]
}

// LogValue implements slog.LogValuer.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText implements encoding.TextMarshaler, and so covers JSON.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler: a request's grant is hidden
// from the moment it is read.
func (t *Token) UnmarshalText(text []byte) error {
	*t = NewToken(string(text))
	return nil
}

// Format implements fmt.Formatter: %v, %+v, %#v, %q, %x and the rest alike.
func (t Token) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, t.String()) }
