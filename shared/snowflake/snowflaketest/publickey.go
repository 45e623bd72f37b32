package snowflaketest

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"safekeep/shared/snowflake"
)

// publicKey is a key that a user signs in with; the zero value is none.
type publicKey struct {
	key         *rsa.PublicKey
	body        string // as it was given
	fingerprint string
	set         time.Time
}

// minBits is the shortest key that Snowflake takes.
const minBits = 2048

// readPublicKey reads the base64 of a SubjectPublicKeyInfo. Line breaks in it do
// no harm; PEM's delimiters do. Snowflake takes elliptic curves too, which no
// driver in Go can sign with, so here they are refused.
func readPublicKey(body string, now time.Time) (publicKey, error) {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(body), ""))
	if err != nil {
		return publicKey{}, rejectedKey("Invalid Public key")
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return publicKey{}, rejectedKey("Invalid Public key")
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return publicKey{}, rejected("The provided public key uses an unsupported key algorithm.")
	}
	if bits := key.N.BitLen(); bits < minBits {
		return publicKey{}, rejectedKey(fmt.Sprintf("Key length %d is smaller than minimal requirement of %d.", bits, minBits))
	}
	return publicKey{key: key, body: body, fingerprint: snowflake.Fingerprint(key), set: now}, nil
}
