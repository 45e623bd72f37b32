package grant_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"safekeep/shared/grant"
)

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64url.EncodeToString(sum[:])
}

// rawSignature signs a text as JOSE has it on any curve: both numbers in the
// width of the curve.
func rawSignature(t testing.TB, private *ecdsa.PrivateKey, text string) []byte {
	t.Helper()
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	width := (private.Curve.Params().BitSize + 7) / 8
	raw := make([]byte, 2*width)
	r.FillBytes(raw[:width])
	s.FillBytes(raw[width:])
	return raw
}

// forger knows everything but the private key: a grant that was used, and the
// public key.
type forger struct {
	t             *testing.T
	ours          *ecdsa.PrivateKey // only for what our own mistake would be
	g             grant.Grant
	jwt, kid      string
	head, payload string // of jwt, still encoded
}

func newForger(t *testing.T, v *vault) *forger {
	g, jwt := issue(t, v)
	parts := strings.Split(jwt, ".")
	return &forger{t, v.private, g, jwt, kidOf(t, &v.private.PublicKey), parts[0], parts[1]}
}

// with is a token of ours with other claims, well signed: what a mistake in
// issuing would make, or another version of us.
func (f *forger) with(old, replacement string) string {
	claims := claimsOf(f.g)
	if strings.Count(claims, old) != 1 {
		f.t.Fatalf("%s is not once in %s", old, claims)
	}
	return signed(f.t, f.ours, headerOf(f.kid), strings.Replace(claims, old, replacement, 1))
}

// lasting is a token of ours from one second to another.
func (f *forger) lasting(from, to time.Time) string {
	g := f.g
	g.IssuedAt, g.ExpiresAt = from, to
	return signed(f.t, f.ours, headerOf(f.kid), claimsOf(g))
}

// headed is a token with another header, well signed by our key.
func (f *forger) headed(header string) string {
	return signed(f.t, f.ours, header, claimsOf(f.g))
}

// hmac is the classic: the public key is known to all, so an HMAC with it as
// the secret passes where the token itself says which algorithm it is for.
func (f *forger) hmac(secret []byte) string {
	text := part(strings.Replace(headerOf(f.kid), "ES256", "HS256", 1)) + "." + f.payload
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return text + "." + base64url.EncodeToString(mac.Sum(nil))
}

func (f *forger) publicDER() []byte {
	der, err := x509.MarshalPKIXPublicKey(&f.ours.PublicKey)
	if err != nil {
		f.t.Fatal(err)
	}
	return der
}

func (f *forger) rs256() string {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.t.Fatal(err)
	}
	text := part(strings.Replace(headerOf(f.kid), "ES256", "RS256", 1)) + "." + f.payload
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, digest[:])
	if err != nil {
		f.t.Fatal(err)
	}
	return text + "." + base64url.EncodeToString(signature)
}

// der is our token with its signature as KMS gives it.
func (f *forger) der() string {
	digest := sha256.Sum256([]byte(f.head + "." + f.payload))
	der, err := ecdsa.SignASN1(rand.Reader, f.ours, digest[:])
	if err != nil {
		f.t.Fatal(err)
	}
	return f.head + "." + f.payload + "." + base64url.EncodeToString(der)
}

// twin is our token with its signature's other form: s and n-s both verify.
func (f *forger) twin() string {
	raw, err := base64url.DecodeString(f.jwt[strings.LastIndex(f.jwt, ".")+1:])
	if err != nil {
		f.t.Fatal(err)
	}
	s := new(big.Int).SetBytes(raw[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(raw[32:])
	return f.head + "." + f.payload + "." + base64url.EncodeToString(raw)
}

// jsonForm is our token in the other serialization (RFC 7515, 7.2).
func (f *forger) jsonForm(flat bool) string {
	signature := f.jwt[strings.LastIndex(f.jwt, ".")+1:]
	if flat {
		return fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, f.payload, f.head, signature)
	}
	return fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, f.payload, f.head, signature)
}

// bringingKey is a token by another key that it brings along (RFC 7515, 4.1.3),
// under a name of its own or ours.
func (f *forger) bringingKey(ownName bool) string {
	private := newPrivate(f.t)
	kid := f.kid
	if ownName {
		kid = kidOf(f.t, &private.PublicKey)
	}
	jwk, err := json.Marshal(jose.JSONWebKey{Key: &private.PublicKey})
	if err != nil {
		f.t.Fatal(err)
	}
	return signed(f.t, private, `{"alg":"ES256","jwk":`+string(jwk)+`,"kid":"`+kid+`","typ":"secret-access+jwt"}`, claimsOf(f.g))
}

func publicOn384(t testing.TB) *ecdsa.PublicKey { return &privateOn384(t).PublicKey }

func privateOn384(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}
