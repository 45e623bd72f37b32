package grant_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"safekeep/shared/grant"
	"safekeep/shared/problem"
)

// The token is, byte for byte, what RFC 7515 and RFC 7638 make of it by hand.
func TestIssue(t *testing.T) {
	v := newVault(t)
	g, jwt := issue(t, v)
	if got, want := jwt[:strings.LastIndex(jwt, ".")], part(headerOf(kidOf(t, &v.private.PublicKey)))+"."+part(claimsOf(g)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got, err := grant.NewVerifier(v, parties).Verify(t.Context(), jwt, noon)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(g, got); diff != "" {
		t.Errorf("issued and verified differ:\n%s", diff)
	}
	signs, asks := v.counts()
	if signs != 1 || asks != 2 { // the issuer and the verifier, in functions of their own
		t.Errorf("%d signatures and %d questions for the key", signs, asks)
	}
}

// One signature in 128 has a number that is shorter than 32 bytes, and DER
// leaves its zeros out.
func TestShortNumbersArePadded(t *testing.T) {
	v := newVault(t)
	issuer, verifier := grant.NewIssuer(v, parties), grant.NewVerifier(v, parties)
	g := newGrant(t)
	for short := 0; short < 3; {
		token, err := issuer.Issue(t.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		jwt := token.Reveal()
		signature, err := base64url.DecodeString(jwt[strings.LastIndex(jwt, ".")+1:])
		if err != nil || len(signature) != 64 {
			t.Fatalf("%d bytes, %v", len(signature), err)
		}
		if signature[0] != 0 && signature[32] != 0 {
			continue
		}
		short++
		if _, err := verifier.Verify(t.Context(), jwt, noon); err != nil {
			t.Errorf("%x: %v", signature, grant.Reason(err))
		}
	}
}

// The longest grant of the stack with the longest name is taken.
func TestLongestGrant(t *testing.T) {
	v, parties := newVault(t), grant.PartiesOf(strings.Repeat("s", 128))
	for _, c := range []string{`"`, `\`, "<", "&", "~"} {
		g, err := grant.New(strings.Repeat("w", 128), ids(grant.MaxCredentials), grant.Extract, strings.Repeat(c, grant.MaxRun), noon)
		if err != nil {
			t.Fatal(err)
		}
		token, err := grant.NewIssuer(v, parties).Issue(t.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		got, err := grant.NewVerifier(v, parties).Verify(t.Context(), token.Reveal(), noon)
		if diff := cmp.Diff(g, got); err != nil || diff != "" {
			t.Errorf("%d bytes: %v\n%s", len(token.Reveal()), err, diff)
		}
	}
	g := newGrant(t)
	token, err := grant.NewIssuer(v, grant.PartiesOf(strings.Repeat("s", 2000))).Issue(t.Context(), g)
	if _, ok := problem.Of(err); err == nil || ok || token.Reveal() != "" {
		t.Errorf("one that would be refused was issued: %v", err)
	}
}

// A grant that was put together by hand is held against the rules, too.
func TestIssueChecks(t *testing.T) {
	v := newVault(t)
	g := newGrant(t)
	g.Run = "two\nlines"
	if _, err := grant.NewIssuer(v, parties).Issue(t.Context(), g); err == nil {
		t.Error("issued")
	}
	if signs, asks := v.counts(); signs+asks > 0 {
		t.Error("KMS was asked")
	}
}

// Alias or key were pointed elsewhere while the process holds the old key: what
// it hands out must verify.
func TestIssueAfterTheKeyWasReplaced(t *testing.T) {
	v := newVault(t)
	issuer := grant.NewIssuer(v, parties)
	g := newGrant(t)
	for range 3 {
		v.set(func() { v.private = newPrivate(t) })
		token, err := issuer.Issue(t.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := grant.NewVerifier(v, parties).Verify(t.Context(), token.Reveal(), noon); err != nil {
			t.Errorf("%v: %s", err, grant.Reason(err))
		}
	}
	// While KMS still tells the old key, nothing is handed out.
	v.set(func() { v.public, v.private = &v.private.PublicKey, newPrivate(t) })
	if _, err := issuer.Issue(t.Context(), g); !errors.Is(err, grant.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
}

func TestIssueWithoutKMS(t *testing.T) {
	down := errors.New("no route to host")
	for name, change := range map[string]func(*vault){
		"down from the start":     func(v *vault) { v.down = down },
		"not a key on P-256":      func(v *vault) { v.public = publicOn384(t) },
		"not the key it says":     func(v *vault) { v.public = &newPrivate(t).PublicKey },
		"key there, signing down": nil,
	} {
		v := newVault(t)
		issuer := grant.NewIssuer(v, parties)
		if change == nil {
			if _, err := issuer.Issue(t.Context(), newGrant(t)); err != nil {
				t.Fatal(err)
			}
			change = func(v *vault) { v.down = down }
		}
		v.set(func() { change(v) })
		token, err := issuer.Issue(t.Context(), newGrant(t))
		if p, _ := problem.Of(err); p != grant.ErrUnavailable || token.Reveal() != "" {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
		if v.down != nil && !errors.Is(err, down) {
			t.Errorf("%s: the log does not learn why: %v", name, err)
		}
		// It heals by itself.
		v.set(func() { v.down, v.public = nil, nil })
		if _, err := issuer.Issue(t.Context(), newGrant(t)); err != nil {
			t.Errorf("%s, and back again: %v", name, err)
		}
	}
}

// What is no signature on P-256 goes to nobody.
func TestIssueOddSignature(t *testing.T) {
	v := newVault(t)
	good, err := v.Sign(t.Context(), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	long, err := ecdsa.SignASN1(rand.Reader, privateOn384(t), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	issuer := grant.NewIssuer(v, parties)
	for name, der := range map[string][]byte{
		"empty":             {},
		"text":              []byte("signature"),
		"cut":               good[:len(good)-1],
		"with something on": append(good[:len(good):len(good)], 0),
		"zeros":             {0x30, 6, 2, 1, 0, 2, 1, 0},
		"negative":          {0x30, 6, 2, 1, 0xff, 2, 1, 1},
		"of P-384":          long,
		"of another text":   good,
	} {
		v.set(func() { v.der = der })
		token, err := issuer.Issue(t.Context(), newGrant(t))
		if !errors.Is(err, grant.ErrUnavailable) || token.Reveal() != "" {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
	}
}

// The key was replaced, and then KMS went away.
func TestIssueBetweenTwoKeys(t *testing.T) {
	v := newVault(t)
	source := &outage{vault: v}
	issuer := grant.NewIssuer(source, parties)
	if _, err := issuer.Issue(t.Context(), newGrant(t)); err != nil {
		t.Fatal(err)
	}
	source.gone = errors.New("throttled")
	v.set(func() { v.private = newPrivate(t) })
	if _, err := issuer.Issue(t.Context(), newGrant(t)); !errors.Is(err, grant.ErrUnavailable) || !errors.Is(err, source.gone) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
}

// outage is a vault that signs and does not tell its key.
type outage struct {
	*vault
	gone error
}

func (o *outage) PublicKey(ctx context.Context) (*ecdsa.PublicKey, error) {
	if o.gone != nil {
		return nil, o.gone
	}
	return o.vault.PublicKey(ctx)
}

// 50 at once at a cold start ask for the key once.
func TestIssueAtOnce(t *testing.T) {
	v := newVault(t)
	v.block = make(chan struct{})
	issuer := grant.NewIssuer(v, parties)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := issuer.Issue(t.Context(), newGrant(t)); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	close(v.block)
	all.Wait()
	if signs, asks := v.counts(); signs != 50 || asks != 1 {
		t.Errorf("%d signatures and %d questions for the key", signs, asks)
	}
}

var anyGrant = rapid.Custom(func(r *rapid.T) grant.Grant {
	run := rapid.StringMatching(`[!-~]([ -~]{0,126}[!-~])?`).Draw(r, "run")
	credentials := rapid.SliceOfNDistinct(rapid.StringMatching(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), 1, grant.MaxCredentials, rapid.ID[string]).Draw(r, "credentials")
	workspace := rapid.StringMatching(`[A-Za-z0-9_~@|:-]{1,128}`).Draw(r, "workspace")
	purpose := rapid.SampledFrom([]grant.Purpose{grant.Extract, grant.Write, grant.Test, grant.Rotate}).Draw(r, "purpose")
	at := time.Unix(rapid.Int64Range(0, 1<<35).Draw(r, "at"), rapid.Int64Range(0, 999_999_999).Draw(r, "ns"))
	g, err := grant.New(workspace, credentials, purpose, run, at)
	if err != nil {
		r.Fatal(err)
	}
	return g
})

// What is issued comes back as it was, until its end and not after; and no byte
// of it can be another one.
func TestIssueAndVerify(t *testing.T) {
	v := newVault(t)
	issuer, verifier := grant.NewIssuer(v, parties), grant.NewVerifier(v, parties)
	rapid.Check(t, func(r *rapid.T) {
		g := anyGrant.Draw(r, "grant")
		token, err := issuer.Issue(t.Context(), g)
		if err != nil {
			r.Fatal(err)
		}
		jwt := token.Reveal()
		now := g.IssuedAt.Add(time.Duration(rapid.Int64Range(-int64(30*time.Second), int64(grant.Lifetime)-1).Draw(r, "later")))
		got, err := verifier.Verify(t.Context(), jwt, now)
		if err != nil {
			r.Fatalf("%v: %s", err, grant.Reason(err))
		}
		if diff := cmp.Diff(g, got); diff != "" {
			r.Fatal(diff)
		}
		if _, err := verifier.Verify(t.Context(), jwt, g.ExpiresAt); grant.Reason(err) != grant.Expired {
			r.Fatalf("at its end: %v", grant.Reason(err))
		}
		at := rapid.IntRange(0, len(jwt)-1).Draw(r, "at")
		b := rapid.Byte().Filter(func(b byte) bool { return b != jwt[at] }).Draw(r, "byte")
		if _, err := verifier.Verify(t.Context(), jwt[:at]+string([]byte{b})+jwt[at+1:], now); !errors.Is(err, grant.ErrRefused) {
			r.Fatalf("byte %d as %q: %v", at, b, err)
		}
	})
}

// Every single bit of one token counts, the unused ones of base64 too.
func TestEveryBitCounts(t *testing.T) {
	v := newVault(t)
	_, jwt := issue(t, v)
	verifier := grant.NewVerifier(v, parties)
	for at := range len(jwt) {
		for bit := range 8 {
			odd := []byte(jwt)
			odd[at] ^= 1 << bit
			if _, err := verifier.Verify(t.Context(), string(odd), noon); !errors.Is(err, grant.ErrRefused) {
				t.Errorf("bit %d of byte %d: %v", bit, at, err)
			}
		}
		for _, short := range []string{jwt[:at], jwt[at+1:], jwt[:at] + jwt[at+1:]} {
			if _, err := verifier.Verify(t.Context(), short, noon); !errors.Is(err, grant.ErrRefused) {
				t.Errorf("without byte %d or what is before or after: %v", at, err)
			}
		}
	}
	if _, asks := v.counts(); asks > 3 {
		t.Errorf("the key was asked for %d times", asks)
	}
}
