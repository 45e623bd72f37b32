package mfa

import (
	"fmt"
	"log/slog"
)

// Secret is a code, a proof or an app's secret as a text. However it is printed,
// logged or encoded, only "…" comes out: six digits have no part that could be
// shown. Reveal is the one way to the text. That the text stands behind a pointer
// has the reason that token.Secret gives.
type Secret struct{ text *string }

// NewSecret wraps a text that nobody may see.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the text itself.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String returns "…".
func (Secret) String() string { return "…" }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler, and so covers JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler: what a request brings is
// hidden from the moment it is read.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// Format implements fmt.Formatter: %v, %+v, %#v, %q, %x and the rest alike.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.String()) }

// reveal returns the texts of some, for the one answer that shows them.
func reveal(secrets []Secret) []string {
	texts := make([]string, len(secrets))
	for i, s := range secrets {
		texts[i] = s.Reveal()
	}
	return texts
}
