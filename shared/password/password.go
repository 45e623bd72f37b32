// Package password says whether a password will hold: how hard it is to guess,
// whether it has leaked before, and what to do about it. Nothing about a
// password is kept, and nothing that is measured is tied to a person.
package password

import (
	"fmt"
	"log/slog"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"safekeep/shared/problem"
)

// Secret is a password. However it is printed, logged or encoded, only a mask
// comes out; Reveal is the one way to the text, and easy to search for. That
// the text stands behind a pointer has the reason that token.Secret gives.
type Secret struct{ text *string }

// NewSecret wraps a password.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the password itself.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

const mask = "(password)"

// String returns "(password)". Not even its length or its end are shown: of a
// password that is much.
func (s Secret) String() string { return mask }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(mask) }

// MarshalText implements encoding.TextMarshaler, and so covers JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// UnmarshalText implements encoding.TextUnmarshaler: a request's password is
// hidden from the moment it is read.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// Format implements fmt.Formatter: %v, %+v, %#v, %q, %x and the rest alike.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, mask) }

// MaxLength is the longest password in characters after normalisation. NIST
// wants at least 64 to be allowed (SP 800-63B-4, 3.1.1.2).
const MaxLength = 1024

// normalized returns the password in Unicode's composed form (NFC), in which it
// is the same whichever keyboard it was typed on, or a problem naming field.
// An empty password is one: it is short.
func (s Secret) normalized(field string) (Secret, error) {
	if s.text == nil {
		return Secret{}, problem.Field(field, "is missing")
	}
	text := *s.text
	long := problem.Field(field, fmt.Sprintf("is longer than %d characters", MaxLength))
	// One composed character is made of at most four. What is longer than
	// that need not be composed to be too long.
	if utf8.RuneCountInString(text) > 4*MaxLength {
		return Secret{}, long
	}
	for _, r := range text {
		if r == utf8.RuneError {
			return Secret{}, problem.Field(field, "holds a character that was damaged on the way; send it as UTF-8")
		}
	}
	text = norm.NFC.String(text)
	if utf8.RuneCountInString(text) > MaxLength {
		return Secret{}, long
	}
	return NewSecret(text), nil
}

// length counts characters as NIST does, each code point as one (SP 800-63B-4,
// 3.1.1.2).
func (s Secret) length() int { return utf8.RuneCountInString(s.Reveal()) }
