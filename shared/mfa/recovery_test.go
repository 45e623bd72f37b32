package mfa_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"safekeep/shared/mfa"
)

func TestRecoveryCodes(t *testing.T) {
	set, shown, err := mfa.NewCodes(rand.Reader, noon)
	if err != nil || len(shown) != 10 || set.Left() != 10 {
		t.Fatalf("%d codes, %d left, %v", len(shown), set.Left(), err)
	}
	for i, code := range shown {
		text := code.Reveal()
		if len(text) != 19 || strings.Trim(text, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-") != "" {
			t.Errorf("code %d is not of the shape", i)
		}
		// As people type it: small, without dashes, with letters for digits.
		typed := strings.NewReplacer("0", "o", "1", "l", "-", " ").Replace(strings.ToLower(text))
		normal, err := mfa.Normal(mfa.NewSecret(typed))
		if err != nil || normal != strings.ReplaceAll(text, "-", "") {
			t.Errorf("code %d is not read as it was made", i)
		}
		if _, ok := set.Find(normal); !ok {
			t.Errorf("code %d is not found", i)
		}
		for n := range normal { // every character counts
			other := []byte(normal)
			if other[n]++; other[n] > 'Z' || other[n] == ':' {
				other[n] = '2'
			}
			if n%5 == i%5 {
				if _, ok := set.Find(string(other)); ok && string(other) != normal {
					t.Errorf("code %d with another character %d is found", i, n)
				}
			}
		}
		for _, kept := range set.Each {
			if strings.Contains(string(kept.Hash), text) || len(kept.Hash) != 49 {
				t.Errorf("what is kept of code %d is no hash", i)
			}
		}
	}
	if again, _, _ := mfa.NewCodes(rand.Reader, noon); again.Made == set.Made {
		t.Error("two sets have one name")
	}
	// Another's code, an unknown selector and a set that is empty cost a hash too.
	if _, ok := (mfa.Codes{}).Find("0000000000000000"); ok {
		t.Error("a code is found in no set")
	}
}

// OWASP's least for argon2id with two passes: "Password Storage Cheat Sheet".
func TestHashesAreSlow(t *testing.T) {
	if mfa.HashMemory != 19456 {
		t.Errorf("a hash takes %d KiB", mfa.HashMemory)
	}
}

func FuzzRecoveryCode(f *testing.F) {
	set, shown, err := mfa.NewCodes(rand.Reader, noon)
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{shown[0].Reveal(), strings.ToLower(shown[1].Reveal()), "", "----", "ＡＢＣＤ", strings.Repeat("A", 16), "ſſſſſſſſſſſſſſſſ", "K", "\x00\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		normal, err := mfa.Normal(mfa.NewSecret(text))
		if err != nil {
			if text != "" && strings.Contains(err.Error(), text) && len(text) > 4 {
				t.Error("an error repeats what was typed")
			}
			return
		}
		if len(normal) != 16 || strings.Trim(normal, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != "" {
			t.Errorf("%q is read as %q", text, normal)
		}
		if again, err := mfa.Normal(mfa.NewSecret(normal)); err != nil || again != normal {
			t.Errorf("%q is not stable", normal)
		}
		known := false
		for _, code := range shown {
			known = known || strings.ReplaceAll(code.Reveal(), "-", "") == normal
		}
		if _, ok := set.Find(normal); ok != known {
			t.Errorf("found: %v, want %v", ok, known)
		}
	})
}

func FuzzCode(f *testing.F) {
	seed := []byte("12345678901234567890")
	f.Add("287082")
	f.Add("28708２")
	f.Add("")
	f.Fuzz(func(t *testing.T, code string) {
		_, ok := mfa.Match(seed, code, noon)
		want := false
		for s := -1; s <= 1; s++ {
			want = want || code == hotp(seed, uint64(noon.Unix()/30+int64(s)), 6)
		}
		if ok != want {
			t.Errorf("%q: %v", code, ok)
		}
	})
}

// However a secret is printed, nothing of it comes out.
func TestSecretNeverPrints(t *testing.T) {
	s := mfa.NewSecret("123456")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{s, &s, struct{ S mfa.Secret }{s}, []mfa.Secret{s}, map[string]mfa.Secret{"a": s}} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, "123456") || strings.Contains(got, "313233") {
				t.Errorf("%s of a %T shows it", verb, v)
			}
		}
	}
}
