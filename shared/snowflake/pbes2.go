package snowflake

import (
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // G505: the hash of keys that openssl before 1.1 wrote; as a PRF it is not broken
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"hash"
	"math/big"

	"golang.org/x/crypto/scrypt"
)

// Object identifiers of RFC 8018 (appendix C) and RFC 7914 (section 7).
const (
	oidPBES2  = "1.2.840.113549.1.5.13"
	oidPBKDF2 = "1.2.840.113549.1.5.12"
	oidScrypt = "1.3.6.1.4.1.11591.4.11"
	// oidHMACSHA1 is what PBKDF2 means when it names no function.
	oidHMACSHA1 = "1.2.840.113549.2.7"
)

// pbes2Ciphers are the ciphers of PBES2, RFC 8018 B.2, that are read: AES, which
// openssl takes by default, 3DES, which is in the command on Snowflake's page, and
// DES, which costs nothing to read as well.
var pbes2Ciphers = map[string]blockCipher{
	"2.16.840.1.101.3.4.1.2":  aes128,
	"2.16.840.1.101.3.4.1.22": aes192,
	"2.16.840.1.101.3.4.1.42": aes256,
	"1.2.840.113549.3.7":      tripleDES,
	"1.3.14.3.2.7":            singleDES,
}

// prf is a hash for PBKDF2's HMAC. Weight is what a run of it costs in runs of
// SHA-256: measured, SHA-512 is 3.2 times slower.
type prf struct {
	hash   func() hash.Hash
	weight int
}

// pbkdf2PRFs are SHA-1 and all of SHA-2, RFC 8018 B.1.2.
var pbkdf2PRFs = map[string]prf{
	oidHMACSHA1:           {sha1.New, 1},
	"1.2.840.113549.2.8":  {sha256.New224, 1},
	"1.2.840.113549.2.9":  {sha256.New, 1},
	"1.2.840.113549.2.10": {sha512.New384, 3},
	"1.2.840.113549.2.11": {sha512.New, 3},
	"1.2.840.113549.2.12": {sha512.New512_224, 3},
	"1.2.840.113549.2.13": {sha512.New512_256, 3},
}

// fillPBES2 reads PBES2-params, RFC 8018 A.4: a derivation and a cipher.
func fillPBES2(l *lock, parameters []byte) error {
	var scheme struct{ Derivation, Cipher pkix.AlgorithmIdentifier }
	if err := unmarshal(parameters, &scheme); err != nil {
		return damaged()
	}
	oid := scheme.Cipher.Algorithm.String()
	known := false
	if l.cipher, known = pbes2Ciphers[oid]; !known {
		return unreadable(oid)
	}
	// In CBC the parameters of all these ciphers are the IV.
	var iv []byte
	if err := unmarshal(scheme.Cipher.Parameters.FullBytes, &iv); err != nil || len(iv) != l.cipher.blockSize {
		return damaged()
	}
	key, err := pbes2Derivation(scheme.Derivation, l.cipher.keySize)
	l.derive = func(passphrase string) ([]byte, []byte, error) {
		k, err := key(passphrase)
		return k, iv, err
	}
	return err
}

// derivation makes the cipher's key out of a passphrase.
type derivation func(passphrase string) ([]byte, error)

func pbes2Derivation(algorithm pkix.AlgorithmIdentifier, size int) (derivation, error) {
	switch oid := algorithm.Algorithm.String(); oid {
	case oidPBKDF2:
		return pbkdf2Derivation(algorithm.Parameters.FullBytes, size)
	case oidScrypt:
		return scryptDerivation(algorithm.Parameters.FullBytes, size)
	default:
		return nil, unreadable(oid)
	}
}

// pbkdf2Derivation reads PBKDF2-params, RFC 8018 A.2.
func pbkdf2Derivation(parameters []byte, size int) (derivation, error) {
	var params struct {
		Salt       []byte // "otherSource" is a promise that nobody ever made use of
		Iterations *big.Int
		KeySize    int                      `asn1:"optional"`
		PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
	}
	if err := unmarshal(parameters, &params); err != nil || params.KeySize != 0 && params.KeySize != size {
		return nil, damaged()
	}
	// DER leaves out what is the default, so keys with SHA-1 seldom name it.
	oid := oidHMACSHA1
	if len(params.PRF.Algorithm) > 0 {
		oid = params.PRF.Algorithm.String()
	}
	f, known := pbkdf2PRFs[oid]
	if !known {
		return nil, unreadable(oid)
	}
	// A key longer than the hash takes as many whole runs as it has hashes.
	hashSize := f.hash().Size()
	iterations, err := count(params.Iterations, f.weight*((size+hashSize-1)/hashSize))
	if err != nil {
		return nil, err
	}
	return func(passphrase string) ([]byte, error) {
		return pbkdf2.Key(f.hash, passphrase, params.Salt, iterations, size)
	}, nil
}

// scryptDerivation reads scrypt-params, RFC 7914 section 7.1. All three factors
// are bounded before any is multiplied, so no product can run over.
func scryptDerivation(parameters []byte, size int) (derivation, error) {
	var params struct {
		Salt    []byte
		N, R, P *big.Int
		KeySize int `asn1:"optional"`
	}
	if err := unmarshal(parameters, &params); err != nil || params.KeySize != 0 && params.KeySize != size {
		return nil, damaged()
	}
	if params.N.Sign() <= 0 || params.R.Sign() <= 0 || params.P.Sign() <= 0 {
		return nil, damaged()
	}
	r, err := within(params.R, maxScryptFactor)
	if err != nil {
		return nil, err
	}
	p, err := within(params.P, maxScryptFactor)
	if err != nil {
		return nil, err
	}
	n, err := within(params.N, min(maxScryptMemory/(128*r), maxScryptWork/(r*p)))
	if err != nil {
		return nil, err
	}
	if n < 2 || n&(n-1) != 0 {
		return nil, damaged() // N is a power of two above one
	}
	return func(passphrase string) ([]byte, error) {
		return scrypt.Key([]byte(passphrase), params.Salt, n, r, p, size)
	}, nil
}
