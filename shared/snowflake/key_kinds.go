package snowflake

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"strings"
)

// unmarshal reads DER that must be one value and nothing after it.
func unmarshal(der []byte, value any) error {
	rest, err := asn1.Unmarshal(der, value)
	if err == nil && len(rest) > 0 {
		err = errors.New("more data follows")
	}
	return err
}

// shape spells what stands in a DER sequence, a letter each: i(nteger),
// o(ctets), b(its), s(equence), c(ontext-specific), ? for the rest. The kinds of
// key and certificate differ in that, so it is surer than a label, which people
// retype and lose. "" is no sequence.
func shape(der []byte) string {
	var outer asn1.RawValue
	if unmarshal(der, &outer) != nil || outer.Class != asn1.ClassUniversal || outer.Tag != asn1.TagSequence {
		return ""
	}
	var letters strings.Builder
	// The longest shape that is told apart is PKCS#1's, of ten.
	for rest := outer.Bytes; len(rest) > 0 && letters.Len() < 12; {
		var child asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &child); err != nil {
			return ""
		}
		letters.WriteByte(letter(child))
	}
	return letters.String()
}

func letter(value asn1.RawValue) byte {
	if value.Class == asn1.ClassContextSpecific {
		return 'c'
	}
	switch value.Tag {
	case asn1.TagInteger:
		return 'i'
	case asn1.TagOctetString:
		return 'o'
	case asn1.TagBitString:
		return 'b'
	case asn1.TagSequence:
		return 's'
	default:
		return '?'
	}
}

// Shapes of what people take for an RSA private key.
const (
	shapeRSA       = "iiiiiiiii" // RSAPrivateKey, RFC 8017; with "s" after it, of many primes
	shapePKCS8     = "iso"       // PrivateKeyInfo, RFC 5958; attributes may follow
	shapeEncrypted = "so"        // EncryptedPrivateKeyInfo, RFC 5958
	shapePublic    = "sb"        // SubjectPublicKeyInfo, RFC 5280
	shapePublicRSA = "ii"        // RSAPublicKey, RFC 8017
	shapeSigned    = "ssb"       // a certificate, RFC 5280, or a request for one, RFC 2986
	shapeEC        = "io"        // ECPrivateKey, RFC 5915
	shapeDSA       = "iiiiii"    // what openssl writes as "DSA PRIVATE KEY"
	shapePKCS12    = "is"        // PFX, RFC 7292
)

// pkcs1Within returns the PKCS#1 form of the RSA key in der, or the refusal of
// what is there instead. The label that it came under is not asked: people put
// "BEGIN RSA PRIVATE KEY" around whatever bare base64 they have.
func pkcs1Within(der []byte) ([]byte, error) {
	switch s := shape(der); {
	case s == shapeRSA:
		return der, nil
	case s == shapeRSA+"s":
		return nil, newKey("is an RSA key of more than two primes;")
	case strings.HasPrefix(s, shapePKCS8):
		return pkcs1InPKCS8(der)
	case s == shapePublic, s == shapePublicRSA:
		return nil, publicKey()
	case s == shapeSigned:
		return nil, signed(der)
	case strings.HasPrefix(s, shapeEC):
		return nil, otherKind("an elliptic-curve (EC)")
	case s == shapeDSA:
		return nil, otherKind("a DSA")
	case strings.HasPrefix(s, shapePKCS12):
		return nil, pkcs12Store()
	// By chance the lengths in a damaged key can spell another row of values.
	case s == "", strings.HasPrefix(s, "iii"):
		return nil, damaged()
	default:
		return nil, notAKey()
	}
}

const oidRSA = "1.2.840.113549.1.1.1"

// otherKinds are the keys of PKCS#8 that are not plain RSA, by object identifier:
// RFC 8017 (RSA-PSS, RSA-OAEP), RFC 5480 (EC), RFC 8410 (the Edwards and
// Montgomery curves), RFC 3279 (DSA, DH). An RSA-PSS key has the same numbers as a
// plain one, but its public half has another fingerprint.
var otherKinds = map[string]string{
	"1.2.840.113549.1.1.10": "an RSA-PSS",
	"1.2.840.113549.1.1.7":  "an RSA-OAEP",
	"1.2.840.10045.2.1":     "an elliptic-curve (EC)",
	"1.3.101.112":           "an Ed25519",
	"1.3.101.113":           "an Ed448",
	"1.3.101.110":           "an X25519",
	"1.3.101.111":           "an X448",
	"1.2.840.10040.4.1":     "a DSA",
	"1.2.840.113549.1.3.1":  "a Diffie-Hellman",
	"1.2.840.10046.2.1":     "a Diffie-Hellman",
}

// pkcs1InPKCS8 unwraps a PrivateKeyInfo, RFC 5958 section 2. Attributes and a
// public key may follow, which say nothing that the key does not.
func pkcs1InPKCS8(der []byte) ([]byte, error) {
	var info struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}
	if err := unmarshal(der, &info); err != nil {
		return nil, damaged()
	}
	algorithm := info.Algorithm.Algorithm.String()
	if algorithm == oidRSA {
		return info.Key, nil
	}
	if kind, known := otherKinds[algorithm]; known {
		return nil, otherKind(kind)
	}
	return nil, otherKind("another kind of")
}

// signed tells a certificate from a request for one: what is signed has at
// least six parts in the first, four at most in the second.
func signed(der []byte) error {
	var outer struct{ Content asn1.RawValue }
	if unmarshal(der, &outer) == nil && len(shape(outer.Content.FullBytes)) <= 4 {
		return certificateRequest()
	}
	return certificate()
}

// framed checks that der is one sequence, neither cut off nor with more after
// it. Only the header is read, so it knows a key by its first bytes.
func framed(der []byte) error {
	if len(der) < 2 || der[0] != 0x30 {
		return damaged()
	}
	head, size := 2, int(der[1])
	if size >= 0x80 {
		// More than three bytes of length cannot be in 16 KiB of text.
		more := size - 0x80
		if more < 1 || more > 3 || len(der) < 2+more {
			return damaged()
		}
		head, size = 2+more, 0
		for _, b := range der[2:head] {
			size = size<<8 | int(b)
		}
	}
	switch {
	case head+size > len(der):
		return cutOff()
	case head+size < len(der):
		return damaged()
	}
	return nil
}

// foreignFiles are the first bytes of files that are not one DER sequence of
// definite length.
var foreignFiles = []struct {
	magic  string
	refuse func() error
}{
	{"openssh-key-v1\x00", opensshFormat},
	{"\xfe\xed\xfe\xed", javaStore},
	{"\xce\xce\xce\xce", javaStore},       // JCEKS
	{"\x30\x80\x02\x01\x03", pkcs12Store}, // of indefinite length, as macOS writes it
	{"\x00\x00\x00\x07ssh-", publicKey},   // the middle of an authorized_keys line
	{"\x00\x00\x00\x0bssh-", publicKey},
	{"\x00\x00\x00\x13ecdsa-", publicKey},
}

// foreign refuses a file of another format by name; nil is none that is known.
func foreign(data []byte) error {
	for _, file := range foreignFiles {
		if bytes.HasPrefix(data, []byte(file.magic)) {
			return file.refuse()
		}
	}
	return nil
}
