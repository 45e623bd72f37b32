package snowflake

import (
	"crypto/md5" //nolint:gosec // G501: the only derivation that this format has
)

// legacyCiphers are the DEK-Info names that are read: RFC 1423's and those that
// openssl added.
var legacyCiphers = map[string]blockCipher{
	"AES-128-CBC":  aes128,
	"AES-192-CBC":  aes192,
	"AES-256-CBC":  aes256,
	"DES-EDE3-CBC": tripleDES,
	"DES-CBC":      singleDES,
}

// legacyLock reads a block with a DEK-Info line. Its derivation is one hash, so it
// has no cost to bound, and hardly protects the key; but it is what many have.
func legacyLock(p paste) (*lock, error) {
	c, known := legacyCiphers[p.cipher]
	if !known {
		return nil, unreadable(p.cipher)
	}
	if len(p.iv) != c.blockSize {
		return nil, damaged()
	}
	return &lock{
		cipher: c,
		sealed: p.der,
		derive: func(passphrase string) ([]byte, []byte, error) {
			return legacyKey(passphrase, p.iv[:8], c.keySize), p.iv, nil
		},
	}, nil
}

// legacyKey is openssl's EVP_BytesToKey with MD5 and one round: each hash is of
// the one before, the passphrase and the salt, which is the start of the IV.
func legacyKey(passphrase string, salt []byte, size int) []byte {
	var key, last []byte
	for len(key) < size {
		h := md5.New() //nolint:gosec // G401: as above
		h.Write(last)
		h.Write([]byte(passphrase))
		h.Write(salt)
		last = h.Sum(nil)
		key = append(key, last...)
	}
	return key[:size]
}
