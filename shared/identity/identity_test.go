package identity_test

import (
	"strings"
	"testing"

	"safekeep/shared/identity"
)

func TestCheck(t *testing.T) {
	for _, good := range []string{"a", "acme", "auth0|5f7c8ec7c33c6c004bbafe82", "ann@acme.example", "a.b_c~d:e-f", strings.Repeat("x", 128), "...", "0"} {
		if err := identity.Check("user", good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", ".", "..", "a b", "a/b", "a#b", "ä", "a\x00", "a%41", strings.Repeat("x", 129)} {
		if identity.Check("user", bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
