package snowflake

import (
	"crypto/md5"  //nolint:gosec // G501: LibreSSL, which is macOS's openssl, still derives with MD5 by default
	"crypto/sha1" //nolint:gosec // G505: what -v1 PBE-SHA1-3DES means, the advice on several vendors' pages
	"hash"
	"math/big"
)

// pbes1Scheme is one of the schemes that fix cipher and derivation together: of
// PKCS#5 (RFC 8018, 6.1 and A.3) or of PKCS#12 (RFC 7292, appendix C). No Go
// library that is kept up reads them.
type pbes1Scheme struct {
	hash   func() hash.Hash
	cipher blockCipher
	pkcs12 bool
	// keySize in bytes is what is derived, which of two-key 3DES is less than
	// the cipher's.
	keySize int
}

// pbes1Schemes are those that need nothing but DES: of PKCS#5 with MD5 and SHA-1,
// of PKCS#12 with three keys and with two. The others are refused in ciphers.go.
var pbes1Schemes = map[string]pbes1Scheme{
	"1.2.840.113549.1.5.3":    {hash: md5.New, cipher: singleDES, keySize: 8},
	"1.2.840.113549.1.5.10":   {hash: sha1.New, cipher: singleDES, keySize: 8},
	"1.2.840.113549.1.12.1.3": {hash: sha1.New, cipher: tripleDES, pkcs12: true, keySize: 24},
	"1.2.840.113549.1.12.1.4": {hash: sha1.New, cipher: tripleDES, pkcs12: true, keySize: 16},
}

// fill reads PBEParameter, RFC 8018 A.3: salt and iterations.
func (s pbes1Scheme) fill(l *lock, parameters []byte) error {
	var params struct {
		Salt       []byte
		Iterations *big.Int
	}
	if err := unmarshal(parameters, &params); err != nil {
		return damaged()
	}
	// A run is one hash, half of an HMAC; PKCS#12 takes three: two for the key
	// and one for the IV.
	weight := 1
	if s.pkcs12 {
		weight = 2
	}
	// The salt needs no bound: it goes into the first hash of a run only.
	iterations, err := count(params.Iterations, weight)
	if err != nil {
		return err
	}
	l.cipher = s.cipher
	l.derive = func(passphrase string) (key, iv []byte, _ error) {
		if s.pkcs12 {
			key, iv = s.pkcs12Derive(passphrase, params.Salt, iterations)
		} else {
			key, iv = s.pbkdf1(passphrase, params.Salt, iterations)
		}
		return key, iv, nil
	}
	return nil
}

// pbkdf1 is RFC 8018, 5.1 and 6.1.1: hash the passphrase and the salt, hash that
// again and again; the first eight bytes are the key, the next eight the IV.
func (s pbes1Scheme) pbkdf1(passphrase string, salt []byte, iterations int) (key, iv []byte) {
	sum := rehash(s.hash(), append([]byte(passphrase), salt...), iterations)
	return sum[:8], sum[8:16]
}

// pkcs12Derive derives key and IV as PKCS#12 does.
func (s pbes1Scheme) pkcs12Derive(passphrase string, salt []byte, iterations int) (key, iv []byte) {
	key = pkcs12Key(s.hash(), 1, passphrase, salt, iterations, s.keySize)
	iv = pkcs12Key(s.hash(), 2, passphrase, salt, iterations, s.cipher.blockSize)
	if s.keySize < s.cipher.keySize {
		key = append(key, key[:8]...) // two-key 3DES: the third key is the first
	}
	return key, iv
}

// rehash hashes data, then the hash, iterations times in all.
func rehash(h hash.Hash, data []byte, iterations int) []byte {
	sum := make([]byte, 0, h.Size())
	for range iterations {
		h.Reset()
		h.Write(data)
		sum = h.Sum(sum[:0])
		data = sum
	}
	return sum
}
