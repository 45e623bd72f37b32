package grant_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"sync"
	"testing"
	"time"

	"safekeep/shared/grant"
)

var (
	noon    = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	parties = grant.PartiesOf("prod")
)

const (
	mainID  = "0b9f8c1e-7a52-4d0c-9b0a-3d5a1f6f2c11"
	otherID = "7c1d2f3a-0000-4000-8000-00000000000a"
)

// vault signs with a key of this process and answers like KMS: in DER, or late,
// or not at all.
type vault struct {
	mu          sync.Mutex
	private     *ecdsa.PrivateKey
	public      any    // what is told instead of the private key's own
	der         []byte // what is answered instead of a signature
	down        error
	signs, asks int
	block       chan struct{} // when set, an answer takes until it is closed
}

func newVault(t testing.TB) *vault {
	t.Helper()
	return &vault{private: newPrivate(t)}
}

func newPrivate(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func (v *vault) Sign(ctx context.Context, digest []byte) ([]byte, error) {
	v.mu.Lock()
	v.signs++
	private, der, down := v.private, v.der, v.down
	v.mu.Unlock()
	if down != nil || der != nil {
		return der, down
	}
	if err := v.wait(ctx); err != nil {
		return nil, err
	}
	return ecdsa.SignASN1(rand.Reader, private, digest)
}

func (v *vault) PublicKey(ctx context.Context) (*ecdsa.PublicKey, error) {
	v.mu.Lock()
	v.asks++
	public, down := &v.private.PublicKey, v.down
	if told, ok := v.public.(*ecdsa.PublicKey); ok {
		public = told
	}
	v.mu.Unlock()
	if down != nil {
		return nil, down
	}
	return public, v.wait(ctx)
}

func (v *vault) wait(ctx context.Context) error {
	v.mu.Lock()
	block := v.block
	v.mu.Unlock()
	if block == nil {
		return nil
	}
	select {
	case <-block:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// set changes the vault under its lock.
func (v *vault) set(change func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change()
}

func (v *vault) counts() (signs, asks int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.signs, v.asks
}

func newGrant(t testing.TB) grant.Grant {
	t.Helper()
	g, err := grant.New("acme", []string{mainID, otherID}, grant.Extract, "run 42", noon)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// issue returns a new grant and its JWT.
func issue(t testing.TB, v *vault) (grant.Grant, string) {
	t.Helper()
	g := newGrant(t)
	token, err := grant.NewIssuer(v, parties).Issue(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	return g, token.Reveal()
}

var base64url = base64.RawURLEncoding

func part(text string) string { return base64url.EncodeToString([]byte(text)) }

// headerOf is the header of a grant, members in the order that we write.
func headerOf(kid string) string {
	return fmt.Sprintf(`{"alg":"ES256","kid":%q,"typ":"secret-access+jwt"}`, kid)
}

// kidOf is RFC 7638 by hand: the hash of the required members in their order.
func kidOf(t testing.TB, public *ecdsa.PublicKey) string {
	t.Helper()
	point, err := public.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	return digestOf(fmt.Sprintf(`{"crv":"P-256","kty":"EC","x":%q,"y":%q}`,
		base64url.EncodeToString(point[1:33]), base64url.EncodeToString(point[33:])))
}

// claimsOf is what a grant says, members in the order that we write.
func claimsOf(g grant.Grant) string {
	return fmt.Sprintf(`{"iss":"safekeep/prod","aud":"safekeep/prod/connect","jti":%q,"workspace":%q,"credentials":[%q,%q],"purpose":%q,"run":%q,"iat":%d,"exp":%d}`,
		g.ID, g.Workspace, g.Credentials[0], g.Credentials[1], g.Purpose, g.Run, g.IssuedAt.Unix(), g.ExpiresAt.Unix())
}

// signed makes a JWS of any header and claims, with a good signature over them.
func signed(t testing.TB, private *ecdsa.PrivateKey, header, claims string) string {
	t.Helper()
	text := part(header) + "." + part(claims)
	return text + "." + base64url.EncodeToString(rawSignature(t, private, text))
}
