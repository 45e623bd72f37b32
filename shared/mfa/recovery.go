package mfa

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"safekeep/shared/problem"
)

// Codes are an account's recovery codes.
type Codes struct {
	Made   string // the random name of the set; "" is none
	MadeAt time.Time
	Each   map[string]Code // by selector
}

// Code is what is kept of one. A used one stays, so that somebody who tries it
// again is known to have the list.
type Code struct {
	Hash []byte
	Used bool
}

// Left is how many are not used.
func (c Codes) Left() int {
	left := 0
	for _, code := range c.Each {
		if !code.Used {
			left++
		}
	}
	return left
}

// A code is 16 characters of Crockford's base32, in groups of four. The first
// three are its selector: which of the ten it is, so that a try costs one hash
// and not ten. The other thirteen are the secret, of 65 bits.
const (
	codeCount      = 10
	codeLength     = 16
	selectorLength = 3
)

// crockford has no I, L, O or U; what looks like 0 or 1 is read as that.
//
// Source: Douglas Crockford, "Base 32".
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

var crockfordEncoding = base32.NewEncoding(crockford).WithPadding(base32.NoPadding)

// normal returns a code as it was made from how a person typed it, or a problem.
// No secret is needed to say that it cannot be one, so that is no try.
func normal(typed Secret) (string, error) {
	text := typed.Reveal()
	if len(text) > 4*codeLength {
		return "", errCodeShape
	}
	text = strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(text))
	if len(text) != codeLength || strings.Trim(text, crockford) != "" {
		return "", errCodeShape
	}
	return text, nil
}

var errCodeShape = problem.Field("code", "must be a recovery code: 16 letters and digits such as XXXX-XXXX-XXXX-XXXX")

// Look-up secrets of fewer than 112 bits are to be salted and hashed by a
// password hash (NIST SP 800-63B-4, 3.1.2.2). These are OWASP's least for argon2id
// that take the least memory; a Lambda of 1024 MB is not short of it. The first
// byte of what is kept names them, so that others can follow.
const (
	hashFormat  = 1
	hashPasses  = 2
	hashThreads = 1
	saltLength  = 16
	hashLength  = 32
)

// hashMemory is in KiB. It is no constant because the tests make codes by the
// hundred.
var hashMemory uint32 = 19 << 10

// hashed is the format, the salt and the hash of a code's secret.
func hashed(secret string, salt []byte) []byte {
	out := append([]byte{hashFormat}, salt...)
	return append(out, argon2.IDKey([]byte(secret), salt, hashPasses, hashMemory, hashThreads, hashLength)...)
}

// nobodys is hashed against when no code has a selector, so that this takes as
// long.
var nobodys = make([]byte, 1+saltLength+hashLength)

// find returns the code that a normal text is of, and whether it is one; the
// code may have been used. It costs one hash, whatever it finds.
func (c Codes) find(text string) (selector string, code Code, ok bool) {
	selector = text[:selectorLength]
	code, known := c.Each[selector]
	kept := code.Hash
	if len(kept) != len(nobodys) || kept[0] != hashFormat {
		known, kept = false, nobodys
	}
	again := hashed(text[selectorLength:], kept[1:1+saltLength])
	return selector, code, subtle.ConstantTimeCompare(again, kept) == 1 && known
}

// newCodes makes a set of ten, and returns them as they are shown, this once.
func newCodes(random io.Reader, now time.Time) (Codes, []Secret, error) {
	set := Codes{Made: rand.Text(), MadeAt: now, Each: map[string]Code{}}
	var shown []Secret
	for len(shown) < codeCount {
		bytes := make([]byte, codeLength*5/8+saltLength)
		if _, err := io.ReadFull(random, bytes); err != nil {
			return Codes{}, nil, fmt.Errorf("making recovery codes: %w", err)
		}
		text := crockfordEncoding.EncodeToString(bytes[:codeLength*5/8])
		selector := text[:selectorLength]
		if _, taken := set.Each[selector]; taken {
			continue
		}
		set.Each[selector] = Code{Hash: hashed(text[selectorLength:], bytes[codeLength*5/8:])}
		shown = append(shown, NewSecret(text[:4]+"-"+text[4:8]+"-"+text[8:12]+"-"+text[12:]))
	}
	return set, shown, nil
}
