package snowflake

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"

	"safekeep/shared/problem"
)

// GenerateKey makes a key pair of 2048, 3072 or 4096 bits. Another size is a
// *problem.Error on "bits".
//
// Since Go 1.26 the library reads its own secure source whatever random is,
// unless a test sets another one (testing/cryptotest).
func GenerateKey(random io.Reader, bits int) (*rsa.PrivateKey, error) {
	if bits != 2048 && bits != 3072 && bits != 4096 {
		return nil, problem.Field("bits", "must be 2048, 3072 or 4096")
	}
	key, err := rsa.GenerateKey(random, bits)
	if err != nil {
		return nil, fmt.Errorf("making an RSA key: %w", err)
	}
	return key, nil
}

// Fingerprint returns "SHA256:" and the base64 of the SHA-256 of the public
// key's SubjectPublicKeyInfo: what DESC USER shows as RSA_PUBLIC_KEY_FP, and
// what the issuer of a sign-in token ends in (Snowflake, "Key-pair
// authentication and key-pair rotation").
func Fingerprint(pub *rsa.PublicKey) string {
	sum := sha256.Sum256(publicDER(pub))
	return "SHA256:" + base64.StdEncoding.EncodeToString(sum[:])
}

// PublicKeyBody returns the public key as ALTER USER … SET RSA_PUBLIC_KEY='…'
// wants it: base64 of the SubjectPublicKeyInfo without delimiters or line breaks.
func PublicKeyBody(pub *rsa.PublicKey) string {
	return base64.StdEncoding.EncodeToString(publicDER(pub))
}

func publicDER(pub *rsa.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		panic("snowflake: an RSA public key that has no DER form") // the library fails for other types only
	}
	return der
}

// MarshalPrivateKey returns the key as unencrypted PKCS#8 PEM, the one form that
// every driver reads. The key must come from ParsePrivateKey or GenerateKey; of
// one put together by hand it may panic, without telling anything of it.
func MarshalPrivateKey(key *rsa.PrivateKey) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic("snowflake: an RSA private key that does not hold together")
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
