// Package snowflake knows how one signs in to Snowflake with a key pair: the
// private key as people paste it, the fingerprint that Snowflake shows, the
// public key as its SQL wants it.
package snowflake

import (
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"strings"
)

const (
	// maxText bounds a paste in bytes, outer space not counted. The longest key
	// taken, RSA of 8192 bits and encrypted, has 6.7 KiB as PEM.
	maxText = 16 << 10
	// maxPassphrase in bytes is the most that openssl's own prompt takes (PEM_BUFSIZE).
	maxPassphrase = 1024
	// minBits is Snowflake's own minimum ("Key-pair authentication": 2048-bit RSA).
	minBits = 2048
	// maxBits bounds what a signature and the check of a key may cost; checking
	// 8192 bits takes 2 ms, and no tool makes longer keys without being asked.
	maxBits = 8192
)

// ParsePrivateKey reads an RSA private key as people paste it: PEM or bare
// base64; PKCS#8 or PKCS#1; encrypted by PBES2, PBES1 or the older way of
// "DEK-Info"; with line breaks lost or written as \n, indented, quoted, or with
// text around the block.
//
// The passphrase is tried exactly as given, then without the line break that
// many files end with. It must be empty when the key is not encrypted.
//
// Every refusal is a *problem.Error on "private_key" or "passphrase". It names
// the mistake, ends in "Run: " and the one command that mends it, and repeats
// nothing of either text. A key that would cost too much to open is refused
// before it costs anything; see maxWork and maxScryptMemory.
func ParsePrivateKey(text, passphrase string) (*rsa.PrivateKey, error) {
	if len(passphrase) > maxPassphrase {
		return nil, badPassphrase("is longer than 1024 bytes, which no key can be opened with;"+
			" give a shorter one to the key.", commandConvert)
	}
	pasted, err := readPaste(text)
	if err != nil {
		return nil, err
	}
	l, err := pasted.lock()
	if err != nil {
		return nil, err
	}
	der := pasted.der
	if l != nil {
		if der, err = l.open(passphrase); err != nil {
			return nil, err
		}
	}
	key, err := parseRSA(der)
	if err != nil {
		return nil, err
	}
	// Last, because whoever pasted the wrong key must hear of that first.
	if l == nil && withoutLineEnd(passphrase) != "" {
		return nil, needlessPassphrase()
	}
	return key, nil
}

// withoutLineEnd returns the passphrase without the line breaks at its end.
func withoutLineEnd(passphrase string) string { return strings.TrimRight(passphrase, "\r\n") }

// pkcs1Key is RSAPrivateKey of RFC 8017, A.1.2, without the further primes.
type pkcs1Key struct {
	Version                         int
	N, E, D, P, Q, DP, DQ, QInverse *big.Int
}

// parseRSA reads an unencrypted key, PKCS#8 or PKCS#1, and checks it. The sizes
// come first: the library's check costs the square of them and more.
func parseRSA(der []byte) (*rsa.PrivateKey, error) {
	pkcs1, err := pkcs1Within(der)
	if err != nil {
		return nil, err
	}
	var numbers pkcs1Key
	if err := unmarshal(pkcs1, &numbers); err != nil {
		return nil, damaged()
	}
	bits := numbers.N.BitLen()
	switch {
	// Version 1 says that more primes follow, which openssl makes only when asked,
	// and which hardly any driver signs with.
	case numbers.Version != 0:
		return nil, newKey("is an RSA key of more than two primes;")
	case bits < minBits:
		return nil, newKey("is an RSA key of less than 2048 bits, which Snowflake does not take;")
	case bits > maxBits:
		return nil, newKey("is an RSA key of more than 8192 bits, which costs too much to sign with;")
	// The library takes 31 bits; everybody uses 65537, and a long one costs with
	// every signature that Snowflake checks.
	case numbers.E.BitLen() > 31:
		return nil, newKey("is an RSA key whose public exponent is too large;")
	}
	// In a good key none is longer than the modulus.
	for _, part := range []*big.Int{numbers.D, numbers.P, numbers.Q, numbers.DP, numbers.DQ, numbers.QInverse} {
		if part.BitLen() > bits {
			return nil, damaged()
		}
	}
	// It compares every number with every other, so a key that lost a single
	// bit on the way does not pass.
	key, err := x509.ParsePKCS1PrivateKey(pkcs1)
	if err != nil {
		return nil, damaged()
	}
	return key, nil
}
