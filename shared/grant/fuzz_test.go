package grant_test

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"strings"
	"testing"
	"time"

	"safekeep/shared/grant"
)

// fixed is a source that always has the key.
type fixed struct{ public *ecdsa.PublicKey }

func (f fixed) PublicKey(context.Context) (*ecdsa.PublicKey, error) { return f.public, nil }

// Nothing passes but what was signed, in the spelling that was signed.
func FuzzVerify(f *testing.F) {
	v := newVault(f)
	_, jwt := issue(f, v)
	body := jwt[:strings.LastIndex(jwt, ".")+1]
	kid := kidOf(f, &v.private.PublicKey)
	f.Add(jwt)
	f.Add(body)
	f.Add("..")
	f.Add(part(`{"alg":"none"}`) + "." + part(`{}`) + ".")
	f.Add(signed(f, newPrivate(f), headerOf(kid), `{"iss":"safekeep/prod"}`))
	f.Add(signed(f, v.private, `{"alg":"ES256","crit":["b64"],"b64":false,"kid":"`+kid+`"}`, "{}"))
	f.Add(signed(f, v.private, `{"alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"","y":""},"x5c":["MIIB"],"kid":"`+kid+`"}`, "{}"))
	f.Add(`{"payload":"e30","protected":"e30","signature":""}`)
	verifier := grant.NewVerifier(fixed{&v.private.PublicKey}, parties)
	f.Fuzz(func(t *testing.T, jwt string) {
		_, err := verifier.Verify(t.Context(), jwt, noon)
		switch {
		case err == nil && !strings.HasPrefix(jwt, body):
			t.Errorf("%q passes", jwt)
		case err != nil && (!errors.Is(err, grant.ErrRefused) || grant.Reason(err) == ""):
			t.Errorf("%q: %v", jwt, err)
		}
	})
}

// Whatever our own key has signed, what comes out of it keeps the rules.
func FuzzClaims(f *testing.F) {
	v := newVault(f)
	g := newGrant(f)
	f.Add(claimsOf(g))
	f.Add(strings.ReplaceAll(claimsOf(g), "run 42", `\u003c\ud800\"`))
	f.Add(strings.ReplaceAll(claimsOf(g), `"iat":`, `"iat":-9223372036854775808,"x":`))
	f.Add(strings.ReplaceAll(claimsOf(g), `"exp":`, `"exp":9223372036854775807,"EXP":`))
	f.Add(`{"credentials":[[[[]]]]}`)
	header := headerOf(kidOf(f, &v.private.PublicKey))
	verifier := grant.NewVerifier(fixed{&v.private.PublicKey}, parties)
	f.Fuzz(func(t *testing.T, claims string) {
		got, err := verifier.Verify(t.Context(), signed(t, v.private, header, claims), noon)
		if err != nil {
			if !errors.Is(err, grant.ErrRefused) || got.ID != "" {
				t.Errorf("%s: %v", claims, err)
			}
			return
		}
		life := got.ExpiresAt.Sub(got.IssuedAt)
		if life <= 0 || life > grant.Lifetime || !noon.Before(got.ExpiresAt) || got.IssuedAt.After(noon.Add(30*time.Second)) {
			t.Errorf("%s: from %v to %v", claims, got.IssuedAt, got.ExpiresAt)
		}
		if _, err := grant.New(got.Workspace, got.Credentials, got.Purpose, got.Run, noon); err != nil {
			t.Errorf("%s: %v", claims, err)
		}
		if _, err := grant.NewIssuer(v, parties).Issue(t.Context(), got); err != nil {
			t.Errorf("%s could not have been issued: %v", claims, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	v := newVault(b)
	_, jwt := issue(b, v)
	verifier := grant.NewVerifier(v, parties)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verifier.Verify(b.Context(), jwt, noon); err != nil {
			b.Fatal(err)
		}
	}
}

// The bare signature check, to see what is ours of the above.
func BenchmarkBareECDSA(b *testing.B) {
	v := newVault(b)
	digest := make([]byte, 32)
	der, err := v.Sign(b.Context(), digest)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !ecdsa.VerifyASN1(&v.private.PublicKey, digest, der) {
			b.Fatal("bad")
		}
	}
}

func BenchmarkIssue(b *testing.B) {
	issuer, g := grant.NewIssuer(newVault(b), parties), newGrant(b)
	for b.Loop() {
		if _, err := issuer.Issue(b.Context(), g); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLongText(b *testing.B) {
	verifier, long := grant.NewVerifier(newVault(b), parties), strings.Repeat("A.", 1<<19)
	for b.Loop() {
		_, _ = verifier.Verify(b.Context(), long, noon)
	}
}
