package warehouse

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"

	"safekeep/shared/problem"
)

// Secret is a JSON object in clear: what is sealed, and handed out later. However
// it is printed, logged or encoded, only "(secret)" comes out; Reveal is the one
// way to the bytes, and easy to search for.
//
// Keep it in exported fields or not at all: of an unexported field fmt prints the
// bytes, because it cannot call the methods there. %p of a struct does the same,
// which go vet refuses.
type Secret []byte

const mask = "(secret)"

// Reveal returns the bytes themselves, not a copy: clearing them clears the secret.
func (s Secret) Reveal() []byte { return s }

// String returns "(secret)".
func (s Secret) String() string { return mask }

// GoString returns "(secret)", for %#v.
func (s Secret) GoString() string { return mask }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(mask) }

// MarshalJSON returns "(secret)" as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(mask) }

// MarshalText covers the other encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// Format implements fmt.Formatter: %v, %+v, %#v, %q, %x and the rest alike.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, mask) }

// maxPassword is the longest password in bytes, far above what any of the
// warehouses makes or asks for: what is longer is a file pasted by mistake.
const maxPassword = 1024

// checkPassword returns a problem unless text can be a password: 1 to 1,024 bytes
// without control characters. White space at its ends is refused although a
// password may have it, because it nearly always came with the paste, and the
// sign-in that fails later tells nobody why.
func checkPassword(field, text string) error {
	switch {
	case text == "":
		return problem.Field(field, "is missing")
	case len(text) > maxPassword:
		return problem.Field(field, "is longer than 1024 bytes")
	case strings.ContainsRune(text, utf8.RuneError):
		return problem.Field(field, "holds a character that was damaged on the way; send it as UTF-8")
	case strings.TrimFunc(text, invisible) != text:
		return problem.Field(field, "begins or ends with a space, a line break or an invisible character, most likely pasted along; hand it over without, or choose another one")
	case strings.ContainsFunc(text, unicode.IsControl):
		return problem.Field(field, "holds a control character or line break")
	}
	return nil
}

func invisible(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

// checkPasswordSecret checks the secret of warehouses that take a password, of
// the shape {"password":"…"}, and puts it into m.
func checkPasswordSecret(raw json.RawMessage, m *Material) error {
	var q struct {
		Password string `json:"password"`
	}
	if err := decode(raw, maxSecret, &q); err != nil {
		return err
	}
	if err := checkPassword("password", q.Password); err != nil {
		return err
	}
	return keep(m, q)
}

// keep puts a checked secret into m.
func keep(m *Material, secret any) (err error) {
	m.Secret, err = json.Marshal(secret)
	return err
}
