package snowflake

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // G502: only to read keys that openssl once wrote with DES; nothing is encrypted
	"crypto/x509/pkix"
	"fmt"
)

// lock is what keeps an encrypted key shut. Whoever makes one has checked the
// sizes and the cost, so that opening it is safe and cheap enough.
//
// Every scheme comes down to a derivation and CBC, so there is one way to open
// and to judge what comes out. youmark/pkcs8 and x509.DecryptPEMBlock would each
// have covered a part, and neither checks the cost first.
type lock struct {
	cipher blockCipher
	// derive returns the cipher's key and IV for a passphrase.
	derive func(passphrase string) (key, iv []byte, err error)
	sealed []byte
}

// blockCipher is a cipher in CBC mode; the sizes are in bytes. None of the
// schemes authenticates anything: that a key is the right one shows in its numbers.
type blockCipher struct {
	keySize, blockSize int
	make               func(key []byte) (cipher.Block, error)
}

var (
	aes128    = blockCipher{16, aes.BlockSize, aes.NewCipher}
	aes192    = blockCipher{24, aes.BlockSize, aes.NewCipher}
	aes256    = blockCipher{32, aes.BlockSize, aes.NewCipher}
	tripleDES = blockCipher{24, des.BlockSize, des.NewTripleDESCipher}
	singleDES = blockCipher{8, des.BlockSize, des.NewCipher}
)

// lock returns what keeps the key shut; nil when it is not encrypted.
func (p paste) lock() (*lock, error) {
	var l *lock
	var err error
	switch {
	case p.cipher != "":
		l, err = legacyLock(p)
	case shape(p.der) == shapeEncrypted:
		l, err = pkcs8Lock(p.der)
	default:
		return nil, nil
	}
	// What is checked here costs nothing, so it comes before the derivation, and a
	// key that arrived in part is told from a wrong passphrase for sure.
	if err != nil {
		return nil, err
	}
	// CBC makes whole blocks, and the padding is never empty.
	if len(l.sealed) == 0 || len(l.sealed)%l.cipher.blockSize != 0 {
		return nil, damaged()
	}
	return l, nil
}

// pkcs8Lock reads an EncryptedPrivateKeyInfo, RFC 5958 section 3.
func pkcs8Lock(der []byte) (*lock, error) {
	var info struct {
		Scheme pkix.AlgorithmIdentifier
		Sealed []byte
	}
	if err := unmarshal(der, &info); err != nil {
		return nil, damaged()
	}
	l := &lock{sealed: info.Sealed}
	oid := info.Scheme.Algorithm.String()
	if scheme, known := pbes1Schemes[oid]; known {
		return l, scheme.fill(l, info.Scheme.Parameters.FullBytes)
	}
	// PBES1 schemes name everything at once; PBES2 names its parts in parameters.
	if oid == oidPBES2 {
		return l, fillPBES2(l, info.Scheme.Parameters.FullBytes)
	}
	return nil, unreadable(oid)
}

// open decrypts the key. A wrong passphrase, which gives noise, is told from a
// right one on a damaged key by the first bytes, and not by the padding: noise
// has good padding once in 256 times, the first bytes of a key once in 2^37.
func (l *lock) open(passphrase string) ([]byte, error) {
	// An empty one is tried too: there are keys that have that.
	tries := []string{passphrase}
	if short := withoutLineEnd(passphrase); short != passphrase {
		tries = append(tries, short)
	}
	for _, try := range tries {
		plain, err := l.decrypt(try)
		if err != nil {
			return nil, err
		}
		if beginsLikeKey(plain) {
			return unpad(plain, l.cipher.blockSize)
		}
	}
	if withoutLineEnd(passphrase) == "" {
		return nil, missingPassphrase()
	}
	return nil, wrongPassphrase()
}

// decrypt makes one try. Its errors are none of the caller's doing: the sizes have
// been checked, so only a Go that forbids a cipher (FIPS mode) comes here.
func (l *lock) decrypt(passphrase string) ([]byte, error) {
	key, iv, err := l.derive(passphrase)
	if err != nil {
		return nil, fmt.Errorf("deriving the key of an encrypted key: %w", err)
	}
	b, err := l.cipher.make(key)
	if err != nil {
		return nil, fmt.Errorf("decrypting a key: %w", err)
	}
	plain := make([]byte, len(l.sealed))
	cipher.NewCBCDecrypter(b, iv).CryptBlocks(plain, l.sealed)
	return plain, nil
}

// beginsLikeKey looks for a sequence whose first part is the version, 0 or 1, and
// whose second is one of those that a key goes on with.
func beginsLikeKey(plain []byte) bool {
	if len(plain) < 8 || plain[0] != 0x30 {
		return false
	}
	version := plain[2:]
	switch plain[1] {
	case 0x81:
		version = plain[3:]
	case 0x82:
		version = plain[4:]
	}
	next := version[3]
	return version[0] == 2 && version[1] == 1 && version[2] <= 1 &&
		(next == 0x02 || next == 0x04 || next == 0x30)
}

// unpad takes off the padding of RFC 8018, 6.1.1: n bytes of value n.
func unpad(plain []byte, blockSize int) ([]byte, error) {
	n := int(plain[len(plain)-1])
	if n == 0 || n > blockSize || n > len(plain) {
		return nil, damaged()
	}
	for _, b := range plain[len(plain)-n:] {
		if int(b) != n {
			return nil, damaged()
		}
	}
	return plain[:len(plain)-n], nil
}
